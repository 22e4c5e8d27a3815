import {
	encapTypes,
	hopFlags,
	routeFlags,
	routeProtocols,
	routeTypes,
	scopes,
	type Hop as WireHop,
	type Nexthop as WireNexthop,
	type Route as WireRoute,
} from "../../netlink/index.ts";
import type { Hop, Nexthop, Route, RouteMetrics } from "../model.ts";
import { familyOfMessage } from "./address.ts";
import type { LinkNames } from "./link.ts";
import { bitNames, defined, nameOf, pick, positive, snake, truth } from "./names.ts";

const everywhere = { 4: "0.0.0.0", 6: "::" } as const;

/** Undefined for families the model does not hold, and for entries of the kernel's cache. */
export function readRoute(route: WireRoute, names: LinkNames): Route | undefined {
	const family = familyOfMessage(route.family);
	if (family === undefined || Math.floor(route.flags / routeFlags.cloned) % 2 === 1)
		return undefined;
	// Not by `defined`: of these there may be a million, and what every route has takes its place at once.
	const read: Draft = {
		family,
		type: nameOf(routeTypes, route.type),
		destination: `${route.dst ?? everywhere[family]}/${route.dstLen}`,
		table: route.table,
		protocol: nameOf(routeProtocols, route.protocol),
		scope: nameOf(scopes, route.scope),
	};
	put(read, "metric", family === 4 ? positive(route.priority) : (route.priority ?? 0));
	put(read, "preferredSource", route.prefsrc);
	if (route.pref !== 0) put(read, "preference", pick(["medium", "high", "2", "low"], route.pref));
	put(read, "metrics", readMetrics(route.metrics));
	// USER_HZ; 0 for never.
	const expires = route.cacheinfo?.expires ?? 0;
	if (expires > 0) put(read, "expires", Math.floor(expires / 100));
	if (route.srcLen > 0 || route.src !== undefined) {
		put(read, "from", `${route.src ?? everywhere[family]}/${route.srcLen}`);
	}
	put(read, "tos", positive(route.tos));
	// With a nexthop object the kernel repeats what lies behind it (nexthop_compat_mode): the id says it all.
	if (route.nhId !== undefined) put(read, "nexthopId", route.nhId);
	else if (route.multipath !== undefined) {
		const hops = route.multipath.map((hop) => readHop(hop, names));
		put(read, "hops", hops);
	} else {
		put(read, "link", names(route.oif));
		put(read, "gateway", route.gateway ?? route.via?.address);
		put(read, "onlink", isOnlink(route.flags));
		put(read, "flags", stateOf(route.flags));
		put(read, "encapsulation", encapsulation(route.encapType));
	}
	return read;
}

type Draft = { -readonly [K in keyof Route]: Route[K] };

function put<K extends keyof Draft>(draft: Draft, name: K, value: Draft[K] | undefined): void {
	if (value !== undefined) draft[name] = value;
}

function readHop(hop: WireHop, names: LinkNames): Hop {
	return defined({
		link: names(positive(hop.ifindex)),
		gateway: hop.gateway ?? hop.via?.address,
		onlink: isOnlink(hop.flags),
		flags: stateOf(hop.flags),
		weight: hop.weight,
		encapsulation: encapsulation(hop.encapType),
	});
}

function isOnlink(bits: number): true | undefined {
	return bits !== 0 && bitNames(hopFlags, bits).includes("onlink") ? true : undefined;
}

function stateOf(bits: number): readonly string[] | undefined {
	if (bits === 0) return undefined;
	const flags = bitNames(hopFlags, bits).filter((flag) => flag !== "onlink");
	return flags.length === 0 ? undefined : flags;
}

function encapsulation(type: number | undefined): string | undefined {
	return type === undefined || type === encapTypes.none ? undefined : nameOf(encapTypes, type);
}

function readMetrics(metrics: WireRoute["metrics"]): RouteMetrics | undefined {
	if (metrics === undefined) return undefined;
	const found: RouteMetrics = defined({
		mtu: metrics.mtu,
		advmss: metrics.advmss,
		hopLimit: metrics.hoplimit,
		initialCongestionWindow: metrics.initcwnd,
		initialReceiveWindow: metrics.initrwnd,
		congestionWindow: metrics.cwnd,
		window: metrics.window,
		rtt: metrics.rtt === undefined ? undefined : metrics.rtt / 8,
		rttVariance: metrics.rttvar === undefined ? undefined : metrics.rttvar / 4,
		minimumRto: metrics.rtoMin,
		slowStartThreshold: metrics.ssthresh,
		reordering: metrics.reordering,
		features: metrics.features,
		quickAck: truth(metrics.quickack),
		fastOpenNoCookie: truth(metrics.fastopenNoCookie),
		congestionControl: metrics.ccAlgo,
		lock: positive(metrics.lock),
	});
	return Object.keys(found).length === 0 ? undefined : found;
}

export function readNexthop(hop: WireNexthop, names: LinkNames): Nexthop {
	const type = hop.groupType;
	const family = familyOfMessage(hop.family);
	return defined({
		id: hop.id ?? 0,
		family: hop.group === undefined ? family : undefined,
		link: names(hop.oif),
		gateway: hop.gateway,
		onlink: isOnlink(hop.flags),
		flags: stateOf(hop.flags),
		blackhole: hop.blackhole,
		fdb: hop.fdb,
		group: hop.group?.map(({ id, weight }) => ({ id, weight })),
		groupType: type === undefined || type === 0 ? undefined : pick(["mpath", "resilient"], type),
		protocol: nameOf(routeProtocols, hop.protocol),
		scope: hop.scope === 0 ? undefined : snake(nameOf(scopes, hop.scope)),
		encapsulation: encapsulation(hop.encapType),
	});
}
