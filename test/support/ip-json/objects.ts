// Links, addresses, routes, rules, nexthops and neighbours as iproute2 prints them (ip/ip*.c), a table each.
import {
	type Address,
	addressFlags,
	addrGenModes,
	type BridgeLink,
	bridgeVlanFlags,
	encapTypes,
	families,
	type Hop,
	hardwareTypes,
	hopFlags,
	type Link,
	linkFlags,
	type Neighbour,
	type Nexthop,
	neighbourFlags,
	neighbourStates,
	nexthopGroupTypes,
	type Route,
	type Rule,
	ruleActions,
	ruleFlags,
	showIp,
} from "../../../src/netlink/index.ts";
import { renderLinkInfo } from "./kinds.ts";
import {
	type Columns,
	familyName,
	fill,
	groupName,
	has,
	hex,
	type Json,
	maybe,
	type Names,
	nonzero,
	onlyIf,
	operStateName,
	protocolName,
	routeTypeName,
	scopeName,
	tableName,
} from "./render.ts";

const linkTypes: Readonly<Record<number, string>> = {
	[hardwareTypes.ether]: "ether",
	[hardwareTypes.loopback]: "loopback",
	[hardwareTypes.tunnel]: "ipip",
	[hardwareTypes.tunnel6]: "tunnel6",
	[hardwareTypes.sit]: "sit",
	[hardwareTypes.ipgre]: "gre",
	[hardwareTypes.ip6gre]: "gre6",
	[hardwareTypes.none]: "none",
	[hardwareTypes.ppp]: "ppp",
	[hardwareTypes.infiniband]: "infiniband",
};
const ipv4Links: readonly number[] = [hardwareTypes.tunnel, hardwareTypes.sit, hardwareTypes.ipgre];
const ipv6Links: readonly number[] = [hardwareTypes.tunnel6, hardwareTypes.ip6gre];

/** Hardware addresses of IP tunnels are IP addresses. */
function hardwareAddress(link: Link, address: string): string {
	const bytes = Uint8Array.from(address.split(":").map((byte) => Number.parseInt(byte, 16)));
	if (ipv4Links.includes(link.type) && bytes.length === 4) return showIp(bytes, 0, 4);
	if (ipv6Links.includes(link.type) && bytes.length === 16) return showIp(bytes, 0, 16);
	return address;
}

const flagNames = [
	...[
		"loopback",
		"broadcast",
		"pointopoint",
		"multicast",
		"noarp",
		"allmulti",
		"promisc",
		"master",
	],
	...[
		"slave",
		"debug",
		"dynamic",
		"automedia",
		"portsel",
		"notrailers",
		"up",
		"lowerUp",
		"dormant",
	],
	"echo",
] as const;

function showLinkFlags(link: Link, names: Names): Json {
	const shown: string[] = [];
	if (has(link.flags, linkFlags.up) && !has(link.flags, linkFlags.running))
		shown.push("NO-CARRIER");
	for (const name of flagNames) {
		if (has(link.flags, linkFlags[name])) {
			shown.push(name === "lowerUp" ? "LOWER_UP" : name.toUpperCase());
		}
	}
	const below = link.linkNetnsid === undefined ? nonzero(link.link) : undefined;
	if (below !== undefined && !has(names.flags(below), linkFlags.up)) shown.push("M-DOWN");
	return shown;
}

