import { crc32 } from "node:zlib";
import { Cursor, equal, startsWith } from "../bytes/index.ts";
import { type CompressError, compressError } from "./errors.ts";
import type { ByteSource } from "./source.ts";

// The .xz file format, version 1.2.1: tukaani.org/xz/xz-file-format.txt. Section numbers below are its own.

/** 2.1.1.1 */
export const XZ_MAGIC: Uint8Array = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00);
/** 2.1.2.4: "YZ" */
const FOOTER_MAGIC = Uint8Array.of(0x59, 0x5a);
/** 2.1.1 and 2.1.2: header and footer are of one size. */
export const XZ_EDGE = 12;

/** 2.1.1.2: bytes of the check of each id; ids without a name are reserved, their sizes are not. */
const checkSizes = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64] as const;

export interface Check {
	readonly id: number;
	/** Bytes after each block. */
	readonly size: number;
}

/** Checks that are verified. A block with another one could not be vouched for. */
const verified = new Map([
	[0, "none"],
	[1, "CRC32"],
	[4, "CRC64"],
	[10, "SHA-256"],
]);

/** Sizes of one block, as 4.3 lists them. */
export interface BlockSizes {
	/** Header, compressed data and check, without padding. */
	readonly unpadded: number;
	readonly unpacked: number;
}

/** 3.1 */
export interface BlockHeader {
	/** The header as it stands, CRC32 included. */
	readonly bytes: Uint8Array;
	readonly packed: number | undefined;
	readonly unpacked: number | undefined;
	/** Dictionary of the LZMA2 filter in bytes. */
	readonly dictionary: number;
	/** Whether LZMA2 is the only filter. */
	readonly plain: boolean;
}

/** Makes the errors of one stream: `field` and offset of what was being read. */
export type Fault = (
	code: "COMPRESS_CORRUPT" | "COMPRESS_CHECKSUM" | "COMPRESS_UNSUPPORTED" | "COMPRESS_LIMIT",
	field: string,
	expected: string,
	found: string,
) => CompressError;

export function faults(source: ByteSource): Fault {
	return (code, field, expected, found) =>
		compressError(code, { where: source.where, offset: source.offset, field, expected, found });
}

const hex = (value: number) => value.toString(16).padStart(8, "0");

function sealed(
	bytes: Uint8Array,
	sealAt: number,
	from: number,
	field: string,
	fault: Fault,
): void {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
	const written = view.getUint32(sealAt, true);
	const to = sealAt < from ? bytes.length : sealAt;
	const computed = crc32(bytes.subarray(from, to));
	if (written !== computed) throw fault("COMPRESS_CHECKSUM", field, hex(written), hex(computed));
}

/** 2.1.1: magic, flags, CRC32 of the flags. */
export async function readStreamHeader(source: ByteSource): Promise<Check> {
	const fault = faults(source);
	const bytes = await source.peek(XZ_EDGE);
	if (!startsWith(bytes, XZ_MAGIC) && bytes.length >= XZ_MAGIC.length) {
		throw fault("COMPRESS_CORRUPT", "xz magic", "fd 37 7a 58 5a 00", "other bytes");
	}
	const header = await source.exactly(XZ_EDGE, "xz stream header");
	sealed(header, 8, 6, "xz stream header CRC32", fault);
	// The last four bytes are the seal itself, the two before it the flags.
	const [zero = 0, type = 0] = header.subarray(6, 8);
	if (zero !== 0 || type >= checkSizes.length) {
		throw fault("COMPRESS_UNSUPPORTED", "xz stream flags", "0000 to 000f", `${zero}, ${type}`);
	}
	if (!verified.has(type)) {
		const known = [...verified.values()].join(", ");
		throw fault("COMPRESS_UNSUPPORTED", "xz check", known, `id ${type}`);
	}
	return { id: type, size: checkSizes[type] ?? 0 };
}

