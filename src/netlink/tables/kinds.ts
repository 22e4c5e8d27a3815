// linux/if_link.h, linux/if_tunnel.h, linux/if_tun.h: what IFLA_INFO_DATA and IFLA_INFO_SLAVE_DATA hold, by kind.
// Long, since it is nothing but tables: one row an attribute.

/** IFLA_VLAN_*: `protocol` is an Ethertype, 0x8100 (802.1Q) or 0x88a8 (802.1ad). */
export const vlan = {
	id: [1, "u16"],
	flags: [2, "vlanFlags"],
	egressQos: [3, "vlanQos"],
	ingressQos: [4, "vlanQos"],
	protocol: [5, "u16be"],
} as const;
/** struct ifla_vlan_flags */
export const vlanFlags = { flags: "u32", mask: "u32" } as const;
/** IFLA_VLAN_QOS_* */
export const vlanQos = { mapping: [1, "vlanQosMapping", "many"] } as const;
/** struct ifla_vlan_qos_mapping */
export const vlanQosMapping = { from: "u32", to: "u32" } as const;
/** VLAN_FLAG_* of linux/if_vlan.h */
export const vlanFlagBits = {
	reorderHdr: 0x1,
	gvrp: 0x2,
	looseBinding: 0x4,
	mvrp: 0x8,
	bridgeBinding: 0x10,
} as const;

/** IFLA_BOND_*: intervals and delays in milliseconds, except `lpInterval` (seconds). */
export const bond = {
	mode: [1, "u8"],
	activeSlave: [2, "u32"],
	miimon: [3, "u32"],
	updelay: [4, "u32"],
	downdelay: [5, "u32"],
	useCarrier: [6, "u8"],
	arpInterval: [7, "u32"],
	arpIpTarget: [8, "ip<>"],
	arpValidate: [9, "u32"],
	arpAllTargets: [10, "u32"],
	primary: [11, "u32"],
	primaryReselect: [12, "u8"],
	failOverMac: [13, "u8"],
	xmitHashPolicy: [14, "u8"],
	resendIgmp: [15, "u32"],
	numPeerNotif: [16, "u8"],
	allSlavesActive: [17, "u8"],
	minLinks: [18, "u32"],
	lpInterval: [19, "u32"],
	packetsPerSlave: [20, "u32"],
	adLacpRate: [21, "u8"],
	adSelect: [22, "u8"],
	adInfo: [23, "bondAdInfo"],
	adActorSysPrio: [24, "u16"],
	adUserPortKey: [25, "u16"],
	adActorSystem: [26, "mac"],
	tlbDynamicLb: [27, "u8"],
	peerNotifDelay: [28, "u32"],
	adLacpActive: [29, "u8"],
	missedMax: [30, "u8"],
	nsIp6Target: [31, "ip<>"],
	coupledControl: [32, "u8"],
	broadcastNeigh: [33, "u8"],
} as const;
/** IFLA_BOND_AD_INFO_* */
export const bondAdInfo = {
	aggregator: [1, "u16"],
	numPorts: [2, "u16"],
	actorKey: [3, "u16"],
	partnerKey: [4, "u16"],
	partnerMac: [5, "mac"],
} as const;
/** IFLA_BOND_SLAVE_* */
export const bondSlave = {
	state: [1, "u8"],
	miiStatus: [2, "u8"],
	linkFailureCount: [3, "u32"],
	permHwaddr: [4, "mac"],
	queueId: [5, "u16"],
	adAggregatorId: [6, "u16"],
	adActorOperPortState: [7, "u8"],
	adPartnerOperPortState: [8, "u16"],
	prio: [9, "i32"],
	actorPortPrio: [10, "u16"],
	adChurnActorState: [11, "u8"],
	adChurnPartnerState: [12, "u8"],
} as const;
/** BOND_MODE_* of linux/if_bonding.h */
export const bondModes = {
	"balance-rr": 0,
	"active-backup": 1,
	"balance-xor": 2,
	broadcast: 3,
	"802.3ad": 4,
	"balance-tlb": 5,
	"balance-alb": 6,
} as const;

