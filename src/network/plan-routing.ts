import { holds, splitPrefix } from "./ip.ts";
import { defaultRules, isKernelRule, kernelRoutes, localTable, mainTable } from "./kernel-made.ts";
import type { Leavings } from "./left-out.ts";
import { nexthopsOf, waysOf } from "./lookup.ts";
import type { Address, Neighbour, Network, Nexthop, Route, Rule } from "./model.ts";
import { showNexthop, showRoute, showRule } from "./show.ts";

interface Context {
	readonly carried: ReadonlySet<string>;
	/** Addresses that are carried. */
	readonly addresses: readonly Address[];
	/** Routes that stay whatever the rules below say: those of the login. */
	readonly needed: readonly (Route | undefined)[];
	readonly leavings: Leavings;
	readonly changed: string[];
	readonly warnings: string[];
}

export interface Routing {
	readonly routes: readonly Route[];
	readonly rules: readonly Rule[];
	readonly nexthops: readonly Nexthop[];
	readonly neighbours: readonly Neighbour[];
}

/** Protocols of routing daemons (linux/rtnetlink.h): they take their routes back when they end. */
const daemons = new Set(
	"gated mrt zebra bird dnrouted xorp ntk mrouted keepalived babel ovn openr bgp isis ospf rip eigrp".split(
		" ",
	),
);

/** RTN_* that networkd's Type= knows. */
const types = new Set(
	"unicast local broadcast anycast multicast blackhole unreachable prohibit throw".split(" "),
);

/** Up to here a daemon's routes are a handful of neighbours; beyond, a table that only the daemon can keep. */
const maxDaemonRoutes = 256;

/**
 * No more than these are carried, whoever set them: systemd-networkd ignores what lies beyond 8192 of a link (252,
 * routes_max), in an order of its own, and others gave up on links with 13,000 (systemd issue 27353).
 */
const maxRoutes = 2048;

/** Routes, rules, nexthop objects and neighbours that are carried, over links and addresses already decided. */
export function planRouting(network: Network, context: Context): Routing {
	const nexthops = planNexthops(network, context);
	const routes = planRoutes(network, nexthops, context);
	const used = new Set(routes.map((route) => route.nexthopId));
	const members = new Set(
		nexthops
			.filter((hop) => used.has(hop.id))
			.flatMap((hop) => hop.group?.map((member) => member.id) ?? []),
	);
	return {
		routes,
		nexthops: nexthops
			.filter((hop) => {
				const keep = !daemons.has(hop.protocol) || used.has(hop.id) || members.has(hop.id);
				if (!keep) context.leavings.add("nexthop", showNexthop(hop), "kept by a routing daemon");
				return keep;
			})
			.map((hop) => ({ ...hop, protocol: "static" })),
		rules: planRules(network, routes, context),
		neighbours: network.neighbours.filter((each) => {
			if (each.proxy === true)
				context.leavings.add(
					"neighbour",
					each.address,
					"the rescue system answers for nobody else",
				);
			else if (!context.carried.has(each.link))
				context.leavings.add("neighbour", each.address, `its link ${each.link} is left out`);
			else if (each.mac === undefined || !/^[\da-f:.]+$/.test(each.mac))
				context.leavings.add("neighbour", each.address, "it has no hardware address");
			else return true;
			return false;
		}),
	};
}

function planNexthops(network: Network, { carried, leavings, changed }: Context): Nexthop[] {
	const kept = new Map<number, Nexthop>();
	const drop = (hop: Nexthop, reason: string): void =>
		leavings.add("nexthop", showNexthop(hop), reason);
	for (const hop of network.nexthops.filter((each) => each.group === undefined)) {
		if (hop.fdb === true) drop(hop, "belongs to a VXLAN's forwarding table");
		else if (hop.encapsulation !== undefined)
			drop(hop, `encapsulation ${hop.encapsulation} is not supported`);
		else if (hop.link !== undefined && !carried.has(hop.link))
			drop(hop, `its link ${hop.link} is left out`);
		else kept.set(hop.id, withoutState(hop));
	}
	for (const hop of network.nexthops) {
		if (hop.group === undefined) continue;
		const group = hop.group.filter((member) => kept.has(member.id));
		if (hop.fdb === true) drop(hop, "belongs to a VXLAN's forwarding table");
		else if (group.length === 0) drop(hop, "none of its members is carried");
		else {
			const { groupType, ...rest } = withoutState(hop);
			if (groupType !== undefined)
				changed.push(`nexthop group ${hop.id}: ${groupType}, will be a plain one`);
			if (group.length < hop.group.length)
				changed.push(`nexthop group ${hop.id}: only members that are carried`);
			kept.set(hop.id, { ...rest, group });
		}
	}
	return network.nexthops.flatMap((hop) => kept.get(hop.id) ?? []);
}

