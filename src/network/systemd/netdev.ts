// .netdev files: systemd.netdev(5).

import type {
	BondDetails,
	BridgeDetails,
	Link,
	LinkDetails,
	TunnelDetails,
	VlanDetails,
	VxlanDetails,
} from "../model.ts";
import { type Section, unitFile, type Value } from "./ini.ts";

type Lines = readonly (readonly [string, Value])[];

/** The .netdev file that makes a virtual link, above `parent` if it has one; undefined for hardware and lo. */
export function renderNetdev(link: Link, parent: Link | undefined): string | undefined {
	if (link.kind === undefined) return undefined;
	// A VLAN that was given none follows its parent's, which a bond may change (fail_over_mac active).
	const inherits = link.kind === "vlan" && link.mac === parent?.mac;
	const base: Section = {
		name: "NetDev",
		lines: [
			["Name", link.name],
			["Kind", link.kind],
			// A VRF's own address is never seen; everything else keeps the one its neighbours know.
			["MACAddress", hasEthernet(link) && !inherits ? link.mac : undefined],
		],
	};
	return unitFile([base, ...(link.details === undefined ? [] : [section(link.details)])]);
}

function hasEthernet(link: Link): boolean {
	return link.type === "ether" && link.kind !== "vrf" && link.kind !== "ipvlan";
}

function section(details: LinkDetails): Section {
	switch (details.kind) {
		case "vlan":
			return { name: "VLAN", lines: vlan(details) };
		case "bond":
			return { name: "Bond", lines: bond(details) };
		case "bridge":
			return { name: "Bridge", lines: bridge(details) };
		case "vrf":
			return { name: "VRF", lines: [["Table", details.table]] };
		case "macvlan":
			return { name: "MACVLAN", lines: [["Mode", details.mode]] };
		case "ipvlan":
			return { name: "IPVLAN", lines: [["Mode", details.mode.toUpperCase()]] };
		case "vxlan":
			return { name: "VXLAN", lines: vxlan(details) };
		case "tunnel":
			return { name: "Tunnel", lines: tunnel(details) };
	}
}

function vlan(details: VlanDetails): Lines {
	const maps = (pairs: readonly (readonly [number, number])[]) =>
		pairs.length === 0 ? undefined : pairs.map(([from, to]) => `${from}-${to}`).join(" ");
	return [
		["Id", details.id],
		["Protocol", details.protocol === "802.1q" ? undefined : "802.1ad"],
		["GVRP", details.gvrp],
		["MVRP", details.mvrp],
		["LooseBinding", details.looseBinding],
		["ReorderHeader", details.reorderHeader],
		["EgressQOSMaps", maps(details.egress)],
		["IngressQOSMaps", maps(details.ingress)],
	];
}

/** Options are told only in the modes that know them: the kernel refuses the whole bond otherwise. */
function bond(details: BondDetails): Lines {
	const mode = details.mode;
	const lacp = mode === "802.3ad";
	const preferring = ["active-backup", "balance-tlb", "balance-alb"].includes(mode);
	const hashing = lacp || mode === "balance-xor" || mode === "balance-tlb";
	const arp = (details.arpInterval ?? 0) > 0;
	const only = <T>(when: boolean, value: T | undefined): T | undefined =>
		when ? value : undefined;
	const positive = (value: number | undefined) => ((value ?? 0) > 0 ? value : undefined);
	const time = (ms: number | undefined) => {
		const told = positive(ms);
		return told === undefined ? undefined : `${told}ms`;
	};
	return [
		["Mode", mode],
		["TransmitHashPolicy", only(hashing, details.transmitHashPolicy)],
		["LACPTransmitRate", only(lacp, details.lacpRate)],
		["AdSelect", only(lacp, details.adSelect)],
		["AdActorSystemPriority", only(lacp, positive(details.adActorSystemPriority))],
		["AdUserPortKey", only(lacp, positive(details.adUserPortKey))],
		[
			"AdActorSystem",
			only(lacp && details.adActorSystem !== "00:00:00:00:00:00", details.adActorSystem),
		],
		["MIIMonitorSec", time(details.miimon)],
		["UpDelaySec", time(details.upDelay)],
		["DownDelaySec", time(details.downDelay)],
		["ARPIntervalSec", only(arp, time(details.arpInterval))],
		["ARPIPTargets", only(arp, details.arpTargets?.join(" "))],
		["ARPValidate", only(arp, details.arpValidate)],
		["ARPAllTargets", only(arp, details.arpAllTargets)],
		["FailOverMACPolicy", only(mode === "active-backup", details.failOverMac)],
		["PrimaryReselectPolicy", only(preferring, details.primaryReselect)],
		["ResendIGMP", details.resendIgmp],
		["PacketsPerSlave", only(mode === "balance-rr", details.packetsPerPort)],
		["GratuitousARP", details.gratuitousArp],
		["AllSlavesActive", details.allPortsActive],
		[
			"LearnPacketIntervalSec",
			only(mode === "balance-tlb" || mode === "balance-alb", positive(details.learnInterval)),
		],
		["DynamicTransmitLoadBalancing", only(mode === "balance-tlb", details.dynamicLoadBalancing)],
		["MinLinks", positive(details.minLinks)],
	];
}

function bridge(details: BridgeDetails): Lines {
	/** Centiseconds as systemd reads time spans. */
	const time = (value: number | undefined) => (value === undefined ? undefined : `${value * 10}ms`);
	const filtering = details.vlanFiltering;
	return [
		["STP", details.stp],
		["ForwardDelaySec", time(details.forwardDelay)],
		["HelloTimeSec", time(details.helloTime)],
		["MaxAgeSec", time(details.maxAge)],
		["AgeingTimeSec", time(details.ageingTime)],
		["Priority", details.priority],
		["GroupForwardMask", details.groupForwardMask === 0 ? undefined : details.groupForwardMask],
		["DefaultPVID", details.vlanDefaultPvid === 0 ? "none" : details.vlanDefaultPvid],
		["VLANFiltering", filtering],
		["VLANProtocol", filtering ? details.vlanProtocol : undefined],
		["MulticastSnooping", details.multicastSnooping],
		["MulticastQuerier", details.multicastQuerier],
		["MulticastIGMPVersion", details.multicastIgmpVersion],
	];
}

function tunnel(details: TunnelDetails): Lines {
	const modes: Readonly<Record<number, string>> = { 0: "any", 4: "ipip6", 41: "ip6ip6" };
	return [
		["Independent", true],
		["Local", details.local ?? "any"],
		["Remote", details.remote ?? "any"],
		["TTL", details.ttl === 0 ? undefined : details.ttl],
		["TOS", details.tos === 0 ? undefined : details.tos],
		["InputKey", details.inputKey],
		["OutputKey", details.outputKey],
		["DiscoverPathMTU", details.pathMtuDiscovery],
		["EncapsulationLimit", details.encapsulationLimit],
		["Mode", details.protocol === undefined ? undefined : modes[details.protocol]],
	];
}

function vxlan(details: VxlanDetails): Lines {
	const multicast = details.remote !== undefined && /^(22[4-9]|23\d|ff)/.test(details.remote);
	return [
		["VNI", details.id],
		["Local", details.local],
		["Remote", multicast ? undefined : details.remote],
		["Group", multicast ? details.remote : undefined],
		["TTL", details.ttl === 0 ? undefined : details.ttl],
		["DestinationPort", details.port],
		["MacLearning", details.learning],
		["Independent", true],
	];
}