/** What `ip link` and `ip address` both print of a link. */
const linkColumns = (names: Names): Columns<Link> => ({
	ifindex: (l) => l.index,
	link: (l) =>
		l.linkNetnsid === undefined
			? maybe(l.link, (index) => (index === 0 ? null : names.of(index)))
			: l.link === 0
				? null
				: undefined,
	link_index: (l) => (l.linkNetnsid === undefined ? undefined : nonzero(l.link)),
	ifname: (l) => l.ifname,
	flags: (l) => showLinkFlags(l, names),
	mtu: (l) => l.mtu,
	qdisc: (l) => l.qdisc,
	master: (l) => maybe(nonzero(l.master), (index) => names.of(index)),
	operstate: (l) => maybe(l.operstate, operStateName),
	group: (l) => maybe(l.group, groupName),
	txqlen: (l) => nonzero(l.txqlen),
	link_type: (l) => linkTypes[l.type] ?? String(l.type),
	address: (l) => maybe(l.address, (address) => hardwareAddress(l, address)),
	link_pointtopoint: (l) =>
		l.broadcast === undefined ? undefined : onlyIf(has(l.flags, linkFlags.pointopoint)),
	broadcast: (l) => maybe(l.broadcast, (address) => hardwareAddress(l, address)),
	permaddr: (l) =>
		l.permAddress === l.address
			? undefined
			: maybe(l.permAddress, (address) => hardwareAddress(l, address)),
	link_netnsid: (l) => l.linkNetnsid,
	promiscuity: (l) => l.promiscuity,
	allmulti: (l) => l.allmulti,
	min_mtu: (l) => l.minMtu,
	max_mtu: (l) => l.maxMtu,
	linkinfo: (l) => maybe(l.linkinfo, (info) => renderLinkInfo(info, names)),
	num_tx_queues: (l) => l.numTxQueues,
	num_rx_queues: (l) => l.numRxQueues,
	gso_max_size: (l) => l.gsoMaxSize,
	gso_max_segs: (l) => l.gsoMaxSegs,
	tso_max_size: (l) => l.tsoMaxSize,
	tso_max_segs: (l) => l.tsoMaxSegs,
	gro_max_size: (l) => l.groMaxSize,
	phys_port_name: (l) => l.physPortName,
	phys_port_id: (l) => maybe(l.physPortId, (id) => id.replaceAll(":", "")),
	phys_switch_id: (l) => maybe(l.physSwitchId, (id) => id.replaceAll(":", "")),
	parentbus: (l) => l.parentDevBusName,
	parentdev: (l) => l.parentDevName,
	ifalias: (l) => l.ifalias,
	altnames: (l) => l.propList?.altIfname,
});

const genModes = new Map<number, string>([
	[addrGenModes.eui64, "eui64"],
	[addrGenModes.none, "none"],
	[addrGenModes.stablePrivacy, "stable_secret"],
	[addrGenModes.random, "random"],
]);

export function renderLink(link: Link, names: Names): Json {
	const more: Columns<Link> = {
		linkmode: (l) => maybe(l.linkmode, (mode) => (mode === 0 ? "DEFAULT" : "DORMANT")),
		inet6_addr_gen_mode: (l) =>
			maybe(l.afSpec?.inet6?.addrGenMode, (mode) => genModes.get(mode) ?? "?"),
	};
	return fill({ ...linkColumns(names), ...more }, link);
}

/** Lifetimes in seconds; for ever is 2^32 − 1. */
const addressColumns: Columns<Address> = {
	family: (a) => familyName(a.family),
	local: (a) => a.local ?? a.address,
	address: (a) => (a.local === undefined || a.address === a.local ? undefined : a.address),
	prefixlen: (a) => a.prefixlen,
	metric: (a) => nonzero(a.rtPriority),
	broadcast: (a) => a.broadcast,
	anycast: (a) => a.anycast,
	scope: (a) => scopeName(a.scope),
	secondary: (a) => onlyIf(a.family === families.inet && has(a.flags, addressFlags.secondary)),
	temporary: (a) => onlyIf(a.family === families.inet6 && has(a.flags, addressFlags.secondary)),
	tentative: (a) => onlyIf(has(a.flags, addressFlags.tentative)),
	deprecated: (a) => onlyIf(has(a.flags, addressFlags.deprecated)),
	home: (a) => onlyIf(has(a.flags, addressFlags.homeaddress)),
	nodad: (a) => onlyIf(has(a.flags, addressFlags.nodad)),
	mngtmpaddr: (a) => onlyIf(has(a.flags, addressFlags.managetempaddr)),
	noprefixroute: (a) => onlyIf(has(a.flags, addressFlags.noprefixroute)),
	autojoin: (a) => onlyIf(has(a.flags, addressFlags.mcautojoin)),
	dynamic: (a) => onlyIf(!has(a.flags, addressFlags.permanent)),
	dadfailed: (a) => onlyIf(has(a.flags, addressFlags.dadfailed)),
	"stable-privacy": (a) => onlyIf(has(a.flags, addressFlags.stablePrivacy)),
	label: (a) => a.label,
	valid_life_time: (a) => a.cacheinfo?.valid,
	preferred_life_time: (a) => a.cacheinfo?.preferred,
};