/** IFLA_BR_*: times in hundredths of a second. */
export const bridge = {
	forwardDelay: [1, "u32"],
	helloTime: [2, "u32"],
	maxAge: [3, "u32"],
	ageingTime: [4, "u32"],
	stpState: [5, "u32"],
	priority: [6, "u16"],
	vlanFiltering: [7, "u8"],
	vlanProtocol: [8, "u16be"],
	groupFwdMask: [9, "u16"],
	rootId: [10, "bridgeId"],
	bridgeId: [11, "bridgeId"],
	rootPort: [12, "u16"],
	rootPathCost: [13, "u32"],
	topologyChange: [14, "u8"],
	topologyChangeDetected: [15, "u8"],
	helloTimer: [16, "u64"],
	tcnTimer: [17, "u64"],
	topologyChangeTimer: [18, "u64"],
	gcTimer: [19, "u64"],
	groupAddr: [20, "mac"],
	fdbFlush: [21, "flag"],
	mcastRouter: [22, "u8"],
	mcastSnooping: [23, "u8"],
	mcastQueryUseIfaddr: [24, "u8"],
	mcastQuerier: [25, "u8"],
	mcastHashElasticity: [26, "u32"],
	mcastHashMax: [27, "u32"],
	mcastLastMemberCnt: [28, "u32"],
	mcastStartupQueryCnt: [29, "u32"],
	mcastLastMemberIntvl: [30, "u64"],
	mcastMembershipIntvl: [31, "u64"],
	mcastQuerierIntvl: [32, "u64"],
	mcastQueryIntvl: [33, "u64"],
	mcastQueryResponseIntvl: [34, "u64"],
	mcastStartupQueryIntvl: [35, "u64"],
	nfCallIptables: [36, "u8"],
	nfCallIp6tables: [37, "u8"],
	nfCallArptables: [38, "u8"],
	vlanDefaultPvid: [39, "u16"],
	_pad: [40, "pad"],
	vlanStatsEnabled: [41, "u8"],
	mcastStatsEnabled: [42, "u8"],
	mcastIgmpVersion: [43, "u8"],
	mcastMldVersion: [44, "u8"],
	vlanStatsPerPort: [45, "u8"],
	multiBoolopt: [46, "bridgeBoolopts"],
	mcastQuerierState: [47, "bytes"],
	fdbNLearned: [48, "u32"],
	fdbMaxLearned: [49, "u32"],
} as const;
/** struct ifla_bridge_id */
export const bridgeId = { priority: "u16be", address: "mac6" } as const;
/** struct br_boolopt_multi of linux/if_bridge.h */
export const bridgeBoolopts = { optval: "u32", optmask: "u32" } as const;
/** IFLA_BRPORT_*: states 0 to 4 are disabled, listening, learning, forwarding, blocking. */
export const bridgePort = {
	state: [1, "u8"],
	priority: [2, "u16"],
	cost: [3, "u32"],
	/** Hairpin. */
	mode: [4, "u8"],
	guard: [5, "u8"],
	protect: [6, "u8"],
	fastLeave: [7, "u8"],
	learning: [8, "u8"],
	unicastFlood: [9, "u8"],
	proxyarp: [10, "u8"],
	learningSync: [11, "u8"],
	proxyarpWifi: [12, "u8"],
	rootId: [13, "bridgeId"],
	bridgeId: [14, "bridgeId"],
	designatedPort: [15, "u16"],
	designatedCost: [16, "u16"],
	id: [17, "u16"],
	no: [18, "u16"],
	topologyChangeAck: [19, "u8"],
	configPending: [20, "u8"],
	messageAgeTimer: [21, "u64"],
	forwardDelayTimer: [22, "u64"],
	holdTimer: [23, "u64"],
	flush: [24, "flag"],
	multicastRouter: [25, "u8"],
	_pad: [26, "pad"],
	mcastFlood: [27, "u8"],
	mcastToUcast: [28, "u8"],
	vlanTunnel: [29, "u8"],
	bcastFlood: [30, "u8"],
	groupFwdMask: [31, "u16"],
	neighSuppress: [32, "u8"],
	isolated: [33, "u8"],
	backupPort: [34, "u32"],
	mrpRingOpen: [35, "u8"],
	mrpInOpen: [36, "u8"],
	mcastEhtHostsLimit: [37, "u32"],
	mcastEhtHostsCnt: [38, "u32"],
	locked: [39, "u8"],
	mab: [40, "u8"],
	mcastNGroups: [41, "u32"],
	mcastMaxGroups: [42, "u32"],
	neighVlanSuppress: [43, "u8"],
	backupNhid: [44, "u32"],
} as const;

