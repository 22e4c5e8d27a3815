// linux/neighbour.h. Names are the kernel's without prefix.

/** struct ndmsg */
export const neighbourHeader = {
	family: "u8",
	_pad1: "u8",
	_pad2: "u16",
	ifindex: "i32",
	state: "u16",
	flags: "u8",
	type: "u8",
} as const;

/** enum { NDA_UNSPEC, NDA_DST, … }. Family 7 (AF_BRIDGE) marks an entry of a forwarding database. */
export const neighbourAttributes = {
	dst: [1, "ip"],
	lladdr: [2, "mac"],
	cacheinfo: [3, "neighbourCacheinfo"],
	probes: [4, "u32"],
	vlan: [5, "u16"],
	port: [6, "u16be"],
	vni: [7, "u32"],
	outIfindex: [8, "u32"],
	master: [9, "u32"],
	linkNetnsid: [10, "i32"],
	srcVni: [11, "u32"],
	protocol: [12, "u8"],
	nhId: [13, "u32"],
	fdbExtAttrs: [14, "bytes"],
	flagsExt: [15, "u32"],
	ndmStateMask: [16, "u16"],
	ndmFlagsMask: [17, "u8"],
} as const;

/** struct nda_cacheinfo: ages in hundredths of a second */
export const neighbourCacheinfo = {
	confirmed: "u32",
	used: "u32",
	updated: "u32",
	refcnt: "u32",
} as const;

/** NUD_* */
export const neighbourStates = {
	none: 0,
	incomplete: 0x01,
	reachable: 0x02,
	stale: 0x04,
	delay: 0x08,
	probe: 0x10,
	failed: 0x20,
	noarp: 0x40,
	permanent: 0x80,
} as const;

/** NTF_* */
export const neighbourFlags = {
	use: 0x01,
	self: 0x02,
	master: 0x04,
	proxy: 0x08,
	extLearned: 0x10,
	offloaded: 0x20,
	sticky: 0x40,
	router: 0x80,
} as const;