export function renderAddresses(link: Link, addresses: readonly Address[], names: Names): Json {
	const own = addresses.filter((address) => address.index === link.index);
	return {
		...fill(linkColumns(names), link),
		addr_info: own.map((address) => fill(addressColumns, address)),
	};
}

const hopFlagNames: Readonly<Record<string, number>> = {
	dead: hopFlags.dead,
	onlink: hopFlags.onlink,
	pervasive: hopFlags.pervasive,
	offload: hopFlags.offload,
	trap: hopFlags.trap,
	linkdown: hopFlags.linkdown,
	unresolved: hopFlags.unresolved,
};
const showHopFlags = (flags: number): Json =>
	Object.entries(hopFlagNames).flatMap(([name, bit]) => (has(flags, bit) ? [name] : []));
const showVia = (via: Route["via"]): Json | undefined =>
	maybe(via, ({ family, address }) => ({ family: familyName(family), host: address }));
const encapName = (type: number | undefined): string | undefined =>
	Object.entries(encapTypes).find(([, number]) => number === type && type !== 0)?.[0];

function showPrefix(address: string | undefined, length: number, family: number): string {
	if (address === undefined) return length === 0 ? "default" : `0/${length}`;
	return length === (family === families.inet ? 32 : 128) ? address : `${address}/${length}`;
}

function showRealms(flow: number): Json {
	const [from, to] = [Math.trunc(flow / 65536), flow % 65536];
	return { ...(from === 0 ? {} : { from: String(from) }), to: String(to) };
}

/** Most times are in ms here, kept as eighths and quarters of a ms. */
function showMetrics(metrics: NonNullable<Route["metrics"]>): Json {
	const shown = fill(
		{
			mtu: (m) => m.mtu,
			window: (m) => m.window,
			rtt: (m) => maybe(m.rtt, (rtt) => rtt / 8),
			rttvar: (m) => maybe(m.rttvar, (rttvar) => rttvar / 4),
			ssthresh: (m) => m.ssthresh,
			cwnd: (m) => m.cwnd,
			advmss: (m) => m.advmss,
			reordering: (m) => m.reordering,
			hoplimit: (m) => m.hoplimit,
			initcwnd: (m) => m.initcwnd,
			ecn: (m) => (has(m.features ?? 0, 1) ? null : undefined),
			rto_min: (m) => m.rtoMin,
			initrwnd: (m) => m.initrwnd,
			quickack: (m) => m.quickack,
			congestion: (m) => m.ccAlgo,
			fastopen_no_cookie: (m) => m.fastopenNoCookie,
		} satisfies Columns<typeof metrics>,
		metrics,
	);
	return [shown];
}

const hopColumns = (names: Names): Columns<Hop> => ({
	encap: (h) => encapName(h.encapType),
	gateway: (h) => h.gateway,
	via: (h) => showVia(h.via),
	dev: (h) => names.of(h.ifindex),
	weight: (h) => h.weight,
	flags: (h) => showHopFlags(h.flags),
});

const nexthopColumns = (names: Names): Columns<Nexthop> => ({
	id: (n) => n.id,
	group: (n) =>
		maybe(n.group, (group) =>
			group.map(({ id, weight }) => ({ id, ...(weight === 1 ? {} : { weight }) })),
		),
	type: (n) => (n.groupType === nexthopGroupTypes.resilient ? "resilient" : undefined),
	resilient_args: (n) =>
		maybe(n.resGroup, (args) => ({
			buckets: args.buckets ?? 0,
			idle_timer: (args.idleTimer ?? 0) / 100,
			unbalanced_timer: (args.unbalancedTimer ?? 0) / 100,
			unbalanced_time: Number(args.unbalancedTime ?? 0n) / 100,
		})),
	encap: (n) => encapName(n.encapType),
	gateway: (n) => n.gateway,
	dev: (n) => maybe(n.oif, (index) => names.of(index)),
	scope: (n) => scopeName(n.scope),
	blackhole: (n) => (n.blackhole === true ? null : undefined),
	protocol: (n) => protocolName(n.protocol),
	flags: (n) => showHopFlags(n.flags),
	fdb: (n) => (n.fdb === true ? null : undefined),
});