/** IFLA_VRF_* */
export const vrf = { table: [1, "u32"] } as const;
/** IFLA_VRF_PORT_* */
export const vrfPort = { table: [1, "u32"] } as const;

/** IFLA_MACVLAN_*, also of macvtap: modes private 1, vepa 2, bridge 4, passthru 8, source 16. */
export const macvlan = {
	mode: [1, "u32"],
	flags: [2, "u16"],
	macaddrMode: [3, "u32"],
	macaddr: [4, "mac"],
	macaddrData: [5, "macaddrData"],
	macaddrCount: [6, "u32"],
	bcQueueLen: [7, "u32"],
	bcQueueLenUsed: [8, "u32"],
	bcCutoff: [9, "i32"],
} as const;
/** IFLA_MACVLAN_MACADDR_DATA: attributes of type IFLA_MACVLAN_MACADDR */
export const macaddrData = { macaddr: [4, "mac", "many"] } as const;

/** IFLA_IPVLAN_*, also of ipvtap: modes l2 0, l3 1, l3s 2. */
export const ipvlan = { mode: [1, "u16"], flags: [2, "u16"] } as const;

/** IFLA_TUN_*: type 1 is tun, 2 tap (IFF_TUN, IFF_TAP of linux/if_tun.h). */
export const tun = {
	owner: [1, "u32"],
	group: [2, "u32"],
	type: [3, "u8"],
	pi: [4, "u8"],
	vnetHdr: [5, "u8"],
	persist: [6, "u8"],
	multiQueue: [7, "u8"],
	numQueues: [8, "u32"],
	numDisabledQueues: [9, "u32"],
} as const;

/** IFLA_GRE_*, of gre, gretap, erspan and their IPv6 siblings; flags are GRE_KEY (0x2000) and its like. */
export const gre = {
	link: [1, "u32"],
	iflags: [2, "u16be"],
	oflags: [3, "u16be"],
	ikey: [4, "u32be"],
	okey: [5, "u32be"],
	local: [6, "ip"],
	remote: [7, "ip"],
	ttl: [8, "u8"],
	tos: [9, "u8"],
	pmtudisc: [10, "u8"],
	encapLimit: [11, "u8"],
	flowinfo: [12, "u32be"],
	flags: [13, "u32"],
	encapType: [14, "u16"],
	encapFlags: [15, "u16"],
	encapSport: [16, "u16be"],
	encapDport: [17, "u16be"],
	collectMetadata: [18, "flag"],
	ignoreDf: [19, "u8"],
	fwmark: [20, "u32"],
	erspanIndex: [21, "u32"],
	erspanVer: [22, "u8"],
	erspanDir: [23, "u8"],
	erspanHwid: [24, "u16"],
} as const;

/** IFLA_IPTUN_* of ipip and sit. */
export const iptun = {
	link: [1, "u32"],
	local: [2, "ip"],
	remote: [3, "ip"],
	ttl: [4, "u8"],
	tos: [5, "u8"],
	encapLimit: [6, "u8"],
	flowinfo: [7, "u32be"],
	flags: [8, "u16be"],
	proto: [9, "u8"],
	pmtudisc: [10, "u8"],
	sixrdPrefix: [11, "ip"],
	sixrdRelayPrefix: [12, "ip"],
	sixrdPrefixlen: [13, "u16"],
	sixrdRelayPrefixlen: [14, "u16"],
	encapType: [15, "u16"],
	encapFlags: [16, "u16"],
	encapSport: [17, "u16be"],
	encapDport: [18, "u16be"],
	collectMetadata: [19, "flag"],
	fwmark: [20, "u32"],
} as const;

