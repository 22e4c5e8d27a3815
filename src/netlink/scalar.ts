import { parseShown, showBytes, utf8 } from "../bytes/index.ts";
import { unwritable } from "./error.ts";
import { parseHex, parseIp, showIp } from "./ip.ts";
import type { Scalars, Via } from "./layout.ts";
import type { Reader } from "./reader.ts";
import { families } from "./tables/link.ts";
import type { Writer } from "./writer.ts";

/** How one kind of payload is read and written. */
export interface Codec<T> {
	/** Bytes, where only one length is right. */
	readonly size?: number;
	/** Further test of the length, where several are right. */
	readonly fits?: (length: number) => boolean;
	/** Whether the payload is itself attributes, which NLA_F_NESTED tells. */
	readonly nested?: boolean;
	read(reader: Reader, at: number, length: number, depth: number): T;
	write(writer: Writer, value: T, field: string): void;
}

type Get = (view: DataView, at: number, little: boolean) => number;
type Set = (view: DataView, at: number, value: number, little: boolean) => void;

function integer(
	size: number,
	low: number,
	order: "host" | "network",
	get: Get,
	set: Set,
): Codec<number> {
	const high = low + 2 ** (8 * size) - 1;
	const read =
		order === "host"
			? (reader: Reader, at: number) => get(reader.view, at, reader.little)
			: (reader: Reader, at: number) => get(reader.view, at, false);
	return {
		size,
		read,
		write(writer, value, field) {
			if (!Number.isInteger(value) || value < low || value > high) {
				throw unwritable(field, `an integer from ${low} to ${high}`, value);
			}
			const at = writer.reserve(size);
			set(writer.view, at, value, order === "host" && writer.little);
		},
	};
}

function long(order: "host" | "network"): Codec<bigint> {
	return {
		size: 8,
		read: (reader, at) => reader.view.getBigUint64(at, order === "host" && reader.little),
		write(writer, value, field) {
			if (typeof value !== "bigint" || value < 0n || value > 0xffff_ffff_ffff_ffffn) {
				throw unwritable(field, "a bigint from 0 to 2^64 - 1", value);
			}
			const at = writer.reserve(8);
			writer.view.setBigUint64(at, value, order === "host" && writer.little);
		},
	};
}

const getU8: Get = (view, at) => view.getUint8(at);
const setU8: Set = (view, at, value) => view.setUint8(at, value);
const getU16: Get = (view, at, little) => view.getUint16(at, little);
const setU16: Set = (view, at, value, little) => view.setUint16(at, value, little);
const getU32: Get = (view, at, little) => view.getUint32(at, little);
const setU32: Set = (view, at, value, little) => view.setUint32(at, value, little);
const getI32: Get = (view, at, little) => view.getInt32(at, little);
const setI32: Set = (view, at, value, little) => view.setInt32(at, value, little);

const hexDigits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function showMac(reader: Reader, at: number, length: number): string {
	let shown = "";
	for (let i = at; i < at + length; i++) {
		shown += (i === at ? "" : ":") + hexDigits[reader.bytes[i] ?? 0];
	}
	return shown;
}

function writeMac(writer: Writer, value: string, field: string, length?: number): void {
	const bytes = parseHex(value, ":");
	if (bytes === undefined || (length !== undefined && bytes.length !== length)) {
		throw unwritable(field, "a hardware address as 02:00:00:00:00:01", value);
	}
	writer.bytes(Uint8Array.from(bytes));
}

// Printable ASCII is read byte by byte: for names of interfaces a text decoder costs more than it saves.
function readText(reader: Reader, at: number, length: number): string {
	let end = at;
	let ascii = true;
	for (; end < at + length; end++) {
		const byte = reader.bytes[end] ?? 0;
		if (byte === 0) break;
		if (byte < 0x20 || byte > 0x7e || byte === 0x5c) ascii = false;
	}
	if (!ascii) return showBytes(reader.bytes.subarray(at, end));
	let shown = "";
	for (let i = at; i < end; i++) shown += String.fromCharCode(reader.bytes[i] ?? 0);
	return shown;
}

function text(most: number): Codec<string> {
	return {
		fits: (length) => length <= most,
		read: readText,
		write(writer, value, field) {
			const bytes = parseShown(value);
			if (bytes.includes(0) || bytes.length + 1 > most) {
				throw unwritable(field, `text without NUL of at most ${most - 1} bytes`, value);
			}
			writer.bytes(bytes);
			writer.bytes(utf8("\0"));
		},
	};
}

/** ALTIFNAMSIZ of linux/if.h, with its NUL; names proper have 15 bytes. */
const longestName = 128;
/** Attributes tell their length in 16 bits, header included. */
const longestPayload = 65535 - 4;

/** The codecs of all payloads that no table describes. */
export const scalars: { readonly [K in Exclude<keyof Scalars, "hops">]: Codec<Scalars[K]> } = {
	u8: integer(1, 0, "host", getU8, setU8),
	u16: integer(2, 0, "host", getU16, setU16),
	u32: integer(4, 0, "host", getU32, setU32),
	i32: integer(4, -(2 ** 31), "host", getI32, setI32),
	u64: long("host"),
	u16be: integer(2, 0, "network", getU16, setU16),
	u32be: integer(4, 0, "network", getU32, setU32),
	u64be: long("network"),
	weight8: {
		size: 1,
		read: (reader, at) => reader.view.getUint8(at) + 1,
		write(writer, value, field) {
			if (!Number.isInteger(value) || value < 1 || value > 256) {
				throw unwritable(field, "a weight from 1 to 256", value);
			}
			const at = writer.reserve(1);
			writer.view.setUint8(at, value - 1);
		},
	},
	weight16: {
		size: 2,
		read: (reader, at) => reader.view.getUint16(at, true) + 1,
		write(writer, value, field) {
			if (!Number.isInteger(value) || value < 1 || value > 65536) {
				throw unwritable(field, "a weight from 1 to 65536", value);
			}
			const at = writer.reserve(2);
			writer.view.setUint16(at, value - 1, true);
		},
	},
	mac6: {
		size: 6,
		read: (reader, at) => showMac(reader, at, 6),
		write: (writer, value, field) => writeMac(writer, value, field, 6),
	},
	flag: { size: 0, read: () => true, write() {} },
	ip: {
		read: (reader, at, length) =>
			length === 4 && reader.family !== families.mpls
				? reader.ipv4(at)
				: showIp(reader.bytes, at, length, reader.family),
		write: (writer, value, field) => writer.bytes(parseIp(value, field)),
	},
	mac: { read: showMac, write: (writer, value, field) => writeMac(writer, value, field) },
	text: text(longestPayload),
	name: text(longestName),
	bytes: {
		read: (reader, at, length) => reader.bytes.subarray(at, at + length),
		write: (writer, value) => writer.bytes(value),
	},
	via: {
		fits: (length) => length >= 2,
		read: (reader, at, length) => readVia(reader, at, length),
		write(writer, value, field) {
			const at = writer.reserve(2);
			setU16(writer.view, at, value.family, writer.little);
			writer.bytes(parseIp(value.address, field));
		},
	},
};

/** struct rtvia { __kernel_sa_family_t rtvia_family; __u8 rtvia_addr[]; }: the family is in host order. */
function readVia(reader: Reader, at: number, length: number): Via {
	const family = reader.view.getUint16(at, reader.little);
	return { family, address: showIp(reader.bytes, at + 2, length - 2, family) };
}