export function renderNexthop(nexthop: Nexthop, names: Names): Json {
	return fill(nexthopColumns(names), nexthop);
}

const preferences: Readonly<Record<number, string>> = { 0: "medium", 1: "high", 3: "low" };

export function renderRoute(
	route: Route,
	names: Names,
	nexthops: ReadonlyMap<number, Nexthop>,
): Json {
	const columns: Columns<Route> = {
		type: (r) => routeTypeName(r.type),
		dst: (r) => showPrefix(r.dst, r.dstLen, r.family),
		from: (r) => (r.src === undefined ? undefined : showPrefix(r.src, r.srcLen, r.family)),
		tos: (r) => (r.tos === 0 ? undefined : `0x${r.tos.toString(16)}`),
		encap: (r) => encapName(r.encapType),
		nhid: (r) => r.nhId,
		gateway: (r) => r.gateway,
		via: (r) => showVia(r.via),
		dev: (r) => maybe(r.oif, (index) => names.of(index)),
		table: (r) => tableName(r.table),
		protocol: (r) => protocolName(r.protocol),
		scope: (r) => scopeName(r.scope),
		prefsrc: (r) => r.prefsrc,
		metric: (r) => r.priority,
		flags: (r) => showHopFlags(r.flags % 0x100),
		mark: (r) => nonzero(r.mark),
		flow: (r) => maybe(r.flow, showRealms),
		uid: (r) => r.uid,
		expires: (r) => maybe(nonzero(r.cacheinfo?.expires), (ticks) => Math.trunc(ticks / 100)),
		error: (r) => nonzero(r.cacheinfo?.error),
		metrics: (r) => maybe(r.metrics, showMetrics),
		pref: (r) => maybe(r.pref, (pref) => preferences[pref] ?? String(pref)),
		nexthops: (r) => maybe(r.multipath, (hops) => hops.map((hop) => fill(hopColumns(names), hop))),
		// With -details ip looks the nexthop object up.
		nh_info: (r) => {
			const nexthop = r.nhId === undefined ? undefined : nexthops.get(r.nhId);
			return nexthop === undefined ? undefined : renderNexthop(nexthop, names);
		},
	};
	return fill(columns, route);
}

const actionNames = new Map<number, string>([
	[ruleActions.blackhole, "blackhole"],
	[ruleActions.unreachable, "unreachable"],
	[ruleActions.prohibit, "prohibit"],
]);
const ipProtocols: Readonly<Record<number, string>> = {
	1: "icmp",
	6: "tcp",
	17: "udp",
	58: "ipv6-icmp",
};
const none = 0xffff_ffff;

function fullLength(family: number): number {
	return family === families.inet ? 32 : 128;
}

