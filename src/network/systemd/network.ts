// .network files: systemd.network(5).

import { networkOf } from "../ip.ts";
import type {
	Address,
	BridgePort,
	Link,
	Neighbour,
	Nexthop,
	PortVlan,
	Route,
	Rule,
} from "../model.ts";
import type { Section, Value } from "./ini.ts";

type Lines = readonly (readonly [string, Value])[];

export function addressSection(address: Address): Section {
	const has = (flag: string) => address.flags.includes(flag);
	const v4 = address.family === 4;
	const linkLocal4 = v4 && networkOf(address.address, 16) === "169.254.0.0/16";
	return {
		name: "Address",
		lines: [
			["Address", `${address.address}/${address.prefix}`],
			["Peer", address.peer === undefined ? undefined : `${address.peer}/${address.prefix}`],
			// Left out, networkd would make one up.
			["Broadcast", v4 ? (address.broadcast ?? false) : undefined],
			["Label", address.label],
			["Scope", v4 && address.scope !== "global" ? scopeOf(address.scope) : undefined],
			["RouteMetric", address.metric],
			["PreferredLifetime", address.preferredLifetime === 0 ? 0 : undefined],
			["AddPrefixRoute", has("noprefixroute") ? false : undefined],
			["HomeAddress", has("home") ? true : undefined],
			["AutoJoin", has("autojoin") ? true : undefined],
			["DuplicateAddressDetection", linkLocal4 || has("nodad") ? "none" : undefined],
		],
	};
}

/** networkd has words for three scopes; the others are numbers. */
function scopeOf(scope: string): string {
	const numbers: Readonly<Record<string, string>> = { site: "200", nowhere: "255" };
	return numbers[scope] ?? scope;
}

export function routeSection(route: Route): Section {
	const metrics = route.metrics ?? {};
	return {
		name: "Route",
		lines: [
			["Destination", route.destination],
			["Type", route.type === "unicast" ? undefined : route.type],
			["Source", route.from],
			["Gateway", route.gateway],
			["GatewayOnLink", route.onlink],
			["Metric", route.metric],
			["PreferredSource", route.preferredSource],
			["Scope", route.family === 4 ? scopeOf(route.scope) : undefined],
			["Table", route.table],
			["Protocol", protocols[route.protocol] ?? route.protocol],
			["IPv6Preference", route.preference],
			["NextHop", route.nexthopId],
			["MTUBytes", metrics.mtu],
			["TCPAdvertisedMaximumSegmentSize", metrics.advmss],
			["InitialCongestionWindow", metrics.initialCongestionWindow],
			["InitialAdvertisedReceiveWindow", metrics.initialReceiveWindow],
			["QuickAck", metrics.quickAck],
			["FastOpenNoCookie", metrics.fastOpenNoCookie],
			["TCPCongestionControlAlgorithm", metrics.congestionControl],
			...(route.hops ?? []).map((hop): readonly [string, Value] => [
				"MultiPathRoute",
				`${hop.gateway ?? ""}${hop.link === undefined ? "" : `@${hop.link}`} ${hop.weight}`,
			]),
		],
	};
}

/** networkd's Protocol= knows a few names and all numbers (linux/rtnetlink.h, RTPROT_*). */
const protocols: Readonly<Record<string, string>> = {
	gated: "8",
	mrt: "10",
	zebra: "11",
	bird: "12",
	dnrouted: "13",
	xorp: "14",
	ntk: "15",
	mrouted: "17",
	keepalived: "18",
	babel: "42",
	ovn: "84",
	openr: "99",
	bgp: "186",
	isis: "187",
	ospf: "188",
	rip: "189",
	eigrp: "192",
	unspec: "0",
};

export function nexthopSection(hop: Nexthop): Section {
	const family = hop.family === 6 ? "ipv6" : "ipv4";
	return {
		name: "NextHop",
		lines: [
			["Id", hop.id],
			["Gateway", hop.gateway],
			["Family", hop.group === undefined && hop.gateway === undefined ? family : undefined],
			["OnLink", hop.onlink],
			["Blackhole", hop.blackhole],
			["Group", hop.group?.map((member) => `${member.id}:${member.weight}`).join(" ")],
		],
	};
}

