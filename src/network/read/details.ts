// IFLA_INFO_DATA and IFLA_INFO_SLAVE_DATA to the model. The lists of words are iproute2's (ip/iplink_*.c).

import {
	bondModes,
	type LinkInfo,
	vlanFlagBits,
	type Link as WireLink,
} from "../../netlink/index.ts";
import type {
	BondDetails,
	BondPort,
	BridgeDetails,
	BridgePort,
	LinkDetails,
	MacvlanDetails,
	PortDetails,
	TunnelDetails,
	VlanDetails,
	VxlanDetails,
} from "../model.ts";
import { defined, nameOf, pick, positive, truth } from "./names.ts";

type NameOfIndex = (index: number | undefined) => string | undefined;

/** Settings of a virtual link, for the kinds that can be made again. */
export function readDetails(link: WireLink, nameOfIndex: NameOfIndex): LinkDetails | undefined {
	const info = link.linkinfo;
	if (info === undefined) return undefined;
	if (info.vlan !== undefined) return vlan(info.vlan);
	if (info.bond !== undefined) return bond(info.bond, nameOfIndex);
	if (info.bridge !== undefined) return bridge(info.bridge);
	if (info.vrf?.table !== undefined) return { kind: "vrf", table: info.vrf.table };
	if (info.kind === "macvlan") return macvlan(info.macvlan);
	if (info.kind === "ipvlan" && info.ipvlan?.flags === 0) {
		return { kind: "ipvlan", mode: pick(["l2", "l3", "l3s"], info.ipvlan.mode) ?? "l2" };
	}
	if (info.vxlan !== undefined) return vxlan(info.vxlan);
	return tunnel(info);
}

function vlan(data: NonNullable<LinkInfo["vlan"]>): VlanDetails {
	const flags = data.flags?.flags ?? vlanFlagBits.reorderHdr;
	const has = (bit: number) => Math.floor(flags / bit) % 2 === 1;
	const pairs = (qos: typeof data.egressQos) =>
		(qos?.mapping ?? []).map(({ from, to }) => [from, to] as const);
	return {
		kind: "vlan",
		id: data.id ?? 0,
		protocol: data.protocol === 0x88a8 ? "802.1ad" : "802.1q",
		gvrp: has(vlanFlagBits.gvrp),
		mvrp: has(vlanFlagBits.mvrp),
		looseBinding: has(vlanFlagBits.looseBinding),
		reorderHeader: has(vlanFlagBits.reorderHdr),
		bridgeBinding: has(vlanFlagBits.bridgeBinding),
		ingress: pairs(data.ingressQos),
		egress: pairs(data.egressQos),
	};
}

const hashPolicies = "layer2 layer3+4 layer2+3 encap2+3 encap3+4 vlan+srcmac".split(" ");
const arpValidates = "none active backup all filter filter_active filter_backup".split(" ");

const filled = (list: readonly string[] | undefined) => (list?.length === 0 ? undefined : list);

function bond(data: NonNullable<LinkInfo["bond"]>, nameOfIndex: NameOfIndex): BondDetails {
	return defined({
		kind: "bond" as const,
		mode: nameOf(bondModes, data.mode ?? 0),
		miimon: data.miimon,
		upDelay: data.updelay,
		downDelay: data.downdelay,
		peerNotifyDelay: data.peerNotifDelay,
		useCarrier: truth(data.useCarrier),
		arpInterval: data.arpInterval,
		arpTargets: filled(data.arpIpTarget),
		neighbourTargets: filled(data.nsIp6Target),
		arpValidate: pick(arpValidates, data.arpValidate),
		arpAllTargets: pick(["any", "all"], data.arpAllTargets),
		arpMissedMax: data.missedMax,
		primary: nameOfIndex(data.primary),
		primaryReselect: pick(["always", "better", "failure"], data.primaryReselect),
		failOverMac: pick(["none", "active", "follow"], data.failOverMac),
		transmitHashPolicy: pick(hashPolicies, data.xmitHashPolicy),
		resendIgmp: data.resendIgmp,
		gratuitousArp: data.numPeerNotif,
		allPortsActive: truth(data.allSlavesActive),
		minLinks: data.minLinks,
		learnInterval: data.lpInterval,
		packetsPerPort: data.packetsPerSlave,
		lacpActive: truth(data.adLacpActive),
		lacpRate: pick(["slow", "fast"], data.adLacpRate),
		adSelect: pick(["stable", "bandwidth", "count"], data.adSelect),
		adActorSystemPriority: data.adActorSysPrio,
		adUserPortKey: data.adUserPortKey,
		adActorSystem: data.adActorSystem,
		dynamicLoadBalancing: truth(data.tlbDynamicLb),
		activePort: nameOfIndex(data.activeSlave),
	});
}

