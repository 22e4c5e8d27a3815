import type { Address, Link, Network, Route, Rule, VlanDetails } from "../../src/network/index.ts";
import { emptyNetwork } from "../../src/network/index.ts";

/** Hand-made parts of a model, with what most of them have in common filled in. */
export const up = ["broadcast", "multicast", "up", "lower_up"];

export const lo: Link = {
	name: "lo",
	index: 1,
	type: "loopback",
	mtu: 65536,
	flags: ["loopback", "up", "lower_up"],
};

export function card(name: string, mac: string, more: Partial<Link> = {}): Link {
	return {
		name,
		index: Number.parseInt(mac.slice(-2), 16) + 1,
		type: "ether",
		mac,
		permanentMac: mac,
		mtu: 1500,
		flags: up,
		...more,
	};
}

export function virtual(name: string, kind: string, more: Partial<Link> = {}): Link {
	return { name, index: 100, type: "ether", kind, mtu: 1500, flags: up, ...more };
}

export function address(link: string, prefix: string, more: Partial<Address> = {}): Address {
	const [text = "", length = "0"] = prefix.split("/");
	const family = text.includes(":") ? 6 : 4;
	const scope = text.startsWith("fe80") ? "link" : "global";
	return {
		link,
		family,
		address: text,
		prefix: Number(length),
		scope,
		flags: [],
		origin: "static",
		...more,
	};
}

/** A route by the words `ip route` would take: `default via 10.0.0.1 dev eth0`. */
export function route(words: string, more: Partial<Route> = {}): Route {
	const parts = words.split(" ");
	const after = (word: string): string | undefined => {
		const at = parts.indexOf(word);
		return at < 0 ? undefined : parts[at + 1];
	};
	const first = parts[0] ?? "";
	const gateway = after("via");
	const link = after("dev");
	const metric = after("metric");
	const family = first.includes(":") || (first === "default" && more.family === 6) ? 6 : 4;
	return {
		family,
		type: "unicast",
		destination: first !== "default" ? first : (more.family ?? family) === 6 ? "::/0" : "0.0.0.0/0",
		table: 254,
		protocol: "boot",
		scope: family === 4 && gateway === undefined && more.hops === undefined ? "link" : "global",
		...(family === 6 ? { metric: Number(metric ?? 1024) } : {}),
		...(family === 4 && metric !== undefined ? { metric: Number(metric) } : {}),
		...(link === undefined ? {} : { link }),
		...(gateway === undefined ? {} : { gateway }),
		...(parts.includes("onlink") ? { onlink: true } : {}),
		...more,
	};
}

/** The rules every namespace has. */
export const usualRules: readonly Rule[] = (
	[
		[4, 0, 255],
		[4, 32766, 254],
		[4, 32767, 253],
		[6, 0, 255],
		[6, 32766, 254],
	] as const
).map(([family, priority, table]) => ({
	family,
	priority,
	action: "lookup",
	table,
	protocol: "kernel",
}));

/** A network of these parts, with lo, the usual rules and a nameserver. */
export function network(parts: Partial<Network>): Network {
	return {
		...emptyNetwork,
		resolver: { servers: ["192.0.2.53"], search: [], options: [], source: "/etc/resolv.conf" },
		...parts,
		links: [lo, ...(parts.links ?? [])],
		rules: [...usualRules, ...(parts.rules ?? [])],
	};
}

/** A plain 802.1Q VLAN. */
export function vlanDetails(id: number): VlanDetails {
	return {
		kind: "vlan",
		id,
		protocol: "802.1q",
		gvrp: false,
		mvrp: false,
		looseBinding: false,
		reorderHeader: true,
		bridgeBinding: false,
		ingress: [],
		egress: [],
	};
}