export function ruleSection(rule: Rule): Section {
	const range = (values: readonly [number, number] | undefined): string | undefined =>
		values === undefined || values[0] === values[1] ? values?.[0].toString() : values.join("-");
	const hex = (value: number) => `0x${value.toString(16)}`;
	return {
		name: "RoutingPolicyRule",
		lines: [
			["Family", rule.family === 6 ? "ipv6" : "ipv4"],
			["Priority", rule.priority],
			["From", rule.from],
			["To", rule.to],
			["TypeOfService", rule.tos],
			[
				"FirewallMark",
				rule.mark === undefined
					? undefined
					: `${rule.mark}${rule.mask === undefined ? "" : `/${hex(rule.mask)}`}`,
			],
			["IncomingInterface", rule.incoming],
			["OutgoingInterface", rule.outgoing],
			["IPProtocol", rule.ipProtocol],
			["SourcePort", range(rule.sourcePort)],
			["DestinationPort", range(rule.destinationPort)],
			["User", range(rule.uids)],
			["InvertRule", rule.invert],
			["SuppressPrefixLength", rule.suppressPrefix],
			["SuppressInterfaceGroup", rule.suppressGroup],
			["Table", rule.table],
			["Type", rule.action === "lookup" ? undefined : rule.action],
		],
	};
}

export function neighbourSection(neighbour: Neighbour): Section {
	return {
		name: "Neighbor",
		lines: [
			["Address", neighbour.address],
			["LinkLayerAddress", neighbour.mac],
		],
	};
}

/** [Bridge] and [BridgeVLAN] of a port. */
export function portSections(port: BridgePort): readonly Section[] {
	const not = (value: boolean | undefined) => (value === undefined ? undefined : !value);
	const lines: Lines = [
		["Cost", port.cost],
		["Priority", port.priority],
		["HairPin", port.hairpin],
		["UseBPDU", not(port.guard)],
		["AllowPortToBeRoot", not(port.protect)],
		["FastLeave", port.fastLeave],
		["Learning", port.learning],
		["UnicastFlood", port.unicastFlood],
		["MulticastFlood", port.multicastFlood],
		["MulticastToUnicast", port.multicastToUnicast],
		["ProxyARP", port.proxyArp],
		["ProxyARPWiFi", port.proxyArpWifi],
		["NeighborSuppression", port.neighbourSuppression],
		["Isolated", port.isolated],
	];
	return [{ name: "Bridge", lines }, ...vlanSections(port.vlans)];
}

export function vlanSections(vlans: readonly PortVlan[] | undefined): readonly Section[] {
	return (vlans ?? []).map((vlan) => {
		const range = vlan.end === undefined ? vlan.id : `${vlan.id}-${vlan.end}`;
		return {
			name: "BridgeVLAN",
			lines: [
				["VLAN", range],
				["EgressUntagged", vlan.untagged === true ? range : undefined],
				["PVID", vlan.pvid === true ? vlan.id : undefined],
			],
		};
	});
}

/** What a link sets beyond its kind: [Link]. */
export function linkLines(link: Link, parent: Link | undefined, macIsItsOwn: boolean): Lines {
	const ethernet = link.type === "ether";
	const inherited = link.kind === "vlan" && parent?.mtu === link.mtu;
	const usual = link.kind === "vrf" || link.type === "loopback" || inherited;
	return [
		["MTUBytes", usual ? undefined : link.mtu],
		["MACAddress", macIsItsOwn ? undefined : link.mac],
		[
			"ARP",
			ethernet && link.kind !== "vrf" && link.kind !== "dummy"
				? !link.flags.includes("noarp")
				: undefined,
		],
		["AllMulticast", link.flags.includes("allmulti") ? true : undefined],
		["Group", link.group],
	];
}
