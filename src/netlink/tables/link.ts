// linux/rtnetlink.h, linux/if_link.h. Names are the kernel's without prefix.

/** struct ifinfomsg: `type` is ARPHRD_*, `flags` IFF_* */
export const linkHeader = {
	family: "u8",
	_pad: "u8",
	type: "u16",
	index: "i32",
	flags: "u32",
	change: "u32",
} as const;

/** enum { IFLA_UNSPEC, IFLA_ADDRESS, … } as links of all families but AF_BRIDGE carry it. */
export const linkAttributes = {
	/** Hardware address now; on IP tunnels the four or sixteen bytes of an IP address. */
	address: [1, "mac"],
	broadcast: [2, "mac"],
	ifname: [3, "name"],
	mtu: [4, "u32"],
	/** Index of the link below, in the namespace that `linkNetnsid` names if there is one. */
	link: [5, "u32"],
	qdisc: [6, "text"],
	stats: [7, "bytes"],
	cost: [8, "bytes"],
	priority: [9, "bytes"],
	/** Index of the bond, bridge or VRF that this link is a port of. */
	master: [10, "u32"],
	wireless: [11, "bytes"],
	protinfo: [12, "bytes"],
	txqlen: [13, "u32"],
	map: [14, "bytes"],
	weight: [15, "u32"],
	/** RFC 2863: IF_OPER_* */
	operstate: [16, "u8"],
	linkmode: [17, "u8"],
	linkinfo: [18, "linkInfo"],
	netNsPid: [19, "u32"],
	ifalias: [20, "text"],
	numVf: [21, "u32"],
	vfinfoList: [22, "bytes"],
	stats64: [23, "bytes"],
	vfPorts: [24, "bytes"],
	portSelf: [25, "bytes"],
	afSpec: [26, "afSpec"],
	group: [27, "u32"],
	netNsFd: [28, "u32"],
	extMask: [29, "u32"],
	promiscuity: [30, "u32"],
	numTxQueues: [31, "u32"],
	numRxQueues: [32, "u32"],
	carrier: [33, "u8"],
	physPortId: [34, "mac"],
	carrierChanges: [35, "u32"],
	physSwitchId: [36, "mac"],
	linkNetnsid: [37, "i32"],
	physPortName: [38, "text"],
	protoDown: [39, "u8"],
	gsoMaxSegs: [40, "u32"],
	gsoMaxSize: [41, "u32"],
	_pad: [42, "pad"],
	xdp: [43, "xdp"],
	event: [44, "u32"],
	newNetnsid: [45, "i32"],
	targetNetnsid: [46, "i32"],
	carrierUpCount: [47, "u32"],
	carrierDownCount: [48, "u32"],
	newIfindex: [49, "i32"],
	minMtu: [50, "u32"],
	maxMtu: [51, "u32"],
	propList: [52, "propList"],
	altIfname: [53, "name"],
	/** Hardware address as manufactured: stays when `address` is changed or taken over from a bond. */
	permAddress: [54, "mac"],
	protoDownReason: [55, "bytes"],
	parentDevName: [56, "text"],
	parentDevBusName: [57, "text"],
	groMaxSize: [58, "u32"],
	tsoMaxSize: [59, "u32"],
	tsoMaxSegs: [60, "u32"],
	allmulti: [61, "u32"],
	devlinkPort: [62, "bytes"],
	gsoIpv4MaxSize: [63, "u32"],
	groIpv4MaxSize: [64, "u32"],
	dpllPin: [65, "bytes"],
	maxPacingOffloadHorizon: [66, "bytes"],
	netnsImmutable: [67, "u8"],
	headroom: [68, "u16"],
	tailroom: [69, "u16"],
} as const;

/** The same enum in messages of family AF_BRIDGE (RTM_GETLINK with ifi_family 7): one message a port, and one the bridge itself. */
export const bridgeLinkAttributes = {
	address: [1, "mac"],
	ifname: [3, "name"],
	mtu: [4, "u32"],
	link: [5, "u32"],
	master: [10, "u32"],
	protinfo: [12, "bridgePort"],
	operstate: [16, "u8"],
	afSpec: [26, "bridgeAfSpec"],
} as const;

/** enum { IFLA_INFO_UNSPEC, IFLA_INFO_KIND, … }. `data` and `slaveData` are what is left of kinds without a table here. */
export const linkInfo = {
	kind: [1, "text"],
	data: [2, "bytes"],
	xstats: [3, "bytes"],
	slaveKind: [4, "text"],
	slaveData: [5, "bytes"],
} as const;

