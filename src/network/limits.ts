// What systemd-networkd (252, the oldest that a rescue image holds) has no words for. The plan tells it, so that
// the plan's network is what will be, and not what was wished for.

import type { Leavings } from "./left-out.ts";
import type {
	BondDetails,
	BridgeDetails,
	Hop,
	Link,
	LinkDetails,
	Network,
	Nexthop,
	Route,
	RouteMetrics,
} from "./model.ts";
import { showRoute } from "./show.ts";

/** First id of nexthop objects made here: far above what people and daemons number. */
const firstOwnNexthop = 2 ** 30;

/** The network without settings that cannot be rendered, or with what says the same in other words. */
export function withinLimits(network: Network, leavings: Leavings, changed: string[]): Network {
	const made: Nexthop[] = [];
	const used = new Set(network.nexthops.map((hop) => hop.id));
	const freshId = (): number => {
		let id = firstOwnNexthop;
		while (used.has(id)) id++;
		used.add(id);
		return id;
	};
	const nexthop = (route: Route, hop: Hop): number => {
		const id = freshId();
		made.push({
			id,
			family: hop.gateway === undefined ? route.family : hop.gateway.includes(":") ? 6 : 4,
			...(hop.link === undefined ? {} : { link: hop.link }),
			...(hop.gateway === undefined ? {} : { gateway: hop.gateway }),
			...(hop.onlink === true ? { onlink: true } : {}),
			protocol: "static",
		});
		return id;
	};
	const routes = network.routes.map((route): Route => {
		const limited = limitMetrics(route, leavings);
		const { hops, ...rest } = limited;
		// MultiPathRoute= wants a gateway and knows no onlink: nexthop objects do.
		if (hops === undefined || hops.every((hop) => hop.gateway !== undefined && !hop.onlink)) {
			return limited;
		}
		changed.push(`${showRoute(route)}: by nexthop objects, which can say it`);
		const group = hops.map((hop) => ({ id: nexthop(route, hop), weight: hop.weight }));
		const id = freshId();
		made.push({ id, group, protocol: "static" });
		return { ...rest, nexthopId: id };
	});
	return {
		...network,
		links: network.links.map((link) => limitLink(link, network.links, leavings)),
		routes,
		nexthops: [...network.nexthops, ...made],
	};
}

const sayableMetrics: readonly (keyof RouteMetrics)[] = [
	"mtu",
	"advmss",
	"initialCongestionWindow",
	"initialReceiveWindow",
	"quickAck",
	"fastOpenNoCookie",
	"congestionControl",
];

function limitMetrics(route: Route, leavings: Leavings): Route {
	if (route.metrics === undefined) return route;
	const names = Object.keys(route.metrics) as (keyof RouteMetrics)[];
	const lost = names.filter((name) => !sayableMetrics.includes(name));
	if (lost.length === 0) return route;
	leavings.add("setting", `${lost.join(", ")} of ${showRoute(route)}`, unsayable);
	const kept = names.filter((name) => sayableMetrics.includes(name));
	const { metrics, ...rest } = route;
	if (kept.length === 0) return rest;
	return { ...rest, metrics: Object.fromEntries(kept.map((name) => [name, metrics[name]])) };
}

const unsayable = "systemd-networkd cannot set it";

function limitLink(link: Link, all: readonly Link[], leavings: Leavings): Link {
	if (link.details === undefined) return link;
	const lose = (what: string): void =>
		leavings.add("setting", `${what} of ${link.name}`, unsayable);
	const details = limitDetails(link, all, link.details, lose);
	return details === link.details ? link : { ...link, details };
}

function limitDetails(
	link: Link,
	all: readonly Link[],
	details: LinkDetails,
	lose: (what: string) => void,
): LinkDetails {
	switch (details.kind) {
		case "vlan":
			if (!details.bridgeBinding) return details;
			lose("bridge binding");
			return { ...details, bridgeBinding: false };
		case "bond":
			return limitBond(details, lose);
		case "bridge":
			return limitBridge(link, all, details);
		default:
			return details;
	}
}

function limitBond(details: BondDetails, lose: (what: string) => void): BondDetails {
	const { peerNotifyDelay, lacpActive, arpMissedMax, useCarrier, activePort, ...rest } = details;
	if (peerNotifyDelay !== undefined && peerNotifyDelay > 0) lose("peer_notif_delay");
	if (lacpActive === false) lose("lacp_active off");
	if (arpMissedMax !== undefined && arpMissedMax !== 2) lose("arp_missed_max");
	if (useCarrier === false) lose("use_carrier off");
	return rest;
}

/**
 * networkd adds VLANs to what a port has by default, and never takes the default away. Where one port, or
 * the bridge itself, has not the bridge's default VLAN as it comes, the default is switched off and all are named.
 */
function limitBridge(link: Link, all: readonly Link[], details: BridgeDetails): BridgeDetails {
	const pvid = details.vlanDefaultPvid ?? 0;
	if (!details.vlanFiltering || pvid === 0) return details;
	const lists = all
		.filter((each) => each.master === link.name)
		.map((each) => (each.port?.kind === "bridge" ? each.port.vlans : undefined));
	const usual = [details.vlans, ...lists].every(
		(vlans) =>
			vlans === undefined ||
			vlans.some((vlan) => vlan.id === pvid && vlan.pvid === true && vlan.untagged === true),
	);
	return usual ? details : { ...details, vlanDefaultPvid: 0 };
}
