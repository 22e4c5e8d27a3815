// linux/fib_rules.h. Names are the kernel's without prefix.

/** struct fib_rule_hdr */
export const ruleHeader = {
	family: "u8",
	dstLen: "u8",
	srcLen: "u8",
	tos: "u8",
	table: "u8",
	_res1: "u8",
	_res2: "u8",
	action: "u8",
	flags: "u32",
} as const;

/** enum { FRA_UNSPEC, FRA_DST, … }; `table` beats the header's 8 bits. No `priority` is priority 0. */
export const ruleAttributes = {
	dst: [1, "ip"],
	src: [2, "ip"],
	iifname: [3, "name"],
	goto: [4, "u32"],
	priority: [6, "u32"],
	fwmark: [10, "u32"],
	/** Realms: source in the upper, destination in the lower 16 bits. */
	flow: [11, "u32"],
	tunId: [12, "u64be"],
	/** 2^32 − 1 (as −1): none. */
	suppressIfgroup: [13, "u32"],
	/** 2^32 − 1 (as −1): none. */
	suppressPrefixlen: [14, "u32"],
	table: [15, "u32"],
	fwmask: [16, "u32"],
	oifname: [17, "name"],
	_pad: [18, "pad"],
	l3mdev: [19, "u8"],
	uidRange: [20, "uidRange"],
	protocol: [21, "u8"],
	ipProto: [22, "u8"],
	sportRange: [23, "portRange"],
	dportRange: [24, "portRange"],
	dscp: [25, "u8"],
	flowlabel: [26, "u32be"],
	flowlabelMask: [27, "u32be"],
	sportMask: [28, "u16"],
	dportMask: [29, "u16"],
	dscpMask: [30, "u8"],
} as const;

/** struct fib_rule_uid_range */
export const uidRange = { start: "u32", end: "u32" } as const;
/** struct fib_rule_port_range, in host order */
export const portRange = { start: "u16", end: "u16" } as const;

/** FR_ACT_* */
export const ruleActions = {
	unspec: 0,
	toTable: 1,
	goto: 2,
	nop: 3,
	blackhole: 6,
	unreachable: 7,
	prohibit: 8,
} as const;

/** FIB_RULE_* */
export const ruleFlags = {
	permanent: 0x1,
	invert: 0x2,
	unresolved: 0x4,
	iifDetached: 0x8,
	oifDetached: 0x10,
	findSaddr: 0x1_0000,
} as const;