/** IFLA_PROP_LIST */
export const propList = { altIfname: [53, "name", "many"] } as const;

/** IFLA_AF_SPEC: one attribute a family, named by AF_INET and AF_INET6. */
export const afSpec = {
	inet: [2, "inetSpec"],
	inet6: [10, "inet6Spec"],
	mctp: [45, "bytes"],
} as const;

/** enum { IFLA_INET_CONF }: sysctl values, at IPV4_DEVCONF_* − 1 (linux/ip.h). */
export const inetSpec = { conf: [1, "u32[]"] } as const;

/** enum { IFLA_INET6_FLAGS, … }; `conf` has sysctl values at DEVCONF_* (linux/ipv6.h). */
export const inet6Spec = {
	flags: [1, "u32"],
	conf: [2, "u32[]"],
	stats: [3, "bytes"],
	mcast: [4, "bytes"],
	cacheinfo: [5, "inet6Cacheinfo"],
	icmp6stats: [6, "bytes"],
	token: [7, "ip"],
	addrGenMode: [8, "u8"],
	raMtu: [9, "u32"],
} as const;

/** struct ifla_cacheinfo */
export const inet6Cacheinfo = {
	maxReasmLen: "u32",
	tstamp: "u32",
	reachableTime: "u32",
	retransTime: "u32",
} as const;

/** enum { IFLA_XDP_FD, … } */
export const xdp = {
	fd: [1, "i32"],
	attached: [2, "u8"],
	flags: [3, "u32"],
	progId: [4, "u32"],
	drvProgId: [5, "u32"],
	skbProgId: [6, "u32"],
	hwProgId: [7, "u32"],
	expectedFd: [8, "i32"],
} as const;

/** enum { IFLA_BRIDGE_FLAGS, … } of linux/if_bridge.h: VLANs of a port, when asked for with RTEXT_FILTER_BRVLAN. */
export const bridgeAfSpec = {
	flags: [0, "u16"],
	mode: [1, "u16"],
	vlanInfo: [2, "bridgeVlanInfo", "many"],
	vlanTunnelInfo: [3, "bridgeVlanTunnel", "many"],
	mrp: [4, "bytes"],
	cfm: [5, "bytes"],
	mst: [6, "bytes"],
} as const;

/** struct bridge_vlan_info of linux/if_bridge.h */
export const bridgeVlanInfo = { flags: "u16", vid: "u16" } as const;

/** enum { IFLA_BRIDGE_VLAN_TUNNEL_ID, … } */
export const bridgeVlanTunnel = { id: [1, "u32"], vid: [2, "u16"], flags: [3, "u16"] } as const;

/** BRIDGE_VLAN_INFO_* */
export const bridgeVlanFlags = {
	master: 0x01,
	pvid: 0x02,
	untagged: 0x04,
	rangeBegin: 0x08,
	rangeEnd: 0x10,
	brentry: 0x20,
	onlyOpts: 0x40,
} as const;

/** IFF_* of linux/if.h */
export const linkFlags = {
	up: 0x1,
	broadcast: 0x2,
	debug: 0x4,
	loopback: 0x8,
	pointopoint: 0x10,
	notrailers: 0x20,
	running: 0x40,
	noarp: 0x80,
	promisc: 0x100,
	allmulti: 0x200,
	master: 0x400,
	slave: 0x800,
	multicast: 0x1000,
	portsel: 0x2000,
	automedia: 0x4000,
	dynamic: 0x8000,
	lowerUp: 0x1_0000,
	dormant: 0x2_0000,
	echo: 0x4_0000,
} as const;

/** IF_OPER_* of linux/if.h */
export const operStates = {
	unknown: 0,
	notpresent: 1,
	down: 2,
	lowerlayerdown: 3,
	testing: 4,
	dormant: 5,
	up: 6,
} as const;

/** enum in6_addr_gen_mode */
export const addrGenModes = { eui64: 0, none: 1, stablePrivacy: 2, random: 3 } as const;

/** ARPHRD_* of linux/if_arp.h: those that decide something here. */
export const hardwareTypes = {
	ether: 1,
	infiniband: 32,
	ppp: 512,
	tunnel: 768,
	tunnel6: 769,
	loopback: 772,
	sit: 776,
	ipgre: 778,
	ieee80211: 801,
	ip6gre: 823,
	void: 0xffff,
	none: 0xfffe,
} as const;

/** AF_* of linux/socket.h: those that occur in routing messages. */
export const families = {
	unspec: 0,
	inet: 2,
	bridge: 7,
	inet6: 10,
	mpls: 28,
	ipmr: 128,
	ip6mr: 129,
} as const;
