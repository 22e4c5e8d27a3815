// One-line descriptions of parts of the model, close to what `ip` prints.

import type { Address, Hop, Nexthop, Route, Rule } from "./model.ts";

const words = (...parts: (string | false | undefined)[]): string =>
	parts.filter((part) => part !== undefined && part !== false && part !== "").join(" ");
const pair = (name: string, value: string | number | undefined): string | undefined =>
	value === undefined ? undefined : `${name} ${value}`;

export function showAddress(address: Address): string {
	return words(
		address.peer === undefined
			? `${address.address}/${address.prefix}`
			: `${address.address} peer ${address.peer}/${address.prefix}`,
		pair("dev", address.link),
		pair("label", address.label),
		pair("metric", address.metric),
		address.scope !== "global" && pair("scope", address.scope),
	);
}

export function showRoute(route: Route): string {
	return words(
		route.type !== "unicast" && route.type,
		route.destination === "0.0.0.0/0" || route.destination === "::/0"
			? `default${route.family === 6 ? " (IPv6)" : ""}`
			: route.destination,
		pair("from", route.from),
		route.tos !== undefined && `tos 0x${route.tos.toString(16)}`,
		showWay(route),
		pair("nhid", route.nexthopId),
		route.hops?.map((hop) => `nexthop ${showWay(hop)} weight ${hop.weight}`).join(" "),
		route.table !== 254 && pair("table", route.table),
		pair("metric", route.metric),
		pair("src", route.preferredSource),
		pair("mtu", route.metrics?.mtu),
	);
}

function showWay(hop: Pick<Hop, "gateway" | "link" | "onlink">): string {
	return words(pair("via", hop.gateway), pair("dev", hop.link), hop.onlink === true && "onlink");
}

export function showRule(rule: Rule): string {
	const range = (values: readonly [number, number] | undefined) => values?.join("-");
	return words(
		`${rule.priority}:`,
		rule.invert === true && "not",
		`from ${rule.from ?? "all"}`,
		pair("to", rule.to),
		pair("iif", rule.incoming),
		pair("oif", rule.outgoing),
		rule.mark !== undefined && `fwmark 0x${rule.mark.toString(16)}`,
		pair("ipproto", rule.ipProtocol),
		pair("sport", range(rule.sourcePort)),
		pair("dport", range(rule.destinationPort)),
		pair("uidrange", range(rule.uids)),
		rule.l3mdev === true && "l3mdev",
		rule.action === "lookup" ? pair("lookup", rule.table) : rule.action,
		rule.family === 6 && "(IPv6)",
	);
}

export function showNexthop(hop: Nexthop): string {
	return words(
		`id ${hop.id}`,
		hop.group !== undefined &&
			`group ${hop.group.map((member) => `${member.id},${member.weight}`).join("/")}`,
		hop.blackhole === true && "blackhole",
		showWay(hop),
	);
}
