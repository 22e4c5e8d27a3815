// The kernel's route lookup, done on the model: net/ipv4/fib_rules.c, fib_trie.c, net/ipv6/fib6_rules.c.

import { familyOf, holds, splitPrefix } from "./ip.ts";
import { defaultRules } from "./kernel-made.ts";
import type { Network, Nexthop, Route, Rule } from "./model.ts";

/** One packet that a socket of this host would send. */
export interface Flow {
	readonly source: string;
	readonly destination: string;
	readonly ipProtocol: number;
	readonly sourcePort?: number;
	readonly destinationPort?: number;
	/** User the socket belongs to. */
	readonly uid: number;
	/** VRF the socket is bound to. */
	readonly vrf?: string;
	/** The rule to which a firewall's mark leads the packet. */
	readonly markedFor?: Rule;
	/** Link the destination is bound to: the zone of a link-local address. */
	readonly zone?: string;
}

/** Where a packet would leave. */
export interface Way {
	readonly link: string;
	readonly gateway?: string;
}

/** What the lookup found. `ways` has more than one element on a multipath route, in the route's order. */
export interface Found {
	readonly rule: Rule;
	readonly route: Route;
	readonly ways: readonly Way[];
}

/** The route of a packet, or undefined where the kernel would say that there is none. */
export function lookUp(network: Network, flow: Flow): Found | undefined {
	const family = familyOf(flow.destination);
	const vrfTable = tableOfVrf(network, flow.vrf);
	const told = network.rules.filter((rule) => rule.family === family);
	// A kernel without policy routing tells none, and looks where the usual ones do.
	const rules = (told.length === 0 ? defaultRules(family) : told).toSorted(
		(a, b) => a.priority - b.priority,
	);
	for (let i = 0; i < rules.length; i++) {
		const rule = rules[i];
		if (rule === undefined || !selects(rule, flow, vrfTable)) continue;
		if (rule.action === "goto") {
			// Targets lie behind (the kernel insists), so this ends.
			const at = rules.findIndex((other) => other.priority >= (rule.target ?? 0));
			if (at <= i) return undefined;
			i = at - 1;
			continue;
		}
		if (rule.action === "nop") continue;
		if (rule.action !== "lookup") return undefined;
		const table = rule.l3mdev === true ? vrfTable : rule.table;
		if (table === undefined) continue;
		const route = longest(network, table, flow);
		if (route === undefined || route.type === "throw") continue;
		if (suppressed(network, rule, route)) continue;
		const ways = waysOf(network, route);
		return route.type === "unicast" || route.type === "local" ? { rule, route, ways } : undefined;
	}
	return undefined;
}

/** All ways a route can take; one without link leads nowhere and is left out. */
export function waysOf(network: Network, route: Route): readonly Way[] {
	if (route.nexthopId !== undefined) {
		return nexthopsOf(network, route.nexthopId).flatMap((hop) => way(hop));
	}
	return route.hops === undefined ? way(route) : route.hops.flatMap((hop) => way(hop));
}

/** The nexthop objects behind an id: the one, or the members of the group. */
export function nexthopsOf(network: Network, id: number): readonly Nexthop[] {
	const hop = network.nexthops.find((each) => each.id === id);
	if (hop?.group === undefined) return hop === undefined ? [] : [hop];
	const ids = hop.group.map((member) => member.id);
	return network.nexthops.filter((each) => ids.includes(each.id));
}

function way(hop: { readonly link?: string; readonly gateway?: string }): readonly Way[] {
	if (hop.link === undefined) return [];
	return [
		hop.gateway === undefined ? { link: hop.link } : { link: hop.link, gateway: hop.gateway },
	];
}

/** Table of a VRF, by its name. */
export function tableOfVrf(network: Network, name: string | undefined): number | undefined {
	const details = network.links.find((link) => link.name === name)?.details;
	return details?.kind === "vrf" ? details.table : undefined;
}

function selects(rule: Rule, flow: Flow, vrfTable: number | undefined): boolean {
	const within = (range: readonly [number, number] | undefined, value: number | undefined) =>
		range === undefined || (value !== undefined && value >= range[0] && value <= range[1]);
	const matches =
		(rule.from === undefined || holds(rule.from, flow.source)) &&
		(rule.to === undefined || holds(rule.to, flow.destination)) &&
		// What the host itself sends "comes in" on lo; inside a VRF, on the VRF's device.
		(rule.incoming === undefined || rule.incoming === (flow.vrf ?? "lo")) &&
		(rule.outgoing === undefined || rule.outgoing === (flow.vrf ?? flow.zone)) &&
		(rule.l3mdev !== true || vrfTable !== undefined) &&
		// Marks are set by firewalls, which the model does not hold: unmarked, unless the flow says so.
		(rule.mark === undefined || rule.mark === 0 || rule === flow.markedFor) &&
		(rule.tos === undefined || rule.tos === 0) &&
		rule.tunnelId === undefined &&
		rule.selectors === undefined &&
		(rule.ipProtocol === undefined || rule.ipProtocol === flow.ipProtocol) &&
		within(rule.sourcePort, flow.sourcePort) &&
		within(rule.destinationPort, flow.destinationPort) &&
		within(rule.uids, flow.uid);
	return matches !== (rule.invert === true);
}

function longest(network: Network, table: number, flow: Flow): Route | undefined {
	let best: Route | undefined;
	for (const route of network.routes) {
		if (route.table !== table || (route.tos ?? 0) !== 0) continue;
		if (!holds(route.destination, flow.destination)) continue;
		if (route.from !== undefined && !holds(route.from, flow.source)) continue;
		if (unusable(route)) continue;
		if (flow.zone !== undefined && !waysOf(network, route).some((w) => w.link === flow.zone))
			continue;
		if (best === undefined || better(route, best)) best = route;
		// Of equal ones (IPv6 has them) the kernel takes any that is reachable; answers usually leave where the address is.
		else if (!better(best, route) && !leavesAt(network, best, flow.source)) {
			if (leavesAt(network, route, flow.source)) best = route;
		}
	}
	return best;
}

/** Whether a route leaves by a link that holds the address. */
function leavesAt(network: Network, route: Route, address: string): boolean {
	const links = network.addresses.flatMap((each) => (each.address === address ? each.link : []));
	return waysOf(network, route).some(({ link }) => links.includes(link));
}

function unusable(route: Route): boolean {
	const dead = (flags: readonly string[] | undefined) => flags?.includes("dead") === true;
	return route.hops === undefined ? dead(route.flags) : route.hops.every((hop) => dead(hop.flags));
}

function better(a: Route, b: Route): boolean {
	const length = (route: Route) => splitPrefix(route.destination).length;
	const source = (route: Route) => (route.from === undefined ? 0 : splitPrefix(route.from).length);
	if (length(a) !== length(b)) return length(a) > length(b);
	if (source(a) !== source(b)) return source(a) > source(b);
	return (a.metric ?? 0) < (b.metric ?? 0);
}

function suppressed(network: Network, rule: Rule, route: Route): boolean {
	const length = splitPrefix(route.destination).length;
	if (rule.suppressPrefix !== undefined && length <= rule.suppressPrefix) return true;
	if (rule.suppressGroup === undefined) return false;
	return waysOf(network, route).some(
		(each) => network.links.find((link) => link.name === each.link)?.group === rule.suppressGroup,
	);
}
