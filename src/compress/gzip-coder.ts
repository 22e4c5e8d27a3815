import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { Gzip } from "fflate";
import type { CompressOptions, DecompressOptions } from "./codec.ts";
import { MAX_OUTPUT } from "./codec.ts";
import { GZIP_LEVEL } from "./defaults.ts";
import { steps, throughEngine } from "./engine.ts";
import { compressError, integerOption } from "./errors.ts";
import { skipGzipHeader } from "./gzip-header.ts";
import { outputMeter } from "./meter.ts";
import { pace, STREAM_WORK } from "./pace.ts";
import { type ByteSource, type Chunks, untilAborted } from "./source.ts";

/** Content handed to the compressor at once; the event loop turns and an abort is heard in between. */
const STEP = 256 * 1024;
/** Size of unpacked chunks. */
const CHUNK = 256 * 1024;

/** What a member may take and give, in bytes, to be unpacked in one go. */
const SHORT_INPUT = 32 * 1024;
const SHORT_OUTPUT = 64 * 1024;

/**
 * RFC 1952, one member. Compressing is fflate's: its bytes are the same on every Node and every processor, where
 * zlib's change with both, and an image's digest must not.
 */
export async function* compressGzip(
	chunks: Chunks,
	options: CompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
	const level = integerOption("level", options.level, GZIP_LEVEL, 0, 9);
	const ready: Uint8Array[] = [];
	// No time and no name in the header: the same content gives the same bytes.
	const engine = new Gzip({ level: level as 9, mtime: 0 }, (chunk) => {
		if (chunk.length > 0) ready.push(chunk);
	});
	// What the compressor makes depends on how it is fed: always in steps of one size.
	for await (const step of steps(untilAborted(chunks, options.signal), STEP)) {
		options.signal?.throwIfAborted();
		engine.push(step);
		yield* ready.splice(0);
		await new Promise<void>((resolve) => setImmediate(resolve));
	}
	options.signal?.throwIfAborted();
	engine.push(new Uint8Array(0), true);
	yield* ready;
}

/**
 * RFC 1952, one member. Reading is zlib's: several times faster than fflate's, same answer. The check, which neither
 * fflate nor a raw inflate looks at, is verified here.
 */
export async function* decodeGzip(
	source: ByteSource,
	options: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
	source.heed(options.signal);
	try {
		yield* member(source, options);
	} finally {
		source.heed(undefined);
	}
}

async function* member(
	source: ByteSource,
	options: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
	const begin = source.offset;
	await skipGzipHeader(source);
	const start = source.offset;
	let crc = 0;
	let size = 0;
	for await (const chunk of inflate(source, options)) {
		crc = crc32(chunk, crc);
		size += chunk.length;
		yield chunk;
	}
	const trailer = await source.exactly(8, "gzip trailer");
	const view = new DataView(trailer.buffer, trailer.byteOffset, 8);
	const wrong = (field: string, expected: number, found: number) =>
		compressError("COMPRESS_CHECKSUM", {
			where: source.where,
			offset: start,
			field,
			expected: expected.toString(16),
			found: found.toString(16),
		});
	if (view.getUint32(0, true) !== crc) throw wrong("gzip CRC32", view.getUint32(0, true), crc);
	// ISIZE is the size modulo 2^32.
	if (view.getUint32(4, true) !== size % 2 ** 32) {
		throw wrong("gzip ISIZE", view.getUint32(4, true), size % 2 ** 32);
	}
	await pace(STREAM_WORK + source.offset - begin + size, options.signal);
}

/** RFC 1951: the content of one deflate stream; leaves the source exactly behind it. */
async function* inflate(
	source: ByteSource,
	options: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
	const meter = outputMeter(source, options.maxOutput ?? MAX_OUTPUT);
	const short = await inflateShort(source);
	if (short !== undefined) {
		meter(short.length);
		if (short.length > 0) yield short;
		return;
	}
	const start = source.offset;
	const engine = createInflateRaw({ chunkSize: CHUNK });
	let last: Uint8Array = new Uint8Array(0);
	let fed = 0;
	async function* feed(): AsyncGenerator<Uint8Array, void, undefined> {
		// The engine takes all of a chunk unless it has come to its end; then no more is asked of the input, which
		// might be a pipe that has no more to give for now.
		while (engine.bytesWritten === fed) {
			const chunk = await source.next();
			if (chunk === undefined) return;
			last = chunk;
			fed += chunk.length;
			yield chunk;
		}
	}
	try {
		for await (const chunk of throughEngine(engine, feed(), options.signal)) {
			meter(chunk.length);
			yield chunk;
		}
	} catch (error) {
		throw inflateError(error, source, start + engine.bytesWritten);
	}
	source.unread(last.subarray(last.length - (fed - engine.bytesWritten)));
}

/**
 * The content of a short stream of which the chunk at hand holds all; undefined, and nothing consumed, for every other. An
 * engine of its own costs many times what a few bytes are worth, and a file may be made of nothing but such members.
 */
async function inflateShort(source: ByteSource): Promise<Uint8Array | undefined> {
	const head = await source.next(SHORT_INPUT);
	if (head === undefined) return undefined;
	let used = 0;
	try {
		// `info` is not in the types: https://nodejs.org/api/zlib.html#class-options
		const { buffer, engine } = inflateRawSync(head, {
			info: true,
			maxOutputLength: SHORT_OUTPUT,
		}) as unknown as { buffer: Uint8Array; engine: { bytesWritten: number } };
		used = engine.bytesWritten;
		// A copy: what zlib gives lies in 16 KiB of its own, or in 64 KiB of Node's pool, however short it is.
		return new Uint8Array(buffer);
	} catch {
		// Not whole, too long or corrupt: the engine will tell.
		return undefined;
	} finally {
		source.unread(head.subarray(used));
	}
}

function inflateError(error: unknown, source: ByteSource, offset: number): unknown {
	const code = (error as NodeJS.ErrnoException).code;
	const details = { where: source.where, offset, field: "deflate stream", cause: error };
	if (code === "Z_BUF_ERROR") return compressError("COMPRESS_TRUNCATED", details);
	if (code === "Z_DATA_ERROR" || code === "Z_NEED_DICT" || code === "Z_STREAM_ERROR") {
		return compressError("COMPRESS_CORRUPT", details);
	}
	return error;
}