function planRoutes(
	network: Network,
	nexthops: readonly Nexthop[],
	context: Context,
): readonly Route[] {
	const { carried, leavings, changed } = context;
	const isKernelMade = kernelRoutes(network);
	// Local routes make addresses the host's own, too, without an interface that holds them.
	const localRoutes = network.routes.filter((each) => each.type === "local" && !isKernelMade(each));
	const own = new Set([
		...context.addresses.map((address) => address.address),
		...localRoutes.map((each) => splitPrefix(each.destination).address),
	]);
	const ids = new Set(nexthops.map((hop) => hop.id));
	const possible = network.routes.filter((route) => {
		if (isKernelMade(route)) return false;
		const lost = whyNot(network, route, carried, ids);
		if (lost !== undefined) leavings.add("route", showRoute(route), lost);
		return lost === undefined;
	});
	const theirs = [...possible, ...nexthops].flatMap(({ protocol }) =>
		daemons.has(protocol) ? protocol : [],
	);
	if (theirs.length > 0) context.warnings.push(silenceOf([...new Set(theirs)].join(", ")));
	const kept: Route[] = [];
	const learnt = new Set<Route>();
	const ofLogin = new Set<Route>();
	for (const route of fewEnough(network, possible, context)) {
		const needed = context.needed.includes(route);
		let next = withoutState(route);
		if (route.hops !== undefined) {
			const hops = route.hops.filter((hop) => hop.link === undefined || carried.has(hop.link));
			if (hops.length < route.hops.length)
				changed.push(`${showRoute(route)}: only ways that are carried`);
			next = { ...next, hops: hops.map((hop) => withoutState(hop)) };
		}
		// The kernel names lo on IPv6 routes that lead nowhere; nobody sets it.
		if (next.type !== "unicast" && next.link === "lo") next = without(next, "link");
		if (next.preferredSource !== undefined && !own.has(next.preferredSource)) {
			changed.push(`${showRoute(route)}: without its source address, which is left out`);
			next = without(next, "preferredSource");
		}
		if (next.expires !== undefined || next.protocol === "ra" || next.protocol === "dhcp") {
			changed.push(`${showRoute(route)}: learnt (${next.protocol}), will be set for good`);
			next = { ...without(next, "expires"), protocol: "static" };
		}
		// A route set by somebody under the kernel's name would be taken for the kernel's own.
		if (next.protocol === "kernel" || next.protocol === "redirect")
			next = { ...next, protocol: "static" };
		if (route.protocol === "ra") learnt.add(next);
		if (needed) ofLogin.add(next);
		kept.push(next);
	}
	return keptApart(kept, learnt, ofLogin, changed);
}

function silenceOf(names: string): string {
	return `the routing daemon behind this host's routes (${names}) will not run: what is carried of them is set for good, and nothing is announced to the neighbours`;
}

/** Those that systemd-networkd can be trusted with. Never without the login's, the default ones, and the ways to their gateways. */
function fewEnough(
	network: Network,
	routes: readonly Route[],
	{ needed, leavings, warnings }: Context,
): readonly Route[] {
	const ofDaemons = routes.filter((route) => daemons.has(route.protocol)).length;
	if (ofDaemons <= maxDaemonRoutes && routes.length <= maxRoutes) return routes;
	const first = routes.filter((route) => needed.includes(route) || isDefault(route));
	const gateways = new Set(
		first.flatMap((route) => waysOf(network, route).flatMap(({ gateway }) => gateway ?? [])),
	);
	const leadsThere = ({ gateway, hops, type, destination }: Route) =>
		gateway === undefined &&
		hops === undefined &&
		type === "unicast" &&
		[...gateways].some((each) => holds(destination, each));
	const kept = new Set([...first, ...routes.filter(leadsThere)]);
	const others = routes.filter((route) => !kept.has(route));
	const fitting = others.filter((route) => {
		if (ofDaemons <= maxDaemonRoutes || !daemons.has(route.protocol)) return true;
		const reason = "one of the many of a routing daemon, which will not run";
		leavings.add("route", showRoute(route), reason);
		return false;
	});
	// Ways somewhere before blackholes and the like, of which long lists are made.
	const isWay = (route: Route) => route.type === "unicast";
	const best = [...fitting.filter(isWay), ...fitting.filter((route) => !isWay(route))];
	for (const route of best.slice(0, maxRoutes)) kept.add(route);
	const rest = best.slice(maxRoutes);
	for (const route of rest)
		leavings.add("route", showRoute(route), `more than ${maxRoutes} routes cannot be carried`);
	if (rest.length > 0)
		warnings.push(
			`${rest.length} of ${routes.length} routes are left out: systemd-networkd fails on so many`,
		);
	return routes.filter((route) => kept.has(route));
}

/**
 * The kernel makes IPv6 routes of the same destination and metric into one with several ways, but never those that
 * it learnt from routers. Once all of them are set by hand, other metrics have to keep those apart: packets of the
 * login would leave by any of the links otherwise. The login's route comes first, then those that were set.
 */
