// What systemd-networkd (252, the oldest that a rescue image holds) has no words for. The plan tells it, so that
// the plan's network is what will be, and not what was wished for.

import type { Leavings } from "./left-out.ts";
import type {
	Address,
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
import { showAddress, showRoute } from "./show.ts";

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
	const known = new Set(
		network.addresses.filter((each) => each.peer === undefined).map((each) => each.address),
	);
	const routes = network.routes.map((route): Route => {
		const limited = limitSource(limitMetrics(route, leavings), known, changed);
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
		addresses: network.addresses.map((address) => limitLabel(address, leavings)),
		links: network.links.map((link) => limitLink(link, network.links, leavings)),
		routes,
		nexthops: [...network.nexthops, ...made],
	};
}

/**
 * networkd puts off a route until an interface holds its source address, a local route not being enough, and of
 * addresses with a peer it looks at the peer only (link_get_address in networkd-address.c): the route would never
 * come. The kernel chooses a source by itself, and answers have the one that was asked.
 */
function limitSource(route: Route, known: ReadonlySet<string>, changed: string[]): Route {
	if (route.preferredSource === undefined || known.has(route.preferredSource)) return route;
	changed.push(
		`${showRoute(route)}: the source is left to the kernel, since systemd-networkd knows of no address without a peer that is it`,
	);
	const { preferredSource: _source, ...rest } = route;
	return rest;
}

/** Labels are any bytes to the kernel; systemd takes printable ones, and here only those that mean nothing to it. */
function limitLabel(address: Address, leavings: Leavings): Address {
	const { label, ...rest } = address;
	if (label === undefined || /^[\w.:-]{1,15}$/.test(label)) return address;
	leavings.add("setting", `label ${label} of ${showAddress(rest)}`, unsayable);
	return rest;
}

const sayableMetrics: readonly (keyof RouteMetrics)[] = [
	"mtu",
	"advmss",
	"quickAck",
	"fastOpenNoCookie",
];

/** Those that every rescue kernel has or loads. A route with another is refused (EINVAL), and networkd gives up the whole link then. */
const congestionControls: readonly unknown[] = ["reno", "cubic", "bbr"];
/** networkd ignores the whole [Route] section beyond (config_parse_tcp_window). */
const maxWindow = 1023;

function isSayable(name: keyof RouteMetrics, { [name]: value }: RouteMetrics): boolean {
	switch (name) {
		case "congestionControl":
			return congestionControls.includes(value);
		case "initialCongestionWindow":
		case "initialReceiveWindow":
			return Number(value) <= maxWindow;
		default:
			return sayableMetrics.includes(name);
	}
}

function limitMetrics(route: Route, leavings: Leavings): Route {
	if (route.metrics === undefined) return route;
	const { metrics, ...rest } = route;
	const names = Object.keys(metrics) as (keyof RouteMetrics)[];
	const lost = names.filter((name) => !isSayable(name, metrics));
	if (lost.length === 0) return route;
	leavings.add("setting", `${lost.join(", ")} of ${showRoute(route)}`, unsayable);
	const kept = names.filter((name) => isSayable(name, metrics));
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

/** What the kernel takes where a mode needs monitoring and none is set (BOND_DEFAULT_MIIMON), in ms. */
const defaultMiimon = 100;

function limitBond(details: BondDetails, lose: (what: string) => void): BondDetails {
	const { activePort: _state, ...rest } = details;
	/** A setting that will be what the kernel makes it. */
	const usual = <K extends keyof BondDetails>(
		name: K,
		value: BondDetails[K],
		words: string,
	): void => {
		if (rest[name as keyof typeof rest] === undefined) return;
		if (details[name] !== value) lose(words);
		Object.assign(rest, { [name]: value });
	};
	const known = (name: keyof typeof rest, words: readonly string[]): void => {
		const value = rest[name];
		if (value === undefined || words.includes(String(value))) return;
		lose(`${name} ${value}`);
		delete rest[name];
	};
	known("transmitHashPolicy", ["layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4"]);
	known("arpValidate", ["none", "active", "backup", "all"]);
	if (rest.neighbourTargets !== undefined) {
		lose("ns_ip6_target");
		delete rest.neighbourTargets;
		// Watching by ARP without anybody to ask would take every port for dead.
		if (rest.arpTargets === undefined && (rest.arpInterval ?? 0) > 0)
			Object.assign(rest, { arpInterval: 0, miimon: defaultMiimon });
	}
	usual("peerNotifyDelay", 0, "peer_notif_delay");
	usual("lacpActive", true, "lacp_active off");
	usual("arpMissedMax", 2, "arp_missed_max");
	usual("useCarrier", true, "use_carrier off");
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
