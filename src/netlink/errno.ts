// Names of the errors that routing netlink answers with: asm-generic/errno-base.h and errno.h.
const names: Readonly<Record<number, string>> = {
	1: "EPERM",
	2: "ENOENT",
	3: "ESRCH",
	4: "EINTR",
	6: "ENXIO",
	11: "EAGAIN",
	12: "ENOMEM",
	13: "EACCES",
	16: "EBUSY",
	17: "EEXIST",
	19: "ENODEV",
	22: "EINVAL",
	34: "ERANGE",
	61: "ENODATA",
	71: "EPROTO",
	75: "EOVERFLOW",
	90: "EMSGSIZE",
	93: "EPROTONOSUPPORT",
	95: "EOPNOTSUPP",
	97: "EAFNOSUPPORT",
	99: "EADDRNOTAVAIL",
	100: "ENETDOWN",
	101: "ENETUNREACH",
	105: "ENOBUFS",
	110: "ETIMEDOUT",
	113: "EHOSTUNREACH",
};

/** Name of a positive errno, or its number. */
export function errnoName(errno: number): string {
	return names[errno] ?? `errno ${errno}`;
}
