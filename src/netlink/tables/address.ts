// linux/if_addr.h, linux/rtnetlink.h. Names are the kernel's without prefix. Numbers of attributes are the kernel's.

/** struct ifaddrmsg */
export const addressHeader = {
	family: "u8",
	prefixlen: "u8",
	flags: "u8",
	scope: "u8",
	index: "u32",
} as const;

/** enum { IFA_UNSPEC, IFA_ADDRESS, … }. `flags` is the 32-bit successor of the header's 8 bits. */
export const addressAttributes = {
	/** Prefix address: the peer on point-to-point links, else the same as `local`. */
	address: [1, "ip"],
	local: [2, "ip"],
	label: [3, "name"],
	broadcast: [4, "ip"],
	anycast: [5, "ip"],
	cacheinfo: [6, "addressCacheinfo"],
	multicast: [7, "ip"],
	flags: [8, "u32"],
	/** Metric of the prefix route. */
	rtPriority: [9, "u32"],
	targetNetnsid: [10, "i32"],
	/** Who set it: IFAPROT_*. */
	proto: [11, "u8"],
} as const;

/** struct ifa_cacheinfo: lifetimes in seconds (2^32 − 1: for ever), timestamps in hundredths of a second since boot. */
export const addressCacheinfo = {
	preferred: "u32",
	valid: "u32",
	cstamp: "u32",
	tstamp: "u32",
} as const;

/** IFA_F_*; `secondary` is IFA_F_TEMPORARY on IPv6. */
export const addressFlags = {
	secondary: 0x01,
	nodad: 0x02,
	optimistic: 0x04,
	dadfailed: 0x08,
	homeaddress: 0x10,
	deprecated: 0x20,
	tentative: 0x40,
	permanent: 0x80,
	managetempaddr: 0x100,
	noprefixroute: 0x200,
	mcautojoin: 0x400,
	stablePrivacy: 0x800,
} as const;

/** IFAPROT_* */
export const addressProtocols = { unspec: 0, kernelLo: 1, kernelRa: 2, kernelLl: 3 } as const;
