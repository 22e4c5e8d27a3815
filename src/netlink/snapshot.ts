import { Cursor, concat, type Endian, text, utf8 } from "../bytes/index.ts";
import { type Decoded, decodeDump, isErrno, type OtherMessage } from "./dump.ts";
import { damaged, unwritable } from "./error.ts";
import { type DumpName, dumpNames } from "./request.ts";
import { routeFlags } from "./tables/route.ts";
import type { Address, BridgeLink, Link, Neighbour, Nexthop, Route, Rule } from "./types.ts";

/** The answer to one dump request, as it came: its datagrams one after another. */
export interface RawDump {
	readonly bytes: Uint8Array;
	/** False: what it tells went on changing while it was taken, as often as it was tried. */
	readonly stable: boolean;
}

/** The answers to all dump requests. One that is missing could not be asked for. */
export type RawSnapshot = { readonly [N in DumpName]?: RawDump };

/** All that a host's kernel says of its network. */
export interface Snapshot {
	readonly links: readonly Link[];
	/** Ports of bridges with their VLANs. */
	readonly bridgeLinks: readonly BridgeLink[];
	readonly addresses: readonly Address[];
	/** Of all families, tables and types. Entries of the cache (RTM_F_CLONED: learnt path MTUs, redirects) are left out. */
	readonly routes: readonly Route[];
	readonly rules: readonly Rule[];
	readonly nexthops: readonly Nexthop[];
	readonly neighbours: readonly Neighbour[];
	/** Messages of types that have no table here. */
	readonly others: readonly OtherMessage[];
	/** Dumps that this kernel does not know (nexthop objects came with 5.3) or that were not taken. */
	readonly absent: readonly DumpName[];
	/** Dumps that may be torn: the kernel said so, or what they tell went on changing. */
	readonly unstable: readonly DumpName[];
}

export interface SnapshotOptions {
	/** Byte order of the machine that answered; told from the first message unless given. */
	readonly endian?: Endian;
	/** Host, for errors. */
	readonly where?: string;
	/**
	 * Takes the routes one by one, with the links that they may name; `routes` stays empty then. A router has a
	 * million: made into something else at once, they are never in memory together.
	 */
	readonly onRoute?: (route: Route, links: readonly Link[]) => void;
}

/** EPROTONOSUPPORT, EOPNOTSUPP, EAFNOSUPPORT: the kernel was built without what was asked for. */
export const unsupportedErrnos: readonly number[] = [93, 95, 97];

/**
 * Decodes what was dumped, wherever it came from. Throws as `decodeDump`, with the name of the dump in `where`;
 * but a dump that this kernel does not know is reported in `absent`.
 */
export function decodeSnapshot(raw: RawSnapshot, options: SnapshotOptions = {}): Snapshot {
	const absent: DumpName[] = [];
	const unstable: DumpName[] = [];
	const decoded = new Map<DumpName, Decoded>();
	const { onRoute, endian } = options;
	const decode = (name: DumpName, bytes: Uint8Array, where: string): Decoded => {
		const told = endian === undefined ? { where } : { where, endian };
		if (name !== "routes" || onRoute === undefined) return decodeDump(bytes, told);
		const links = decoded.get("links")?.links ?? [];
		return decodeDump(bytes, told, (route) => {
			if (notCloned(route)) onRoute(route, links);
		});
	};
	for (const name of dumpNames) {
		const dump = raw[name];
		const where = options.where === undefined ? name : `${options.where}: ${name}`;
		try {
			if (dump === undefined) absent.push(name);
			else {
				const told = decode(name, dump.bytes, where);
				decoded.set(name, told);
				if (told.interrupted || !dump.stable) unstable.push(name);
			}
		} catch (error) {
			if (!isErrno(error, ...unsupportedErrnos)) throw error;
			absent.push(name);
		}
	}
	const all = <T>(pick: (dump: Decoded) => readonly T[]): T[] =>
		[...decoded.values()].flatMap((dump) => pick(dump) as T[]);
	return {
		links: all((dump) => dump.links),
		bridgeLinks: all((dump) => dump.bridgeLinks),
		addresses: all((dump) => dump.addresses),
		routes: (decoded.get("routes")?.routes ?? []).filter(notCloned),
		rules: all((dump) => dump.rules),
		nexthops: all((dump) => dump.nexthops),
		neighbours: all((dump) => dump.neighbours),
		others: all((dump) => dump.others),
		absent,
		unstable,
	};
}

function notCloned(route: Route): boolean {
	return route.flags % (2 * routeFlags.cloned) < routeFlags.cloned;
}

// A file of raw dumps: magic, version, then for each dump name (u8 length, ASCII), stable (u8), length (u32, little-endian), bytes.
const magic = utf8("ekexec netlink\n");
const version = 1;

/** Puts raw dumps into one file, to be read by {@link readSnapshot}: for tests, and for reports of faults. */
export function writeSnapshot(raw: RawSnapshot): Uint8Array<ArrayBuffer> {
	const parts: Uint8Array[] = [magic, Uint8Array.of(version)];
	for (const name of dumpNames) {
		const dump = raw[name];
		if (dump === undefined) continue;
		const { length } = dump.bytes;
		if (length > 0xffff_ffff) throw unwritable(name, "at most 2^32 - 1 bytes", length);
		const head = new DataView(new ArrayBuffer(5));
		head.setUint8(0, dump.stable ? 1 : 0);
		head.setUint32(1, length, true);
		parts.push(Uint8Array.of(name.length), utf8(name), new Uint8Array(head.buffer), dump.bytes);
	}
	return concat(parts);
}

/** Takes a file of raw dumps apart, without copying. Throws `NETLINK_CONTAINER` or `BYTES_TRUNCATED`. */
export function readSnapshot(bytes: Uint8Array, where = "raw dumps"): RawSnapshot {
	const cursor = new Cursor(bytes, { where });
	const wrong = (field: string, expected: string, found: string) =>
		damaged("NETLINK_CONTAINER", "not a file of raw dumps", {
			where,
			offset: cursor.offset,
			field,
			expected,
			found,
		});
	const start = text(cursor.take(magic.length, "magic"));
	if (start !== text(magic))
		throw wrong("magic", JSON.stringify(text(magic)), JSON.stringify(start));
	const found = cursor.u8("version");
	if (found !== version) throw wrong("version", `${version}`, `${found}`);
	const raw: { [N in DumpName]?: RawDump } = {};
	while (cursor.remaining > 0) {
		const told = text(cursor.take(cursor.u8("name length"), "name"));
		const name = dumpNames.find((each) => each === told);
		if (name === undefined) throw wrong("name", dumpNames.join(", "), JSON.stringify(told));
		if (raw[name] !== undefined) throw wrong("name", "each dump once", told);
		const stable = cursor.u8("stable") !== 0;
		raw[name] = { stable, bytes: cursor.take(cursor.u32("length"), "bytes") };
	}
	return raw;
}
