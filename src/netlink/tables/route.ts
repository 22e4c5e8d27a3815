// linux/rtnetlink.h. Names are the kernel's without prefix.

/** struct rtmsg */
export const routeHeader = {
	family: "u8",
	dstLen: "u8",
	srcLen: "u8",
	tos: "u8",
	table: "u8",
	protocol: "u8",
	scope: "u8",
	type: "u8",
	flags: "u32",
} as const;

/** enum rtattr_type_t. A route without `dst` is the default route; `table` beats the header's 8 bits. */
export const routeAttributes = {
	dst: [1, "ip"],
	src: [2, "ip"],
	iif: [3, "u32"],
	oif: [4, "u32"],
	gateway: [5, "ip"],
	priority: [6, "u32"],
	prefsrc: [7, "ip"],
	metrics: [8, "routeMetrics"],
	multipath: [9, "hops"],
	/** Realms: source in the upper, destination in the lower 16 bits. */
	flow: [11, "u32"],
	cacheinfo: [12, "routeCacheinfo"],
	table: [15, "u32"],
	mark: [16, "u32"],
	mfcStats: [17, "bytes"],
	via: [18, "via"],
	newdst: [19, "ip"],
	/** Router preference of RFC 4191: 0 medium, 1 high, 3 low. */
	pref: [20, "u8"],
	encapType: [21, "u16"],
	/** Payload of the encapsulation, as it came: its layout depends on `encapType`. */
	encap: [22, "bytes"],
	/** Seconds left, when asked for; dumps carry `cacheinfo.expires` instead. */
	expires: [23, "u32"],
	_pad: [24, "pad"],
	uid: [25, "u32"],
	ttlPropagate: [26, "u8"],
	ipProto: [27, "u8"],
	sport: [28, "u16be"],
	dport: [29, "u16be"],
	/** Nexthop object (ip nexthop) that decides where this route goes. */
	nhId: [30, "u32"],
	flowlabel: [31, "u32be"],
} as const;

/** struct rtnexthop, followed by attributes of the route's own set. */
export const hopHeader = { flags: "u8", weight: "weight8", ifindex: "i32" } as const;

/** struct rta_cacheinfo: `expires` in hundredths of a second (USER_HZ), 0 for never. */
export const routeCacheinfo = {
	clntref: "u32",
	lastuse: "u32",
	expires: "i32",
	error: "u32",
	used: "u32",
	id: "u32",
	ts: "u32",
	tsage: "u32",
} as const;

/** RTAX_*: rtt and rttvar in eighths and quarters of a millisecond; `lock` is a mask of 1 << RTAX number. */
export const routeMetrics = {
	lock: [1, "u32"],
	mtu: [2, "u32"],
	window: [3, "u32"],
	rtt: [4, "u32"],
	rttvar: [5, "u32"],
	ssthresh: [6, "u32"],
	cwnd: [7, "u32"],
	advmss: [8, "u32"],
	reordering: [9, "u32"],
	hoplimit: [10, "u32"],
	initcwnd: [11, "u32"],
	features: [12, "u32"],
	rtoMin: [13, "u32"],
	initrwnd: [14, "u32"],
	quickack: [15, "u32"],
	ccAlgo: [16, "text"],
	fastopenNoCookie: [17, "u32"],
} as const;

/** RTN_* */
export const routeTypes = {
	unspec: 0,
	unicast: 1,
	local: 2,
	broadcast: 3,
	anycast: 4,
	multicast: 5,
	blackhole: 6,
	unreachable: 7,
	prohibit: 8,
	throw: 9,
	nat: 10,
	xresolve: 11,
} as const;

/** RTPROT_* and the names that iproute2's rt_protos gives the rest. */
export const routeProtocols = {
	unspec: 0,
	redirect: 1,
	kernel: 2,
	boot: 3,
	static: 4,
	gated: 8,
	ra: 9,
	mrt: 10,
	zebra: 11,
	bird: 12,
	dnrouted: 13,
	xorp: 14,
	ntk: 15,
	dhcp: 16,
	mrouted: 17,
	keepalived: 18,
	babel: 42,
	ovn: 84,
	openr: 99,
	bgp: 186,
	isis: 187,
	ospf: 188,
	rip: 189,
	eigrp: 192,
} as const;

/** RT_SCOPE_*; `global` is RT_SCOPE_UNIVERSE, the name that ip prints. */
export const scopes = { global: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;

/** RT_TABLE_* */
export const tables = { unspec: 0, compat: 252, default: 253, main: 254, local: 255 } as const;

/** RTNH_F_*: of a single-path route in `flags`, of multipath in each hop's, of a nexthop object in its own. */
export const hopFlags = {
	dead: 1,
	pervasive: 2,
	onlink: 4,
	offload: 8,
	linkdown: 16,
	unresolved: 32,
	trap: 64,
} as const;

/** RTM_F_*: share the word with RTNH_F_*. */
export const routeFlags = {
	notify: 0x100,
	cloned: 0x200,
	equalize: 0x400,
	prefix: 0x800,
	lookupTable: 0x1000,
	fibMatch: 0x2000,
	offload: 0x4000,
	trap: 0x8000,
	offloadFailed: 0x2000_0000,
} as const;

/** LWTUNNEL_ENCAP_* of linux/lwtunnel.h: what `encapType` says. */
export const encapTypes = {
	none: 0,
	mpls: 1,
	ip: 2,
	ila: 3,
	ip6: 4,
	seg6: 5,
	bpf: 6,
	seg6local: 7,
	rpl: 8,
	ioam6: 9,
	xfrm: 10,
} as const;
