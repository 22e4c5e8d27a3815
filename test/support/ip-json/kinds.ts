// linkinfo as iproute2 prints it (ip/iplink_*.c, ip/link_*.c), a table a kind.
import type { LinkInfo } from "../../../src/netlink/index.ts";
import { vlanFlagBits } from "../../../src/netlink/index.ts";
import {
	bondModeName,
	type Columns,
	fill,
	has,
	hex,
	type Json,
	maybe,
	type Names,
	nonzero,
	on,
	onlyIf,
	padded,
} from "./render.ts";

type Of<K extends keyof LinkInfo> = NonNullable<LinkInfo[K]>;

const ethertype = (number: number): string =>
	({ 33024: "802.1Q", 34984: "802.1ad" })[number] ?? `0x${number.toString(16)}`;
const choose = (names: readonly string[]) => (number: number) => names[number] ?? String(number);
const seconds = (hundredths: bigint): number => Number(hundredths) / 100;

const vlan: Columns<Of<"vlan">> = {
	protocol: (d) => maybe(d.protocol, ethertype),
	id: (d) => d.id,
	flags: (d) =>
		maybe(d.flags, ({ flags }) => {
			const names = {
				REORDER_HDR: vlanFlagBits.reorderHdr,
				GVRP: vlanFlagBits.gvrp,
				MVRP: vlanFlagBits.mvrp,
				LOOSE_BINDING: vlanFlagBits.looseBinding,
				BRIDGE_BINDING: vlanFlagBits.bridgeBinding,
			};
			return Object.entries(names).flatMap(([name, bit]) => (has(flags, bit) ? [name] : []));
		}),
	ingress_qos: (d) => maybe(d.ingressQos?.mapping, (list) => list.map((each) => ({ ...each }))),
	egress_qos: (d) => maybe(d.egressQos?.mapping, (list) => list.map((each) => ({ ...each }))),
};

const failOverMac = choose(["none", "active", "follow"]);
const hashPolicy = choose([
	"layer2",
	"layer3+4",
	"layer2+3",
	"encap2+3",
	"encap3+4",
	"vlan+srcmac",
]);
const validate: readonly (string | null)[] = [
	null,
	"active",
	"backup",
	"all",
	"filter",
	"filter_active",
	"filter_backup",
];

const bond = (names: Names): Columns<Of<"bond">> => ({
	mode: (d) => maybe(d.mode, bondModeName),
	active_slave: (d) => maybe(nonzero(d.activeSlave), (index) => names.of(index)),
	miimon: (d) => d.miimon,
	updelay: (d) => d.updelay,
	downdelay: (d) => d.downdelay,
	peer_notify_delay: (d) => d.peerNotifDelay,
	use_carrier: (d) => d.useCarrier,
	arp_interval: (d) => d.arpInterval,
	arp_missed_max: (d) => d.missedMax,
	arp_ip_target: (d) => maybe(nonempty(d.arpIpTarget), (list) => list),
	ns_ip6_target: (d) => maybe(nonempty(d.nsIp6Target), (list) => list),
	arp_validate: (d) => maybe(d.arpValidate, (number) => validate[number] ?? null),
	arp_all_targets: (d) => maybe(d.arpAllTargets, choose(["any", "all"])),
	primary: (d) => maybe(nonzero(d.primary), (index) => names.of(index)),
	primary_reselect: (d) => maybe(d.primaryReselect, choose(["always", "better", "failure"])),
	fail_over_mac: (d) => maybe(d.failOverMac, failOverMac),
	xmit_hash_policy: (d) => maybe(d.xmitHashPolicy, hashPolicy),
	resend_igmp: (d) => d.resendIgmp,
	num_peer_notif: (d) => d.numPeerNotif,
	all_slaves_active: (d) => d.allSlavesActive,
	min_links: (d) => d.minLinks,
	lp_interval: (d) => d.lpInterval,
	packets_per_slave: (d) => d.packetsPerSlave,
	ad_lacp_active: (d) => maybe(d.adLacpActive, choose(["off", "on"])),
	ad_lacp_rate: (d) => maybe(d.adLacpRate, choose(["slow", "fast"])),
	ad_select: (d) => maybe(d.adSelect, choose(["stable", "bandwidth", "count"])),
	ad_info: (d) =>
		maybe(d.adInfo, (info) => ({
			aggregator: info.aggregator ?? 0,
			num_ports: info.numPorts ?? 0,
			actor_key: info.actorKey ?? 0,
			partner_key: info.partnerKey ?? 0,
			partner_mac: info.partnerMac ?? "",
		})),
	ad_actor_sys_prio: (d) => d.adActorSysPrio,
	ad_user_port_key: (d) => d.adUserPortKey,
	ad_actor_system: (d) => d.adActorSystem,
	tlb_dynamic_lb: (d) => d.tlbDynamicLb,
});