function keptApart(
	routes: readonly Route[],
	learnt: ReadonlySet<Route>,
	ofLogin: ReadonlySet<Route>,
	changed: string[],
): Route[] {
	const metrics = new Map<Route, number>();
	const metricOf = (route: Route): number | undefined => metrics.get(route) ?? route.metric;
	// What is set last gives way.
	const rank = (route: Route): number => (ofLogin.has(route) ? 0 : learnt.has(route) ? 2 : 1);
	const ordered = routes.filter((route) => route.family === 6).sort((a, b) => rank(a) - rank(b));
	const alike = new Map<string, Route[]>();
	const groupOf = ({ table, destination, from }: Route): Route[] => {
		const key = `${table} ${destination} ${from}`;
		const group = alike.get(key) ?? [];
		alike.set(key, group);
		return group;
	};
	for (const route of ordered) groupOf(route).push(route);
	for (const route of ordered) {
		const same = groupOf(route);
		const isTaken = same
			.slice(0, same.indexOf(route))
			.some(
				(other) => metricOf(other) === route.metric && (learnt.has(other) || learnt.has(route)),
			);
		if (!isTaken) continue;
		let next = route.metric ?? 0;
		while (same.some((other) => metricOf(other) === next)) next += 1;
		metrics.set(route, next);
		changed.push(`${showRoute(route)}: metric ${next}, so that it stays a route of its own`);
	}
	return routes.map((route) => {
		const metric = metrics.get(route);
		return metric === undefined ? route : { ...route, metric };
	});
}

function whyNot(
	network: Network,
	route: Route,
	carried: ReadonlySet<string>,
	nexthops: ReadonlySet<number>,
): string | undefined {
	if (route.encapsulation !== undefined)
		return `encapsulation ${route.encapsulation} is not supported`;
	if (route.protocol === "redirect") return "learnt from a redirect";
	// Without it, it would be a second route to the same place, and chance would choose.
	if (route.tos !== undefined) return "routes for one type of service are not supported";
	if (!types.has(route.type)) return `routes of type ${route.type} are not supported`;
	if (route.nexthopId !== undefined) {
		if (nexthops.has(route.nexthopId)) return undefined;
		const hop = nexthopsOf(network, route.nexthopId)[0];
		return hop?.link === undefined ? "its nexthop is left out" : `its link ${hop.link} is left out`;
	}
	if (route.hops !== undefined) {
		if (route.hops.some((hop) => hop.encapsulation !== undefined))
			return "encapsulation on one of its ways is not supported";
		const alive = route.hops.some((hop) => hop.link === undefined || carried.has(hop.link));
		return alive ? undefined : "none of its links is carried";
	}
	if (route.link === undefined || carried.has(route.link)) return undefined;
	return `its link ${route.link} is left out`;
}

function planRules(
	network: Network,
	routes: readonly Route[],
	{ carried, leavings, warnings }: Context,
): readonly Rule[] {
	for (const family of [4, 6] as const) {
		const rules = network.rules.filter((rule) => rule.family === family);
		// A kernel without IPv6, or without policy routing, has none at all.
		if (rules.length === 0) continue;
		for (const own of defaultRules(family)) {
			const there = rules.some(
				(rule) => rule.priority === own.priority && rule.table === own.table && isKernelRule(rule),
			);
			if (!there)
				warnings.push(
					`this host has no rule "${showRule(own)}" (IPv${family}); the rescue system will have it`,
				);
		}
	}
	const filled = new Set([mainTable, localTable, ...routes.map((route) => route.table)]);
	const gone = (name: string | undefined) =>
		name !== undefined && name !== "lo" && !carried.has(name);
	return network.rules.flatMap((rule) => {
		if (isKernelRule(rule)) return [];
		let reason: string | undefined;
		if (rule.l3mdev === true) reason = "only the kernel's own rule for VRFs can be carried";
		else if (rule.action === "goto" || rule.action === "nop")
			reason = "jumps between rules cannot be carried";
		else if (rule.tunnelId !== undefined || rule.flow !== undefined)
			reason = "tunnel ids and realms cannot be carried";
		else if (rule.selectors !== undefined)
			reason = `selection by ${rule.selectors.join(" and ")} cannot be carried`;
		else if (gone(rule.incoming) || gone(rule.outgoing)) reason = "its link is left out";
		else if (rule.action === "lookup" && !filled.has(rule.table ?? 0))
			reason = "its table holds nothing that is carried";
		if (reason === undefined) return [{ ...rule, protocol: "static" }];
		leavings.add("rule", showRule(rule), reason);
		return [];
	});
}

export function isDefault(route: Route): boolean {
	return route.destination === "0.0.0.0/0" || route.destination === "::/0";
}

function withoutState<T extends { readonly flags?: readonly string[] }>(part: T): T {
	const { flags: _flags, ...rest } = part;
	return rest as T;
}

function without<T, K extends keyof T>(part: T, key: K): T {
	const { [key]: _gone, ...rest } = part;
	return rest as T;
}
