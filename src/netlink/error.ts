import { EkexecError, type ErrorDetails } from "../bytes/index.ts";

/**
 * What can go wrong in this room.
 *
 * - `NETLINK_TRUNCATED` the bytes end within a message
 * - `NETLINK_MESSAGE` a message that contradicts itself: length, header, size cap
 * - `NETLINK_ATTRIBUTE` an attribute that does not fit into what holds it, or nests too deep
 * - `NETLINK_VALUE` a value that cannot be written
 * - `NETLINK_SEQUENCE` a message of another dump among those of this one
 * - `NETLINK_ERRNO` the kernel answered with an error
 * - `NETLINK_OVERRUN` the kernel says that it lost messages
 * - `NETLINK_UNFINISHED` the dump has no end
 * - `NETLINK_CONTAINER` a file of raw dumps that is none
 * - `NETLINK_UNAVAILABLE` no netlink socket here: another system than Linux, or no `netlink` package
 * - `NETLINK_SOCKET` the socket failed
 * - `NETLINK_TIMEOUT` the kernel did not answer in time
 */
export type NetlinkCode =
	| "NETLINK_TRUNCATED"
	| "NETLINK_MESSAGE"
	| "NETLINK_ATTRIBUTE"
	| "NETLINK_VALUE"
	| "NETLINK_SEQUENCE"
	| "NETLINK_ERRNO"
	| "NETLINK_OVERRUN"
	| "NETLINK_UNFINISHED"
	| "NETLINK_CONTAINER"
	| "NETLINK_UNAVAILABLE"
	| "NETLINK_SOCKET"
	| "NETLINK_TIMEOUT";

/** An error of the input (kind `check`), told with its place. */
export function damaged(
	code: NetlinkCode,
	summary: string,
	details: ErrorDetails,
): EkexecError<NetlinkCode> {
	return new EkexecError("check", code, summary, details);
}

/** A value that does not fit what it is written to. */
export function unwritable(
	field: string,
	expected: string,
	found: unknown,
): EkexecError<NetlinkCode> {
	return new EkexecError("usage", "NETLINK_VALUE", "value does not fit its field", {
		field,
		expected,
		found: String(found),
	});
}