function nonempty<T>(list: readonly T[] | undefined): readonly T[] | undefined {
	return list === undefined || list.length === 0 ? undefined : list;
}

const portStates = [
	"active",
	"short_timeout",
	"aggregating",
	"in_sync",
	"collecting",
	"distributing",
	"defaulted",
	"expired",
];
const stateNames = (state: number): Json => portStates.filter((_, bit) => has(state, 2 ** bit));

const bondSlave: Columns<Of<"bondSlave">> = {
	state: (d) => maybe(d.state, choose(["ACTIVE", "BACKUP"])),
	mii_status: (d) => maybe(d.miiStatus, choose(["UP", "GOING_DOWN", "DOWN", "GOING_BACK"])),
	link_failure_count: (d) => d.linkFailureCount,
	perm_hwaddr: (d) => d.permHwaddr,
	queue_id: (d) => d.queueId,
	prio: (d) => d.prio,
	ad_aggregator_id: (d) => d.adAggregatorId,
	ad_actor_oper_port_state: (d) => d.adActorOperPortState,
	ad_actor_oper_port_state_str: (d) => maybe(d.adActorOperPortState, stateNames),
	ad_partner_oper_port_state: (d) => d.adPartnerOperPortState,
	ad_partner_oper_port_state_str: (d) => maybe(d.adPartnerOperPortState, stateNames),
};

const bridgeId = ({ priority, address }: { priority: number; address: string }): string => {
	const bytes = address.split(":").map((byte) => Number.parseInt(byte, 16).toString(16));
	return `${priority.toString(16).padStart(4, "0")}.${bytes.join(":")}`;
};

const bridge: Columns<Of<"bridge">> = {
	forward_delay: (d) => d.forwardDelay,
	hello_time: (d) => d.helloTime,
	max_age: (d) => d.maxAge,
	ageing_time: (d) => d.ageingTime,
	stp_state: (d) => d.stpState,
	priority: (d) => d.priority,
	vlan_filtering: (d) => d.vlanFiltering,
	vlan_protocol: (d) => maybe(d.vlanProtocol, ethertype),
	bridge_id: (d) => maybe(d.bridgeId, bridgeId),
	root_id: (d) => maybe(d.rootId, bridgeId),
	root_port: (d) => d.rootPort,
	root_path_cost: (d) => d.rootPathCost,
	topology_change: (d) => d.topologyChange,
	topology_change_detected: (d) => d.topologyChangeDetected,
	hello_timer: (d) => maybe(d.helloTimer, seconds),
	tcn_timer: (d) => maybe(d.tcnTimer, seconds),
	topology_change_timer: (d) => maybe(d.topologyChangeTimer, seconds),
	gc_timer: (d) => maybe(d.gcTimer, seconds),
	vlan_default_pvid: (d) => d.vlanDefaultPvid,
	vlan_stats_enabled: (d) => d.vlanStatsEnabled,
	vlan_stats_per_port: (d) => d.vlanStatsPerPort,
	group_fwd_mask: (d) => maybe(d.groupFwdMask, hex),
	group_addr: (d) => d.groupAddr,
	mcast_snooping: (d) => d.mcastSnooping,
	no_linklocal_learn: (d) => maybe(d.multiBoolopt, ({ optval }) => Number(has(optval, 1))),
	mcast_vlan_snooping: (d) => maybe(d.multiBoolopt, ({ optval }) => Number(has(optval, 2))),
	mcast_router: (d) => d.mcastRouter,
	mcast_query_use_ifaddr: (d) => d.mcastQueryUseIfaddr,
	mcast_querier: (d) => d.mcastQuerier,
	mcast_hash_elasticity: (d) => d.mcastHashElasticity,
	mcast_hash_max: (d) => d.mcastHashMax,
	mcast_last_member_cnt: (d) => d.mcastLastMemberCnt,
	mcast_startup_query_cnt: (d) => d.mcastStartupQueryCnt,
	mcast_last_member_intvl: (d) => maybe(d.mcastLastMemberIntvl, Number),
	mcast_membership_intvl: (d) => maybe(d.mcastMembershipIntvl, Number),
	mcast_querier_intvl: (d) => maybe(d.mcastQuerierIntvl, Number),
	mcast_query_intvl: (d) => maybe(d.mcastQueryIntvl, Number),
	mcast_query_response_intvl: (d) => maybe(d.mcastQueryResponseIntvl, Number),
	mcast_startup_query_intvl: (d) => maybe(d.mcastStartupQueryIntvl, Number),
	mcast_stats_enabled: (d) => d.mcastStatsEnabled,
	mcast_igmp_version: (d) => d.mcastIgmpVersion,
	mcast_mld_version: (d) => d.mcastMldVersion,
	nf_call_iptables: (d) => d.nfCallIptables,
	nf_call_ip6tables: (d) => d.nfCallIp6tables,
	nf_call_arptables: (d) => d.nfCallArptables,
};

