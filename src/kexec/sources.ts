// What a probe can ask for, as values.
import { concat, struct, u32, utf8 } from "../bytes/index.ts";
import type { Operation, Source, SourceOptions } from "./contract.ts";

const defaults = { deadline: 3000, items: 1024, cap: 65_536 } as const;

function make(op: Operation, argument: Uint8Array, options: SourceOptions, flags = 0): Source {
	return { op, flags, argument, ...defaults, ...options };
}

const bytesOf = (pattern: string | Uint8Array) =>
	typeof pattern === "string" ? utf8(pattern) : pattern;

const netlinkHead = struct("netlink source", { protocol: u32, groups: u32 });

/** How a netlink request is made. */
export interface NetlinkSourceOptions extends SourceOptions {
	/** Netlink family; 0 (NETLINK_ROUTE) unless told. */
	readonly protocol?: number;
	/**
	 * Multicast groups (bit n − 1 for group n) whose messages mean that the dump must be taken again.
	 * 0 unless told: then only the kernel's own mark (NLM_F_DUMP_INTR) counts.
	 */
	readonly groups?: number;
	/** Ask the kernel to check the request strictly, where it can (4.20 and later); true unless told. */
	readonly strict?: boolean;
	/** The answer is one datagram, not a dump: RTM_GETROUTE for one destination, for example. */
	readonly single?: boolean;
}

/**
 * Makers of sources. Paths are absolute patterns: `*` and `?` match within a component, `\` takes the next byte
 * as it is (see {@link literalPath}); symbolic links are followed. Names with a leading dot need a pattern with one.
 */
export const source = {
	/** Contents of regular files. A file that holds a private key is refused, whoever asks. */
	read: (pattern: string | Uint8Array, options: SourceOptions = {}): Source =>
		make("read", bytesOf(pattern), options),
	/** Entries of directories; see `decodeList`. */
	list: (pattern: string | Uint8Array, options: SourceOptions = {}): Source =>
		make("list", bytesOf(pattern), options),
	/** statx; see `decodeStat`. */
	stat: (
		pattern: string | Uint8Array,
		options: SourceOptions & { readonly follow?: boolean } = {},
	): Source => {
		const { follow, ...rest } = options;
		return make("stat", bytesOf(pattern), rest, follow === false ? 1 : 0);
	},
	/** Bodies of symbolic links. */
	readlink: (pattern: string | Uint8Array, options: SourceOptions = {}): Source =>
		make("readlink", bytesOf(pattern), options),
	/** access(2) with the real user: the item's errno is the answer. */
	access: (
		pattern: string | Uint8Array,
		mode: { readonly read?: boolean; readonly write?: boolean; readonly execute?: boolean } = {},
		options: SourceOptions = {},
	): Source =>
		make(
			"access",
			bytesOf(pattern),
			options,
			(mode.read ? 4 : 0) + (mode.write ? 2 : 0) + (mode.execute ? 1 : 0),
		),
	/** statfs(2); see `decodeStatfs`. */
	statfs: (pattern: string | Uint8Array, options: SourceOptions = {}): Source =>
		make("statfs", bytesOf(pattern), options),
	/** Can a file be made in this directory (the item's errno) and executed (`decodePlace`)? Nothing stays there. */
	place: (pattern: string | Uint8Array, options: SourceOptions = {}): Source =>
		make("place", bytesOf(pattern), options),
	/** Only the paths that fit. Whether a pattern's literal end exists is not looked at. */
	names: (pattern: string | Uint8Array, options: SourceOptions = {}): Source =>
		make("names", bytesOf(pattern), options),
	/** Permanent hardware addresses by ethtool, for kernels before 5.6; the last component names the device: `/sys/class/net/*`. */
	permaddr: (pattern: string | Uint8Array, options: SourceOptions = {}): Source =>
		make("permaddr", bytesOf(pattern), options),
	/** Answers of system calls tried harmlessly; see `decodeSystem`. */
	system: (options: SourceOptions = {}): Source => make("system", new Uint8Array(), options),
	/**
	 * A netlink request, given raw with its nlmsghdr. A dump is taken again until it is whole; the answer has one item.
	 * Its bytes are the answer's messages as they came, NLMSG_DONE or NLMSG_ERROR included.
	 */
	netlink: (request: Uint8Array, options: NetlinkSourceOptions = {}): Source => {
		const { protocol = 0, groups = 0, strict = true, single = false, ...rest } = options;
		const argument = concat([netlinkHead.write({ protocol, groups }), request]);
		return make(
			"netlink",
			argument,
			{ deadline: 20_000, ...rest },
			(strict ? 1 : 0) + (single ? 2 : 0),
		);
	},
} as const;

/** A path in which no byte is a wildcard: `*`, `?` and `\` get a `\` before them. */
export function literalPath(path: string | Uint8Array): Uint8Array {
	const escaped: number[] = [];
	for (const byte of bytesOf(path)) {
		if (byte === 0x2a || byte === 0x3f || byte === 0x5c) escaped.push(0x5c);
		escaped.push(byte);
	}
	return Uint8Array.from(escaped);
}
