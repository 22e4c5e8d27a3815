import {
	families,
	neighbourFlags,
	neighbourStates,
	type Snapshot,
} from "../../../src/netlink/index.ts";
import type { Recording } from "../netlink/record.ts";
import {
	renderAddresses,
	renderLink,
	renderNeighbour,
	renderNexthop,
	renderRoute,
	renderRule,
	renderVlans,
} from "./objects.ts";
import { has, type Json, Names } from "./render.ts";

/** What came of comparing a snapshot with what ip prints of the same network. */
export interface Comparison {
	/** One line each: where, ours, theirs. Empty where both agree. */
	readonly differences: readonly string[];
	/** Fields that both have and that were equal, as `route.nexthops.gateway`. */
	readonly fields: ReadonlySet<string>;
}

/** Seconds and timers that run on between our reading and ip's. */
const running = /life_time$|expires$|_timer$|unbalanced_time$/;
/** Of bridge(8)'s VLANs these are told by RTM_GETVLAN alone, which nobody here needs. */
const foreign = new Set(["bridgeVlan.vlans.state", "bridgeVlan.vlans.mcast_router"]);

/** Printed by iproute2 from 6.2 on: no difference where an older one lacks it. */
const newer = /_slave_data\.mab$/;

/** Compares field by field what we read with what ip -json -details printed, in both directions. */
export function compareWithIp(snapshot: Snapshot, ip: Recording["ip"]): Comparison {
	const names = new Names(snapshot);
	const nexthops = new Map(snapshot.nexthops.map((nexthop) => [nexthop.id ?? 0, nexthop]));
	const routes = (family: number) =>
		snapshot.routes
			.filter((route) => route.family === family)
			.map((route) => renderRoute(route, names, nexthops));
	const rules = (family: number) =>
		snapshot.rules.filter((rule) => rule.family === family).map((rule) => renderRule(rule));
	const neighbours = snapshot.neighbours.filter(({ family }) => family !== families.bridge);
	const proxies = neighbours.filter(({ flags }) => has(flags, neighbourFlags.proxy));
	const permanent = neighbours.filter(({ state }) => has(state, neighbourStates.permanent));
	const show = (list: readonly (typeof neighbours)[number][]) =>
		list.map((neighbour) => renderNeighbour(neighbour, names));
	const ours: Readonly<Record<keyof Recording["ip"], readonly Json[]>> = {
		link: snapshot.links.map((link) => renderLink(link, names)),
		address: snapshot.links.map((link) => renderAddresses(link, snapshot.addresses, names)),
		route4: routes(families.inet),
		route6: routes(families.inet6),
		rule4: rules(families.inet),
		rule6: rules(families.inet6),
		nexthop: snapshot.nexthops.map((nexthop) => renderNexthop(nexthop, names)),
		neighbour: show(permanent),
		proxy: show(proxies),
		bridgeVlan: snapshot.bridgeLinks
			.map((port) => renderVlans(port, names))
			.filter((port) => (port as { vlans: readonly Json[] }).vlans.length > 0),
	};
	const comparison = { differences: [] as string[], fields: new Set<string>() };
	for (const [name, list] of Object.entries(ours) as [keyof Recording["ip"], Json][]) {
		const theirs = name === "bridgeVlan" ? unfold(ip[name]) : ip[name];
		compare(list, theirs as Json, name.replace(/[46]$/, ""), name, comparison);
	}
	return comparison;
}

interface Growing {
	differences: string[];
	fields: Set<string>;
}

function compare(
	ours: Json | undefined,
	theirs: Json | undefined,
	field: string,
	place: string,
	into: Growing,
): void {
	if (foreign.has(field) || bothEmpty(ours, theirs)) return;
	if (newer.test(field) && theirs === undefined) return;
	if (Array.isArray(ours) && Array.isArray(theirs)) {
		if (ours.length !== theirs.length) {
			into.differences.push(`${place}: ours has ${ours.length}, theirs ${theirs.length}`);
		}
		for (const [i, theirEach] of theirs.entries()) {
			const key = (theirEach as { ifname?: string; dst?: string } | null)?.ifname;
			const ourEach =
				key === undefined
					? ours[i]
					: ours.find((each) => (each as { ifname?: string }).ifname === key);
			compare(ourEach, theirEach, field, `${place}[${key ?? i}]`, into);
		}
		if (ours.length === 0) into.fields.add(field);
	} else if (isObject(ours) && isObject(theirs)) {
		for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
			compare(ours[name], theirs[name], `${field}.${name}`, `${place}.${name}`, into);
		}
	} else if (ours === theirs || (running.test(field) && near(ours, theirs))) {
		into.fields.add(field);
	} else {
		into.differences.push(
			`${place}: ours ${JSON.stringify(ours)}, theirs ${JSON.stringify(theirs)}`,
		);
	}
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** ip leaves a list out in one place and prints an empty one in another. */
function bothEmpty(ours: Json | undefined, theirs: Json | undefined): boolean {
	const empty = (value: Json | undefined) =>
		value === undefined || (Array.isArray(value) && value.length === 0);
	return empty(ours) && empty(theirs);
}

function near(ours: Json | undefined, theirs: Json | undefined): boolean {
	if (typeof ours !== "number" || typeof theirs !== "number") return false;
	return Math.abs(ours - theirs) <= 200;
}

/** Ranges of bridge(8) told one by one. */
function unfold(ports: unknown): Json {
	return (ports as { ifname: string; vlans: { vlan: number; vlanEnd?: number }[] }[]).map(
		({ ifname, vlans }) => ({
			ifname,
			vlans: vlans.flatMap(({ vlan, vlanEnd, ...rest }) =>
				Array.from({ length: (vlanEnd ?? vlan) - vlan + 1 }, (_, i) => ({
					...rest,
					vlan: vlan + i,
				})),
			),
		}),
	) as Json;
}