const bridgePort = (names: Names): Columns<Of<"bridgePort">> => ({
	state: (d) =>
		maybe(d.state, choose(["disabled", "listening", "learning", "forwarding", "blocking"])),
	priority: (d) => d.priority,
	cost: (d) => d.cost,
	hairpin: (d) => on(d.mode),
	guard: (d) => on(d.guard),
	root_block: (d) => on(d.protect),
	fastleave: (d) => on(d.fastLeave),
	learning: (d) => on(d.learning),
	flood: (d) => on(d.unicastFlood),
	id: (d) => maybe(d.id, hex),
	no: (d) => maybe(d.no, hex),
	designated_port: (d) => d.designatedPort,
	designated_cost: (d) => d.designatedCost,
	bridge_id: (d) => maybe(d.bridgeId, bridgeId),
	root_id: (d) => maybe(d.rootId, bridgeId),
	hold_timer: (d) => maybe(d.holdTimer, seconds),
	message_age_timer: (d) => maybe(d.messageAgeTimer, seconds),
	forward_delay_timer: (d) => maybe(d.forwardDelayTimer, seconds),
	topology_change_ack: (d) => d.topologyChangeAck,
	config_pending: (d) => d.configPending,
	proxy_arp: (d) => on(d.proxyarp),
	proxy_arp_wifi: (d) => on(d.proxyarpWifi),
	multicast_router: (d) => d.multicastRouter,
	mcast_flood: (d) => on(d.mcastFlood),
	bcast_flood: (d) => on(d.bcastFlood),
	mcast_to_unicast: (d) => on(d.mcastToUcast),
	neigh_suppress: (d) => on(d.neighSuppress),
	group_fwd_mask: (d) => maybe(d.groupFwdMask, hex),
	// Its own words for the same number, with the prefix even on zero.
	group_fwd_mask_str: (d) => maybe(d.groupFwdMask, (mask) => `0x${mask.toString(16)}`),
	vlan_tunnel: (d) => on(d.vlanTunnel),
	isolated: (d) => on(d.isolated),
	locked: (d) => on(d.locked),
	mab: (d) => on(d.mab),
	backup_port: (d) => maybe(nonzero(d.backupPort), (index) => names.of(index)),
});

const table: Columns<{ table?: number }> = { table: (d) => d.table };

const macvlan: Columns<Of<"macvlan">> = {
	mode: (d) =>
		maybe(
			d.mode,
			(mode) =>
				({ 1: "private", 2: "vepa", 4: "bridge", 8: "passthru", 16: "source" })[mode] ?? "?",
		),
	nopromisc: (d) => onlyIf(has(d.flags ?? 0, 1)),
	nodst: (d) => onlyIf(has(d.flags ?? 0, 2)),
	bcqueuelen: (d) => d.bcQueueLen,
	usedbcqueuelen: (d) => d.bcQueueLenUsed,
};