/** IFLA_IPTUN_* of ip6tnl, whose flags are 32 bits wide. */
export const ip6tnl = {
	link: [1, "u32"],
	local: [2, "ip"],
	remote: [3, "ip"],
	ttl: [4, "u8"],
	tos: [5, "u8"],
	encapLimit: [6, "u8"],
	flowinfo: [7, "u32be"],
	flags: [8, "u32"],
	proto: [9, "u8"],
	encapType: [15, "u16"],
	encapFlags: [16, "u16"],
	encapSport: [17, "u16be"],
	encapDport: [18, "u16be"],
	collectMetadata: [19, "flag"],
	fwmark: [20, "u32"],
} as const;

/** IFLA_VTI_* of vti and vti6. */
export const vti = {
	link: [1, "u32"],
	ikey: [2, "u32be"],
	okey: [3, "u32be"],
	local: [4, "ip"],
	remote: [5, "ip"],
	fwmark: [6, "u32"],
} as const;

/** IFLA_VXLAN_*: `ageing` in seconds. */
export const vxlan = {
	id: [1, "u32"],
	group: [2, "ip"],
	link: [3, "u32"],
	local: [4, "ip"],
	ttl: [5, "u8"],
	tos: [6, "u8"],
	learning: [7, "u8"],
	ageing: [8, "u32"],
	limit: [9, "u32"],
	portRange: [10, "portRangeBe"],
	proxy: [11, "u8"],
	rsc: [12, "u8"],
	l2miss: [13, "u8"],
	l3miss: [14, "u8"],
	port: [15, "u16be"],
	group6: [16, "ip"],
	local6: [17, "ip"],
	udpCsum: [18, "u8"],
	udpZeroCsum6Tx: [19, "u8"],
	udpZeroCsum6Rx: [20, "u8"],
	remcsumTx: [21, "u8"],
	remcsumRx: [22, "u8"],
	gbp: [23, "flag"],
	remcsumNopartial: [24, "flag"],
	collectMetadata: [25, "u8"],
	label: [26, "u32be"],
	gpe: [27, "flag"],
	ttlInherit: [28, "u8"],
	df: [29, "u8"],
	vnifilter: [30, "u8"],
	localbypass: [31, "u8"],
	labelPolicy: [32, "u32"],
	reservedBits: [33, "bytes"],
} as const;
/** struct ifla_vxlan_port_range, struct ifla_geneve_port_range */
export const portRangeBe = { low: "u16be", high: "u16be" } as const;

/** IFLA_GENEVE_* */
export const geneve = {
	id: [1, "u32"],
	remote: [2, "ip"],
	ttl: [3, "u8"],
	tos: [4, "u8"],
	port: [5, "u16be"],
	collectMetadata: [6, "flag"],
	remote6: [7, "ip"],
	udpCsum: [8, "u8"],
	udpZeroCsum6Tx: [9, "u8"],
	udpZeroCsum6Rx: [10, "u8"],
	label: [11, "u32be"],
	ttlInherit: [12, "u8"],
	df: [13, "u8"],
	innerProtoInherit: [14, "flag"],
	portRange: [15, "portRangeBe"],
} as const;

/** IFLA_XFRM_* */
export const xfrm = { link: [1, "u32"], ifId: [2, "u32"], collectMetadata: [3, "flag"] } as const;

/** IFLA_NETKIT_* */
export const netkit = {
	peerInfo: [1, "bytes"],
	primary: [2, "u8"],
	policy: [3, "u32"],
	peerPolicy: [4, "u32"],
	mode: [5, "u32"],
	scrub: [6, "u32"],
	peerScrub: [7, "u32"],
	headroom: [8, "u16"],
	tailroom: [9, "u16"],
} as const;