function bridge(data: NonNullable<LinkInfo["bridge"]>): BridgeDetails {
	return defined({
		kind: "bridge" as const,
		stp: (data.stpState ?? 0) !== 0,
		forwardDelay: data.forwardDelay,
		helloTime: data.helloTime,
		maxAge: data.maxAge,
		ageingTime: data.ageingTime,
		priority: data.priority,
		groupForwardMask: data.groupFwdMask,
		vlanFiltering: (data.vlanFiltering ?? 0) !== 0,
		vlanProtocol:
			data.vlanProtocol === undefined
				? undefined
				: data.vlanProtocol === 0x88a8
					? ("802.1ad" as const)
					: ("802.1q" as const),
		vlanDefaultPvid: data.vlanDefaultPvid,
		multicastSnooping: truth(data.mcastSnooping),
		multicastQuerier: truth(data.mcastQuerier),
		multicastIgmpVersion: data.mcastIgmpVersion,
	});
}

function macvlan(data: LinkInfo["macvlan"]): MacvlanDetails | undefined {
	const modes: Readonly<Record<number, string>> = {
		1: "private",
		2: "vepa",
		4: "bridge",
		8: "passthru",
	};
	const mode = modes[data?.mode ?? 2];
	return mode === undefined ? undefined : { kind: "macvlan", mode };
}

const unset = (address: string | undefined) =>
	address === "0.0.0.0" || address === "::" ? undefined : address;

function vxlan(data: NonNullable<LinkInfo["vxlan"]>): VxlanDetails {
	return defined({
		kind: "vxlan" as const,
		id: data.id ?? 0,
		local: unset(data.local ?? data.local6),
		remote: unset(data.group ?? data.group6),
		ttl: data.ttl,
		port: data.port,
		learning: truth(data.learning),
		external: data.collectMetadata === 1 ? true : undefined,
	});
}

/** GRE_KEY of linux/if_tunnel.h, in host order. */
const greKey = 0x2000;

function tunnel(info: LinkInfo): TunnelDetails | undefined {
	const gre = info.gre;
	const ip = info.iptun ?? info.ip6tnl;
	// Foo over UDP, checksums and sequence numbers are not in the model.
	const encap = (gre ?? ip)?.encapType ?? 0;
	const isPlain = (flags: number | undefined) => (flags ?? 0) === 0 || flags === greKey;
	if (encap !== 0 || !isPlain(gre?.iflags) || !isPlain(gre?.oflags)) return undefined;
	const hasKey = (flags: number | undefined) => flags === greKey;
	if (gre !== undefined && gre.collectMetadata === undefined && gre.erspanVer === undefined) {
		return defined({
			kind: "tunnel" as const,
			local: unset(gre.local),
			remote: unset(gre.remote),
			ttl: gre.ttl,
			tos: gre.tos,
			inputKey: hasKey(gre.iflags) ? gre.ikey : undefined,
			outputKey: hasKey(gre.oflags) ? gre.okey : undefined,
			pathMtuDiscovery: truth(gre.pmtudisc),
			encapsulationLimit: gre.encapLimit,
		});
	}
	if (ip !== undefined && ip.collectMetadata === undefined) {
		return defined({
			kind: "tunnel" as const,
			local: unset(ip.local),
			remote: unset(ip.remote),
			ttl: ip.ttl,
			tos: ip.tos,
			pathMtuDiscovery: truth(info.iptun?.pmtudisc),
			encapsulationLimit: info.ip6tnl?.encapLimit,
			protocol: info.ip6tnl?.proto,
		});
	}
	if (info.vti === undefined) return undefined;
	return defined({
		kind: "tunnel" as const,
		local: unset(info.vti.local),
		remote: unset(info.vti.remote),
		inputKey: positive(info.vti.ikey),
		outputKey: positive(info.vti.okey),
	});
}

/** Settings of a link as a member of its master. */
export function readPort(link: WireLink): PortDetails | undefined {
	const info = link.linkinfo;
	if (info?.bondSlave !== undefined) {
		const port: BondPort = defined({
			kind: "bond" as const,
			queueId: positive(info.bondSlave.queueId),
			state: pick(["active", "backup"], info.bondSlave.state),
		});
		return port;
	}
	const data = info?.bridgePort;
	if (data === undefined) return undefined;
	const port: BridgePort = defined({
		kind: "bridge" as const,
		cost: data.cost,
		priority: data.priority,
		hairpin: truth(data.mode),
		guard: truth(data.guard),
		protect: truth(data.protect),
		fastLeave: truth(data.fastLeave),
		learning: truth(data.learning),
		unicastFlood: truth(data.unicastFlood),
		multicastFlood: truth(data.mcastFlood),
		multicastToUnicast: truth(data.mcastToUcast),
		proxyArp: truth(data.proxyarp),
		proxyArpWifi: truth(data.proxyarpWifi),
		neighbourSuppression: truth(data.neighSuppress),
		isolated: truth(data.isolated),
	});
	return port;
}