const ipvlan: Columns<Of<"ipvlan">> = {
	mode: (d) => maybe(d.mode, choose(["l2", "l3", "l3s"])),
	private: (d) => onlyIf(has(d.flags ?? 0, 1)),
	vepa: (d) => onlyIf(has(d.flags ?? 0, 2)),
	bridge: (d) => onlyIf(d.flags === 0),
};

const tun: Columns<Of<"tun">> = {
	type: (d) => maybe(d.type, choose(["?", "tun", "tap"])),
	pi: (d) => on(d.pi),
	vnet_hdr: (d) => on(d.vnetHdr),
	multi_queue: (d) => on(d.multiQueue),
	numqueues: (d) => d.numQueues,
	numdisabled: (d) => d.numDisabledQueues,
	persist: (d) => on(d.persist),
	user: (d) => d.owner,
	group: (d) => d.group,
};

const zeroAddress = new Set(["0.0.0.0", "::"]);
const any = (address: string | undefined): string =>
	address === undefined || zeroAddress.has(address) ? "any" : address;
const dotted = (key: number): string =>
	[2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.trunc(key / unit) % 256).join(".");

const hasKey = 0x2000;
const gre = (names: Names, version6: boolean): Columns<Of<"gre">> => ({
	remote: (d) => any(d.remote),
	local: (d) => any(d.local),
	link: (d) => maybe(nonzero(d.link), (index) => names.of(index)),
	ttl: (d) => d.ttl,
	tos: (d) => (version6 ? undefined : maybe(nonzero(d.tos), hex)),
	pmtudisc: (d) => on(d.pmtudisc),
	encap_limit: (d) => (version6 ? d.encapLimit : undefined),
	tclass: (d) =>
		version6 ? maybe(d.flowinfo, (flow) => padded(Math.trunc(flow / 2 ** 20) % 256, 2)) : undefined,
	flowlabel: (d) => (version6 ? maybe(d.flowinfo, (flow) => padded(flow % 2 ** 20, 5)) : undefined),
	ikey: (d) => (has(d.iflags ?? 0, hasKey) ? maybe(d.ikey, dotted) : undefined),
	okey: (d) => (has(d.oflags ?? 0, hasKey) ? maybe(d.okey, dotted) : undefined),
	icsum: (d) => onlyIf(has(d.iflags ?? 0, 0x8000)),
	ocsum: (d) => onlyIf(has(d.oflags ?? 0, 0x8000)),
	erspan_index: (d) => d.erspanIndex,
	erspan_ver: (d) => d.erspanVer,
});

const protocols: Readonly<Record<number, string>> = { 0: "any", 4: "ipip", 41: "ip6ip" };
const iptun = (names: Names): Columns<Of<"iptun">> => ({
	proto: (d) => maybe(d.proto, (number) => protocols[number] ?? "?"),
	remote: (d) => any(d.remote),
	local: (d) => any(d.local),
	link: (d) => maybe(nonzero(d.link), (index) => names.of(index)),
	ttl: (d) => d.ttl,
	tos: (d) => maybe(nonzero(d.tos), hex),
	pmtudisc: (d) => on(d.pmtudisc),
	prefix: (d) => d.sixrdPrefix,
	prefixlen: (d) => d.sixrdPrefixlen,
});

const ip6tnl = (names: Names): Columns<Of<"ip6tnl">> => ({
	proto: (d) => maybe(d.proto, (number) => ({ 0: "any", 4: "ipip6", 41: "ip6ip6" })[number] ?? "?"),
	remote: (d) => any(d.remote),
	local: (d) => any(d.local),
	link: (d) => maybe(nonzero(d.link), (index) => names.of(index)),
	ttl: (d) => d.ttl,
	ip6_tnl_f_ign_encap_limit: (d) => onlyIf(has(d.flags ?? 0, 1)),
	encap_limit: (d) => (has(d.flags ?? 0, 1) ? undefined : d.encapLimit),
	tclass: (d) => maybe(d.flowinfo, (flow) => padded(Math.trunc(flow / 2 ** 20) % 256, 2)),
	flowlabel: (d) => maybe(d.flowinfo, (flow) => padded(flow % 2 ** 20, 5)),
});