const ruleColumns: Columns<Rule> = {
	priority: (r) => r.priority ?? 0,
	not: (r) => (has(r.flags, ruleFlags.invert) ? null : undefined),
	src: (r) => r.src ?? "all",
	srclen: (r) => (r.src === undefined || r.srcLen === fullLength(r.family) ? undefined : r.srcLen),
	dst: (r) => r.dst,
	dstlen: (r) => (r.dst === undefined || r.dstLen === fullLength(r.family) ? undefined : r.dstLen),
	tos: (r) => (r.tos === 0 ? undefined : `0x${r.tos.toString(16)}`),
	fwmark: (r) =>
		r.fwmark === undefined && r.fwmask === undefined ? undefined : hexZero(r.fwmark ?? 0),
	fwmask: (r) => (r.fwmask === undefined || r.fwmask === none ? undefined : hexZero(r.fwmask)),
	iif: (r) => r.iifname,
	iif_detached: (r) => (has(r.flags, ruleFlags.iifDetached) ? null : undefined),
	oif: (r) => r.oifname,
	oif_detached: (r) => (has(r.flags, ruleFlags.oifDetached) ? null : undefined),
	l3mdev: (r) => (r.l3mdev === undefined || r.l3mdev === 0 ? undefined : null),
	uid_start: (r) => r.uidRange?.start,
	uid_end: (r) => r.uidRange?.end,
	ipproto: (r) => maybe(r.ipProto, (number) => ipProtocols[number] ?? `ipproto-${number}`),
	sport: (r) => single(r.sportRange),
	sport_start: (r) => (single(r.sportRange) === undefined ? r.sportRange?.start : undefined),
	sport_end: (r) => (single(r.sportRange) === undefined ? r.sportRange?.end : undefined),
	dport: (r) => single(r.dportRange),
	dport_start: (r) => (single(r.dportRange) === undefined ? r.dportRange?.start : undefined),
	dport_end: (r) => (single(r.dportRange) === undefined ? r.dportRange?.end : undefined),
	tun_id: (r) => maybe(r.tunId, Number),
	table: (r) =>
		r.table === 0 || (r.l3mdev ?? 0) !== 0 || r.action !== ruleActions.toTable
			? undefined
			: tableName(r.table),
	suppress_prefixlen: (r) =>
		r.suppressPrefixlen === none || r.action !== ruleActions.toTable
			? undefined
			: r.suppressPrefixlen,
	suppress_ifgroup: (r) =>
		r.suppressIfgroup === none ? undefined : maybe(r.suppressIfgroup, groupName),
	flow_from: (r) => maybe(nonzero(Math.trunc((r.flow ?? 0) / 65536)), String),
	flow_to: (r) => maybe(r.flow, (flow) => String(flow % 65536)),
	goto: (r) => r.goto,
	unresolved: (r) => (has(r.flags, ruleFlags.unresolved) ? null : undefined),
	nop: (r) => (r.action === ruleActions.nop ? null : undefined),
	action: (r) => actionNames.get(r.action),
	protocol: (r) => maybe(r.protocol, protocolName),
};

const hexZero = (number: number): string => hex(number);
const single = (range: { start: number; end: number } | undefined): number | undefined =>
	range !== undefined && range.start === range.end ? range.start : undefined;

export function renderRule(rule: Rule): Json {
	return fill(ruleColumns, rule);
}

const stateNames = new Map(
	Object.entries(neighbourStates).map(([name, state]) => [state, name.toUpperCase()]),
);

export function renderNeighbour(neighbour: Neighbour, names: Names): Json {
	const columns: Columns<Neighbour> = {
		dst: (n) => n.dst,
		dev: (n) => names.of(n.ifindex),
		lladdr: (n) => n.lladdr,
		router: (n) => (has(n.flags, neighbourFlags.router) ? null : undefined),
		proxy: (n) => (has(n.flags, neighbourFlags.proxy) ? null : undefined),
		state: (n) =>
			n.state === 0
				? undefined
				: [...stateNames].flatMap(([bit, name]) => (bit > 0 && has(n.state, bit) ? [name] : [])),
		protocol: (n) => maybe(nonzero(n.protocol), protocolName),
	};
	return fill(columns, neighbour);
}

/** VLANs of a port as `bridge vlan` prints them; ours may come in ranges of their own, so each is told alone. */
export function renderVlans(port: BridgeLink, names: Names): Json {
	const vlans: Json[] = [];
	let begin: number | undefined;
	for (const { vid, flags } of port.afSpec?.vlanInfo ?? []) {
		if (has(flags, bridgeVlanFlags.rangeBegin)) {
			begin = vid;
			continue;
		}
		const shown = [
			...(has(flags, bridgeVlanFlags.pvid) ? ["PVID"] : []),
			...(has(flags, bridgeVlanFlags.untagged) ? ["Egress Untagged"] : []),
		];
		for (let vlan = begin ?? vid; vlan <= vid; vlan++) {
			vlans.push({ vlan, ...(shown.length === 0 ? {} : { flags: shown }) });
		}
		begin = undefined;
	}
	return { ifname: names.of(port.index), vlans };
}
