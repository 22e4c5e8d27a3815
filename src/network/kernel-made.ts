// What the kernel makes by itself once links and addresses are there, so that nobody has to repeat it.

import { eui64, holds, networkOf } from "./ip.ts";
import type { Address, Link, Network, Route, Rule } from "./model.ts";

export const mainTable = 254;
export const localTable = 255;

const perAddress = new Set(["local", "broadcast", "anycast", "multicast"]);

/** Tells routes that the kernel makes from those that somebody set. Built once for a network: it may hold a million routes. */
export function kernelRoutes(network: Network): (route: Route) => boolean {
	const prefixes = new Set<string>();
	const table = vrfTables(network);
	for (const address of network.addresses) {
		if (address.flags.includes("noprefixroute")) continue;
		const net = networkOf(address.peer ?? address.address, address.prefix);
		prefixes.add(`${address.link} ${net} ${table(address.link)}`);
		// IPv6 has a route to the near end as well (modify_prefix_route, net/ipv6/addrconf.c).
		if (address.family === 6 && address.peer !== undefined) {
			const own = networkOf(address.address, address.prefix);
			prefixes.add(`${address.link} ${own} ${table(address.link)}`);
		}
	}
	return (route) => {
		if (route.protocol !== "kernel") return false;
		if (perAddress.has(route.type)) return true;
		if (route.family === 6) {
			if (holds("ff00::/8", route.destination.split("/", 1)[0] ?? "")) return true;
			// ip6_null_entry and the like, as older kernels dump them.
			if (route.type !== "unicast" && (route.link ?? "lo") === "lo") return true;
		}
		// With `expires`: made from a router advertisement, for as long as that is valid.
		return (
			route.gateway === undefined &&
			route.hops === undefined &&
			prefixes.has(`${route.link ?? ""} ${route.destination} ${route.table}`)
		);
	};
}

/** A planned network together with the rules and prefix routes that the kernel will add to it. */
export function asRunning(network: Network): Network {
	const table = vrfTables(network);
	const routes = network.addresses
		.filter((address) => !address.flags.includes("noprefixroute"))
		.map(
			(address): Route => ({
				family: address.family,
				type: "unicast",
				destination: networkOf(address.peer ?? address.address, address.prefix),
				table: table(address.link),
				protocol: "kernel",
				scope: address.family === 4 ? "link" : "global",
				link: address.link,
				...(address.family === 6 ? { metric: address.metric ?? 256 } : {}),
			}),
		);
	const vrfRules = ([4, 6] as const).map(
		(family): Rule => ({ family, priority: 1000, action: "lookup", l3mdev: true }),
	);
	const hasVrf = network.links.some((link) => link.kind === "vrf");
	return {
		...network,
		routes: [...routes, ...network.routes],
		rules: [...defaultRules(4), ...defaultRules(6), ...(hasVrf ? vrfRules : []), ...network.rules],
	};
}

/** Table in which the kernel puts the prefix routes of a link. */
function vrfTables(network: Network): (link: string) => number {
	const byName = new Map(network.links.map((link) => [link.name, link]));
	return (name) => {
		let at = byName.get(name);
		for (let depth = 0; at !== undefined && depth < 8; depth++) {
			if (at.details?.kind === "vrf") return at.details.table;
			at = byName.get(at.master ?? "");
		}
		return mainTable;
	};
}

/** The rules every namespace starts with, and the one that the first VRF brings (net/core/fib_rules.c, drivers/net/vrf.c). */
export function isKernelRule(rule: Rule): boolean {
	if (rule.l3mdev === true) return rule.priority === 1000 && rule.action === "lookup";
	return defaultRules(rule.family).some(
		(own) => own.priority === rule.priority && own.table === rule.table && isBare(rule),
	);
}

/** IPv6 has no table `default`. */
export function defaultRules(family: 4 | 6): readonly Rule[] {
	const rule = (priority: number, table: number): Rule => ({
		family,
		priority,
		action: "lookup",
		table,
		protocol: "kernel",
	});
	return [rule(0, localTable), rule(32766, mainTable), ...(family === 4 ? [rule(32767, 253)] : [])];
}

function isBare(rule: Rule): boolean {
	const known = ["family", "priority", "action", "table", "protocol"];
	return rule.action === "lookup" && Object.keys(rule).every((key) => known.includes(key));
}

/** The address that the kernel gives to every link that is up, from the MAC. */
export function isOwnLinkLocal(address: Address, link: Link | undefined): boolean {
	return (
		address.family === 6 &&
		address.scope === "link" &&
		address.prefix === 64 &&
		!address.flags.includes("noprefixroute") &&
		link?.mac !== undefined &&
		address.address === eui64(link.mac)
	);
}

/** 127.0.0.1/8 and ::1/128 on lo. */
export function isOwnLoopback(address: Address): boolean {
	return (
		address.link === "lo" &&
		((address.address === "127.0.0.1" && address.prefix === 8) ||
			(address.address === "::1" && address.prefix === 128))
	);
}