/** 1.2: seven bits a byte, least first, at most nine bytes, no needless zero byte at the end. */
export function readVli(take: () => number, field: string, fault: Fault): number {
	let value = 0;
	for (let i = 0, weight = 1; i < 9; i++, weight *= 128) {
		const byte = take();
		const more = byte >= 128;
		value += (more ? byte - 128 : byte) * weight;
		if (value > Number.MAX_SAFE_INTEGER) {
			throw fault("COMPRESS_LIMIT", field, `at most ${Number.MAX_SAFE_INTEGER}`, "more");
		}
		if (more) continue;
		if (byte === 0 && i > 0) {
			throw fault("COMPRESS_CORRUPT", field, "the shortest encoding", "a zero byte at its end");
		}
		return value;
	}
	throw fault("COMPRESS_CORRUPT", field, "at most 9 bytes", "more");
}

function writeVli(value: number): number[] {
	const bytes: number[] = [];
	let rest = value;
	while (rest >= 128) {
		bytes.push(128 + (rest % 128));
		rest = Math.floor(rest / 128);
	}
	bytes.push(rest);
	return bytes;
}

/** 5.3: filters that may stand before LZMA2, as far as liblzma 5.2 undoes them. */
const filterNames = new Map([
	[0x03, "delta"],
	[0x04, "x86"],
	[0x05, "powerpc"],
	[0x06, "ia64"],
	[0x07, "arm"],
	[0x08, "armthumb"],
	[0x09, "sparc"],
]);
const LZMA2 = 0x21;

/** Consumes a block's header: `size` is its first byte, not zero, already seen. */
export async function readBlockHeader(
	source: ByteSource,
	sizeByte: number,
	maxDictionary: number,
): Promise<BlockHeader> {
	const fault = faults(source);
	const size = (sizeByte + 1) * 4;
	const bytes = await source.exactly(size, "xz block header");
	sealed(bytes, size - 4, 0, "xz block header CRC32", fault);
	const cursor = new Cursor(bytes.subarray(0, size - 4), {
		base: source.offset - size,
		...(source.where === undefined ? {} : { where: source.where }),
	});
	const vli = (field: string) => readVli(() => cursor.u8(field), field, fault);
	cursor.skip(1);
	const flags = cursor.u8("xz block flags");
	if (Math.floor(flags / 4) % 16 !== 0) {
		throw fault("COMPRESS_UNSUPPORTED", "xz block flags", "reserved bits clear", hex(flags));
	}
	const packed = Math.floor(flags / 64) % 2 === 1 ? vli("xz compressed size") : undefined;
	const unpacked = flags >= 128 ? vli("xz uncompressed size") : undefined;
	const filters = (flags % 4) + 1;
	let dictionary = 0;
	for (let i = 1; i <= filters; i++) {
		const id = vli("xz filter id");
		const length = vli("xz filter properties");
		const properties = cursor.take(length, "xz filter properties");
		if (i < filters) {
			if (filterNames.has(id)) continue;
			const names = [...filterNames.values()].join(", ");
			throw fault("COMPRESS_UNSUPPORTED", "xz filter", names, `id 0x${id.toString(16)}`);
		}
		if (id !== LZMA2 || length !== 1) {
			throw fault("COMPRESS_UNSUPPORTED", "xz last filter", "LZMA2", `id 0x${id.toString(16)}`);
		}
		dictionary = dictionarySize(properties[0] ?? 0, fault);
	}
	if (bytes.subarray(cursor.offset, size - 4).some((byte) => byte !== 0)) {
		throw fault("COMPRESS_UNSUPPORTED", "xz block header padding", "zeros", "other bytes");
	}
	if (packed === 0) throw fault("COMPRESS_CORRUPT", "xz compressed size", "at least 1", "0");
	if (dictionary > maxDictionary) {
		const found = `${dictionary} bytes`;
		throw fault("COMPRESS_LIMIT", "xz dictionary", `at most ${maxDictionary} bytes`, found);
	}
	return { bytes, packed, unpacked, dictionary, plain: filters === 1 };
}

/** 5.3.1: 2 | (bits & 1) shifted by bits / 2 + 11; 40 stands for 4 GiB - 1. */
function dictionarySize(bits: number, fault: Fault): number {
	if (bits > 40) throw fault("COMPRESS_UNSUPPORTED", "xz dictionary", "at most 40", String(bits));
	return bits === 40 ? 2 ** 32 - 1 : (2 + (bits % 2)) * 2 ** (Math.floor(bits / 2) + 11);
}

