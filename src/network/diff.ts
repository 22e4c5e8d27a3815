import { isKernelRule, isOwnLoopback, kernelRoutes } from "./kernel-made.ts";
import { waysOf } from "./lookup.ts";
import type { Address, Link, Network, Nexthop, Route } from "./model.ts";
import { showAddress, showNexthop, showRoute, showRule } from "./show.ts";

/** One thing of the first network that the second has not, or has otherwise. */
export interface Difference {
	readonly what: "link" | "address" | "route" | "rule" | "nexthop" | "neighbour" | "resolver";
	readonly name: string;
	readonly change: "missing" | "changed";
	/** Of a change: the member, and its two values. */
	readonly field?: string;
	readonly before?: unknown;
	readonly after?: unknown;
}

/**
 * What of `before` is missing or changed in `after`. What only `after` has is not told: compare the other way
 * round for that. States (carrier, lifetimes, indexes, who set it) and what the kernel makes by itself are not compared.
 */
export function diffNetworks(before: Network, after: Network): readonly Difference[] {
	const isKernelMade = kernelRoutes(before);
	const routes = before.routes.filter(
		(route) => !isKernelMade(route) && route.protocol !== "redirect",
	);
	return [
		...compare(
			"link",
			before.links,
			after.links,
			(each) => each.name,
			(each) => each.name,
			linkSettings,
		),
		...compare(
			"address",
			before.addresses.filter((each) => !isOwnLoopback(each)),
			after.addresses,
			(each) => `${each.link} ${each.address}/${each.prefix} ${each.peer ?? ""}`,
			showAddress,
			addressSettings,
		),
		...compareRoutes(before, routes, after),
		...compare(
			"rule",
			before.rules.filter((each) => !isKernelRule(each)),
			after.rules,
			({ protocol: _protocol, ...rule }) => canonical(rule),
			showRule,
			() => ({}),
		),
		...compare(
			"nexthop",
			before.nexthops,
			after.nexthops,
			(each) => String(each.id),
			showNexthop,
			nexthopSettings,
		),
		...compare(
			"neighbour",
			before.neighbours,
			after.neighbours,
			(each) => `${each.link} ${each.address} ${each.proxy ?? false}`,
			(each) => `${each.address} dev ${each.link}`,
			({ mac }) => ({ mac }),
		),
		...before.resolver.servers
			.filter((server) => !after.resolver.servers.includes(server))
			.map((server): Difference => ({ what: "resolver", name: server, change: "missing" })),
	];
}

function compare<T>(
	what: Difference["what"],
	before: readonly T[],
	after: readonly T[],
	key: (each: T) => string,
	show: (each: T) => string,
	settings: (each: T) => object,
): readonly Difference[] {
	const there = new Map(after.map((each) => [key(each), each]));
	return before.flatMap((each): Difference[] => {
		const other = there.get(key(each));
		if (other === undefined) return [{ what, name: show(each), change: "missing" }];
		return changes(settings(each), settings(other)).map((change) => ({
			what,
			name: show(each),
			change: "changed",
			...change,
		}));
	});
}

function changes(
	before: object,
	after: object,
): readonly { readonly field: string; readonly before: unknown; readonly after: unknown }[] {
	const other = new Map<string, unknown>(Object.entries(after));
	const names = new Set([...Object.keys(before), ...other.keys()]);
	const own = new Map<string, unknown>(Object.entries(before));
	return [...names]
		.filter((name) => canonical(own.get(name)) !== canonical(other.get(name)))
		.map((field) => ({ field, before: own.get(field), after: other.get(field) }));
}

/** JSON with members sorted: equal text means equal value. */
function canonical(value: unknown): string {
	return (
		JSON.stringify(value, (_key, member: unknown) =>
			typeof member === "object" && member !== null && !Array.isArray(member)
				? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
				: member,
		) ?? ""
	);
}

/** Of a link, what was set: not its index, carrier, or which port of a bond is active. */
function linkSettings(link: Link): object {
	const { details, port } = link;
	const settings = details?.kind === "bond" ? { ...details, activePort: undefined } : details;
	return {
		kind: link.kind,
		// Nothing sees the address of a VRF.
		mac: link.kind === "vrf" ? undefined : link.mac,
		mtu: link.mtu,
		up: link.flags.includes("up"),
		arp: !link.flags.includes("noarp"),
		group: link.group,
		master: link.master,
		parent: link.parent,
		...prefixed("", settings),
		...prefixed("port.", port?.kind === "bond" ? { ...port, state: undefined } : port),
	};
}

function prefixed(prefix: string, members: object | undefined): object {
	const entries = Object.entries(members ?? {}).filter(([name]) => name !== "kind");
	return Object.fromEntries(entries.map(([name, value]) => [`${prefix}${name}`, value]));
}

/** The scope follows from the gateway; the order of a group's members means nothing. */
function nexthopSettings(hop: Nexthop): object {
	const { protocol: _protocol, flags: _flags, scope: _scope, ...settings } = hop;
	return { ...settings, group: hop.group?.toSorted((a, b) => a.id - b.id) };
}

const addressFlags = ["noprefixroute", "nodad", "home", "autojoin", "secondary", "dadfailed"];

function addressSettings(address: Address): object {
	return {
		broadcast: address.broadcast,
		scope: address.scope,
		label: address.label,
		metric: address.metric,
		flags: address.flags.filter((flag) => addressFlags.includes(flag)).toSorted(),
	};
}

/** The kernel may hold several routes to one destination: they are told apart by their ways. */
function compareRoutes(
	from: Network,
	before: readonly Route[],
	to: Network,
): readonly Difference[] {
	const key = (route: Route) =>
		[
			route.family,
			route.type,
			route.destination,
			route.from ?? "",
			route.tos ?? 0,
			route.table,
			route.metric ?? 0,
		].join(" ");
	const there = new Map<string, Route[]>();
	for (const route of to.routes) {
		const list = there.get(key(route));
		if (list === undefined) there.set(key(route), [route]);
		else list.push(route);
	}
	return before.flatMap((route): Difference[] => {
		const named = { what: "route" as const, name: showRoute(route) };
		const others = there.get(key(route));
		if (others === undefined) return [{ ...named, change: "missing" }];
		const ways = showWays(from, route);
		const same = others.find((other) => showWays(to, other) === ways) ?? others[0] ?? route;
		return changes(routeSettings(from, route), routeSettings(to, same)).map((change) => ({
			...named,
			change: "changed",
			...change,
		}));
	});
}

function routeSettings(network: Network, route: Route): object {
	return {
		ways: showWays(network, route),
		scope: route.scope,
		source: route.preferredSource,
		preference: route.preference,
		metrics: route.metrics,
		encapsulation: route.encapsulation,
	};
}

function showWays(network: Network, route: Route): string {
	const onlink = (way: { readonly onlink?: true }) => (way.onlink === true ? " onlink" : "");
	// The kernel names lo on IPv6 routes that lead nowhere.
	if (["blackhole", "unreachable", "prohibit", "throw"].includes(route.type)) return "";
	if (route.nexthopId !== undefined) return `nexthop ${route.nexthopId}`;
	if (route.hops !== undefined) {
		return route.hops
			.map((hop) => `${hop.gateway ?? ""} ${hop.link ?? ""} ${hop.weight}${onlink(hop)}`)
			.toSorted()
			.join(", ");
	}
	return `${waysOf(network, route)
		.map((way) => `${way.gateway ?? ""} ${way.link}`)
		.join(", ")}${onlink(route)}`;
}
