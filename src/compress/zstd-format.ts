import { Cursor } from "../bytes/index.ts";
import { type CompressError, compressError } from "./errors.ts";
import { isSkippable } from "./identify.ts";
import { pace } from "./pace.ts";
import type { ByteSource } from "./source.ts";

// Zstandard: RFC 8878. Section numbers below are its own.

/** 3.1.1 */
export const ZSTD_MAGIC: Uint8Array = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
/** 3.1.1.2.3: no block unpacks to more. */
export const ZSTD_BLOCK_MAX: number = 128 * 1024;

/** 3.1.1.1 */
export interface FrameHeader {
	/** Magic and header as they stand. */
	readonly bytes: Uint8Array;
	/** Bytes that a match may reach back. */
	readonly window: number;
	readonly contentSize: number | undefined;
	readonly checksum: boolean;
}

/** 3.1.1.2.2 */
export type BlockKind = "raw" | "rle" | "compressed";

export interface Block {
	/** Offset of the block in the source, for errors. */
	readonly offset: number;
	/** Block header as it stands. */
	readonly head: Uint8Array;
	readonly kind: BlockKind;
	/** Content as it stands: one byte for `rle`. */
	readonly body: Uint8Array;
	/** Unpacked size of `raw` and `rle`; of `compressed` the packed one. */
	readonly size: number;
	readonly last: boolean;
}

/** Makes an error about a source, at its offset unless told. */
export type MakeZstdError = (
	code: "COMPRESS_CORRUPT" | "COMPRESS_UNSUPPORTED" | "COMPRESS_LIMIT" | "COMPRESS_CHECKSUM",
	field: string,
	expected: string,
	found: string,
	offset?: number,
) => CompressError;

export function zstdFaults(source: ByteSource): MakeZstdError {
	return (code, field, expected, found, offset = source.offset) =>
		compressError(code, { where: source.where, offset, field, expected, found });
}

/** Work of a skippable frame beside its bytes, for `pace`. */
const SKIPPABLE_WORK = 2048;

/** 3.1.2: consumes skippable frames that stand before the next one. Answers how many. */
export async function skipSkippable(
	source: ByteSource,
	signal: AbortSignal | undefined,
): Promise<number> {
	for (let count = 0; ; count++) {
		if (!isSkippable(await source.peek(4))) return count;
		await source.exactly(4, "zstd skippable magic");
		const size = await source.exactly(4, "zstd skippable size");
		let rest = new DataView(size.buffer, size.byteOffset, 4).getUint32(0, true);
		while (rest > 0) {
			const part = await source.next(rest);
			if (part === undefined) await source.exactly(1, "zstd skippable frame");
			rest -= part?.length ?? 0;
		}
		await pace(SKIPPABLE_WORK, signal);
	}
}

/** 3.1.1.1: magic, descriptor, window, dictionary id, content size. */
export async function readFrameHeader(source: ByteSource, maxWindow: number): Promise<FrameHeader> {
	const fault = zstdFaults(source);
	const start = source.offset;
	const head = await source.peek(5);
	const descriptor = head[4];
	if (descriptor === undefined) await source.exactly(5, "zstd frame header");
	const flags = descriptor ?? 0;
	if (!ZSTD_MAGIC.every((byte, i) => head[i] === byte)) {
		throw fault("COMPRESS_CORRUPT", "zstd magic", "28 b5 2f fd", "other bytes");
	}
	const single = Math.floor(flags / 32) % 2 === 1;
	if (Math.floor(flags / 8) % 2 === 1) {
		throw fault("COMPRESS_UNSUPPORTED", "zstd frame descriptor", "reserved bit clear", "set");
	}
	const dictionaryBytes = [0, 1, 2, 4][flags % 4] ?? 0;
	const sizeFlag = Math.floor(flags / 64);
	const sizeBytes = sizeFlag === 0 ? (single ? 1 : 0) : 2 ** sizeFlag;
	const length = 5 + (single ? 0 : 1) + dictionaryBytes + sizeBytes;
	const bytes = await source.exactly(length, "zstd frame header");
	const cursor = new Cursor(bytes, {
		base: start,
		...(source.where === undefined ? {} : { where: source.where }),
	});
	cursor.skip(5);
	let window = 0;
	if (!single) {
		const byte = cursor.u8("zstd window");
		const base = 2 ** (10 + Math.floor(byte / 8));
		window = base + (base / 8) * (byte % 8);
	}
	let dictionary = 0;
	for (let i = 0, weight = 1; i < dictionaryBytes; i++, weight *= 256) {
		dictionary += cursor.u8("zstd dictionary id") * weight;
	}
	let contentSize: number | undefined;
	if (sizeBytes === 1) contentSize = cursor.u8("zstd content size");
	else if (sizeBytes === 2) contentSize = cursor.u16("zstd content size") + 256;
	else if (sizeBytes === 4) contentSize = cursor.u32("zstd content size");
	// Beyond 2^53 not exact, and beyond every limit.
	else if (sizeBytes === 8) contentSize = Number(cursor.u64("zstd content size"));
	if (single) window = contentSize ?? 0;
	if (dictionary !== 0) {
		throw compressError("COMPRESS_UNSUPPORTED", {
			where: source.where,
			offset: start,
			field: "zstd dictionary",
			expected: "none",
			found: `dictionary id ${dictionary}`,
			remedy: "Unpack it with zstd -D and the dictionary, and compress it without one.",
		});
	}
	if (window > maxWindow) {
		throw fault("COMPRESS_LIMIT", "zstd window", `at most ${maxWindow} bytes`, `${window} bytes`);
	}
	return { bytes, window, contentSize, checksum: Math.floor(flags / 4) % 2 === 1 };
}

/** 3.1.1.2: the next block, all of it. */
export async function readBlock(source: ByteSource, header: FrameHeader): Promise<Block> {
	const fault = zstdFaults(source);
	const offset = source.offset;
	const head = await source.exactly(3, "zstd block header");
	const [low = 0, middle = 0, high = 0] = head;
	const kind = Math.floor(low / 2) % 4;
	const size = Math.floor(low / 8) + middle * 32 + high * 8192;
	if (kind === 3) throw fault("COMPRESS_CORRUPT", "zstd block type", "0 to 2", "3", offset);
	const most = Math.min(ZSTD_BLOCK_MAX, header.window);
	if (size > most) {
		throw fault("COMPRESS_CORRUPT", "zstd block size", `at most ${most}`, String(size), offset);
	}
	return {
		offset,
		head,
		kind: kind === 0 ? "raw" : kind === 1 ? "rle" : "compressed",
		body: await source.exactly(kind === 1 ? 1 : size, "zstd block"),
		size,
		last: low % 2 === 1,
	};
}