const vti = (names: Names): Columns<Of<"vti">> => ({
	remote: (d) => any(d.remote),
	local: (d) => any(d.local),
	link: (d) => maybe(nonzero(d.link), (index) => names.of(index)),
	ikey: (d) => maybe(nonzero(d.ikey), dotted),
	okey: (d) => maybe(nonzero(d.okey), dotted),
});

// A group is a multicast address, a remote a host's.
const isMulticast = (address: string): boolean => /^(ff|2(2[4-9]|3\d)\.)/.test(address);
const unicast = (address: string | undefined) =>
	address === undefined || isMulticast(address) ? undefined : address;
const multicast = (address: string | undefined) =>
	address !== undefined && isMulticast(address) ? address : undefined;
const df = choose(["unset", "set", "inherit"]);

const vxlan = (names: Names): Columns<Of<"vxlan">> => ({
	external: (d) => onlyIf(d.collectMetadata),
	id: (d) => d.id,
	group: (d) => multicast(d.group),
	remote: (d) => unicast(d.group),
	group6: (d) => multicast(d.group6),
	remote6: (d) => unicast(d.group6),
	local: (d) => d.local,
	local6: (d) => d.local6,
	link: (d) => maybe(nonzero(d.link), (index) => names.of(index)),
	port_range: (d) => maybe(d.portRange, (range) => ({ ...range })),
	port: (d) => d.port,
	learning: (d) => on(d.learning),
	proxy: (d) => onlyIf(d.proxy),
	rsc: (d) => onlyIf(d.rsc),
	l2miss: (d) => onlyIf(d.l2miss),
	l3miss: (d) => onlyIf(d.l3miss),
	tos: (d) => maybe(nonzero(d.tos), hex),
	ttl: (d) => d.ttl,
	df: (d) => maybe(d.df, df),
	ageing: (d) => d.ageing,
	udp_csum: (d) => on(d.udpCsum),
	udp_zero_csum6_tx: (d) => on(d.udpZeroCsum6Tx),
	udp_zero_csum6_rx: (d) => on(d.udpZeroCsum6Rx),
	gbp: (d) => onlyIf(d.gbp),
});

const geneve: Columns<Of<"geneve">> = {
	external: (d) => onlyIf(d.collectMetadata),
	id: (d) => d.id,
	remote: (d) => d.remote,
	remote6: (d) => d.remote6,
	ttl: (d) => d.ttl,
	tos: (d) => maybe(nonzero(d.tos), hex),
	df: (d) => maybe(d.df, df),
	port: (d) => d.port,
	udp_csum: (d) => on(d.udpCsum),
	udp_zero_csum6_tx: (d) => on(d.udpZeroCsum6Tx),
	udp_zero_csum6_rx: (d) => on(d.udpZeroCsum6Rx),
};

/** `linkinfo` of ip -json -details. */
export function renderLinkInfo(info: LinkInfo, names: Names): Json {
	const version6 = (info.kind ?? "").startsWith("ip6");
	const data =
		show(vlan, info.vlan) ??
		show(bond(names), info.bond) ??
		show(bridge, info.bridge) ??
		show(table, info.vrf) ??
		show(macvlan, info.macvlan) ??
		show(ipvlan, info.ipvlan) ??
		show(tun, info.tun) ??
		show(gre(names, version6), info.gre) ??
		show(iptun(names), info.iptun) ??
		show(ip6tnl(names), info.ip6tnl) ??
		show(vti(names), info.vti) ??
		show(vxlan(names), info.vxlan) ??
		show(geneve, info.geneve);
	const slaveData =
		show(bondSlave, info.bondSlave) ??
		show(bridgePort(names), info.bridgePort) ??
		show(table, info.vrfPort);
	return {
		...(info.kind === undefined ? {} : { info_kind: info.kind }),
		...(data === undefined ? {} : { info_data: data }),
		...(info.slaveKind === undefined ? {} : { info_slave_kind: info.slaveKind }),
		...(slaveData === undefined ? {} : { info_slave_data: slaveData }),
	};
}

function show<T>(columns: Columns<T>, data: T | undefined): Json | undefined {
	return data === undefined ? undefined : fill(columns, data);
}