/** 4: the index of a stream of these blocks. Its encoding is unique, padding and CRC32 included. */
function encodeIndex(blocks: readonly BlockSizes[]): Uint8Array {
	const bytes = [0, ...writeVli(blocks.length)];
	for (const block of blocks) {
		for (const byte of writeVli(block.unpadded)) bytes.push(byte);
		for (const byte of writeVli(block.unpacked)) bytes.push(byte);
	}
	while (bytes.length % 4 !== 0) bytes.push(0);
	return seal(Uint8Array.from(bytes));
}

/**
 * Consumes index and footer. The index of the blocks that were there can have one form only: it is made and
 * compared, so that no length in it is ever believed.
 */
export async function readIndex(
	source: ByteSource,
	check: Check,
	blocks: readonly BlockSizes[],
): Promise<void> {
	const fault = faults(source);
	const expected = encodeIndex(blocks);
	for (let at = 0; at < expected.length; ) {
		const part = await source.next(expected.length - at);
		if (part === undefined) {
			throw compressError("COMPRESS_TRUNCATED", {
				where: source.where,
				offset: source.offset,
				field: "xz index",
				expected: `${expected.length} bytes`,
				found: `${at} bytes`,
			});
		}
		if (!equal(part, expected.subarray(at, at + part.length))) {
			const found = "other numbers, padding or CRC32";
			throw fault("COMPRESS_CORRUPT", "xz index", `that of ${blocks.length} blocks read`, found);
		}
		at += part.length;
	}
	await readFooter(source, check, expected.length);
}

/** 2.1.2: CRC32, backward size, flags, magic. */
async function readFooter(source: ByteSource, check: Check, indexSize: number): Promise<void> {
	const fault = faults(source);
	const footer = await source.exactly(XZ_EDGE, "xz stream footer");
	if (!startsWith(footer, FOOTER_MAGIC, 10)) {
		throw fault("COMPRESS_CORRUPT", "xz footer magic", "59 5a", "other bytes");
	}
	const view = new DataView(footer.buffer, footer.byteOffset, XZ_EDGE);
	const computed = crc32(footer.subarray(4, 10));
	if (view.getUint32(0, true) !== computed) {
		throw fault(
			"COMPRESS_CHECKSUM",
			"xz footer CRC32",
			hex(view.getUint32(0, true)),
			hex(computed),
		);
	}
	const backward = (view.getUint32(4, true) + 1) * 4;
	if (backward !== indexSize) {
		throw fault("COMPRESS_CORRUPT", "xz backward size", String(indexSize), String(backward));
	}
	if (footer[8] !== 0 || footer[9] !== check.id) {
		const found = `${footer[8]}, ${footer[9]}`;
		throw fault("COMPRESS_CORRUPT", "xz footer flags", `0, ${check.id}`, found);
	}
}

function seal(bytes: Uint8Array): Uint8Array {
	const whole = new Uint8Array(bytes.length + 4);
	whole.set(bytes);
	new DataView(whole.buffer).setUint32(bytes.length, crc32(bytes), true);
	return whole;
}

/** A stream header of its own, so that one block can be decoded apart from its stream. */
export function streamHeader(check: Check): Uint8Array {
	const header = new Uint8Array(XZ_EDGE);
	header.set(XZ_MAGIC);
	header.set(seal(Uint8Array.of(0, check.id)), 6);
	return header;
}

/** Index and footer of a stream that holds this one block. */
export function streamTail(check: Check, block: BlockSizes): Uint8Array {
	const index = encodeIndex([block]);
	const tail = new Uint8Array(index.length + XZ_EDGE);
	tail.set(index);
	const footer = new Uint8Array(6);
	new DataView(footer.buffer).setUint32(0, index.length / 4 - 1, true);
	footer[5] = check.id;
	new DataView(tail.buffer).setUint32(index.length, crc32(footer), true);
	tail.set(footer, index.length + 4);
	tail.set(FOOTER_MAGIC, index.length + 10);
	return tail;
}
