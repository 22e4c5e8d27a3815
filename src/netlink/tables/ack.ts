/** enum nlmsgerr_attrs of linux/netlink.h: the extended acknowledgement. */
export const extendedAck = {
	message: [1, "text"],
	/** Offset in the request of the attribute at fault, header included. */
	offset: [2, "u32"],
	cookie: [3, "bytes"],
	policy: [4, "bytes"],
	missType: [5, "u32"],
	missNest: [6, "u32"],
} as const;
