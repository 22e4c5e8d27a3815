// linux/nexthop.h. Names are the kernel's without prefix.

/** struct nhmsg */
export const nexthopHeader = {
	family: "u8",
	scope: "u8",
	protocol: "u8",
	_resvd: "u8",
	flags: "u32",
} as const;

/** enum { NHA_UNSPEC, NHA_ID, … } */
export const nexthopAttributes = {
	id: [1, "u32"],
	group: [2, "nexthopGroupEntry[]"],
	groupType: [3, "u16"],
	blackhole: [4, "flag"],
	oif: [5, "u32"],
	gateway: [6, "ip"],
	encapType: [7, "u16"],
	encap: [8, "bytes"],
	groups: [9, "flag"],
	master: [10, "u32"],
	fdb: [11, "flag"],
	resGroup: [12, "resilientGroup"],
	resBucket: [13, "bytes"],
	opFlags: [14, "u32"],
	groupStats: [15, "bytes"],
	hwStatsEnable: [16, "u32"],
	hwStatsUsed: [17, "u32"],
} as const;

/** struct nexthop_grp: the weight is told less one, its upper byte (`weight_high`) since Linux 6.12. */
export const nexthopGroupEntry = { id: "u32", weight: "weight16", _resvd2: "u16" } as const;

/** enum { NHA_RES_GROUP_PAD, NHA_RES_GROUP_BUCKETS, … }: times in hundredths of a second (clock_t). */
export const resilientGroup = {
	_pad: [0, "pad"],
	buckets: [1, "u16"],
	idleTimer: [2, "u32"],
	unbalancedTimer: [3, "u32"],
	unbalancedTime: [4, "u64"],
} as const;

/** NEXTHOP_GRP_TYPE_* */
export const nexthopGroupTypes = { mpath: 0, resilient: 1 } as const;
