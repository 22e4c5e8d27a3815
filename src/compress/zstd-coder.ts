import * as zlib from "node:zlib";
import { startsWith } from "../bytes/index.ts";
import type { CompressOptions, DecompressOptions } from "./codec.ts";
import { MAX_OUTPUT, MAX_WINDOW } from "./codec.ts";
import { NO_ZSTD, ZSTD_LEVEL } from "./defaults.ts";
import { type Engine, steps, throughEngine } from "./engine.ts";
import { compressError, integerOption, threadsOption } from "./errors.ts";
import { outputMeter } from "./meter.ts";
import { type ByteSource, type Chunks, untilAborted } from "./source.ts";
import {
	type FrameHeader,
	readBlock,
	readFrameHeader,
	skipSkippable,
	ZSTD_MAGIC,
} from "./zstd-format.ts";
import { unpackFrame } from "./zstd-frame.ts";

/** node:zlib from 22.15 on; the types are those of the oldest Node supported. */
interface ZstdOfNode {
	createZstdCompress?(options: object): Engine;
	createZstdDecompress?(options: object): Engine;
	readonly constants: Readonly<Record<string, number>>;
}
const node = zlib as unknown as ZstdOfNode;

const CHUNK = 256 * 1024;
/** Most threads for compressing; libzstd takes 256 at most (ZSTDMT_NBWORKERS_MAX). */
const MAX_THREADS = 200;

/** One frame by Node's own library. */
export async function* compressZstd(
	chunks: Chunks,
	options: CompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
	const level = integerOption("level", options.level, ZSTD_LEVEL, 1, 22);
	const threads = threadsOption(options.threads, MAX_THREADS);
	const size =
		options.size === undefined
			? undefined
			: integerOption("size", options.size, 0, 0, Number.MAX_SAFE_INTEGER);
	if (node.createZstdCompress === undefined) {
		throw compressError(
			"COMPRESS_UNSUPPORTED",
			{ found: NO_ZSTD, remedy: "Use xz or gzip, or a newer Node." },
			"cannot compress with zstd",
		);
	}
	const { constants } = node;
	const engine = node.createZstdCompress({
		chunkSize: CHUNK,
		...(size === undefined ? {} : { pledgedSrcSize: size }),
		params: {
			[constants.ZSTD_c_compressionLevel ?? 100]: level,
			[constants.ZSTD_c_checksumFlag ?? 201]: 1,
			// At least one worker: the bytes are the same for every number but none.
			[constants.ZSTD_c_nbWorkers ?? 400]: threads,
		},
	});
	const content = steps(untilAborted(chunks, options.signal), CHUNK);
	yield* throughEngine(engine, announced(size, content), options.signal);
}

/** The same chunks, if they have as many bytes as the frame's header is to say. */
async function* announced(
	size: number | undefined,
	chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
	let total = 0;
	const wrong = (found: string) =>
		compressError(
			"COMPRESS_OPTION",
			{ field: "size", expected: `${size} bytes`, found },
			"content is not of the size that was announced",
		);
	for await (const chunk of chunks) {
		total += chunk.length;
		if (size !== undefined && total > size) throw wrong(`${total} bytes or more`);
		yield chunk;
	}
	if (size !== undefined && total < size) throw wrong(`${total} bytes`);
}

/** One frame, behind any skippable ones, by either decoder. */
export async function* decodeZstd(
	source: ByteSource,
	options: DecompressOptions,
	unpack: typeof unpackFrame = node.createZstdDecompress === undefined ? unpackFrame : unpackByNode,
): AsyncGenerator<Uint8Array, void, undefined> {
	source.heed(options.signal);
	try {
		yield* frames(source, options, unpack);
	} finally {
		source.heed(undefined);
	}
}

async function* frames(
	source: ByteSource,
	options: DecompressOptions,
	unpack: typeof unpackFrame,
): AsyncGenerator<Uint8Array, void, undefined> {
	// Skippable frames with no frame behind them: nothing, and no error. What follows instead is others' to tell.
	if ((await skipSkippable(source, options.signal)) > 0 && !(await beginsFrame(source))) return;
	const header = await readFrameHeader(source, options.maxWindow ?? MAX_WINDOW);
	const limit = options.maxOutput ?? MAX_OUTPUT;
	const meter = outputMeter(source, limit);
	if ((header.contentSize ?? 0) > limit) meter(header.contentSize ?? 0);
	for await (const chunk of unpack(source, header, options)) {
		meter(chunk.length);
		yield chunk;
	}
}

/** Whether the source goes on with the magic of a frame, or with what the end of the input has left of it. */
async function beginsFrame(source: ByteSource): Promise<boolean> {
	const head = await source.peek(ZSTD_MAGIC.length);
	return head.length > 0 && startsWith(ZSTD_MAGIC, head);
}

/** The frame is cut out block by block, so that its end is known to the byte; libzstd unpacks and verifies. */
async function* unpackByNode(
	source: ByteSource,
	header: FrameHeader,
	options: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
	if (node.createZstdDecompress === undefined) return;
	const engine = node.createZstdDecompress({
		chunkSize: CHUNK,
		params: { [node.constants.ZSTD_d_windowLogMax ?? 100]: 31 },
	});
	const start = source.offset;
	try {
		yield* throughEngine(engine, frame(source, header), options.signal);
	} catch (error) {
		if ((error as { code?: unknown }).code?.toString().startsWith("ZSTD_") !== true) throw error;
		const { code, message } = error as Error & { code: string };
		throw compressError(
			code === "ZSTD_error_checksum_wrong" ? "COMPRESS_CHECKSUM" : "COMPRESS_CORRUPT",
			{
				where: source.where,
				offset: start + engine.bytesWritten,
				field: "zstd frame",
				found: message.toLowerCase(),
				cause: error,
			},
		);
	}
}

/** All bytes of one frame behind its header, which comes first. */
async function* frame(
	source: ByteSource,
	header: FrameHeader,
): AsyncGenerator<Uint8Array, void, undefined> {
	yield header.bytes;
	for (;;) {
		const block = await readBlock(source, header);
		yield block.head;
		if (block.body.length > 0) yield block.body;
		if (block.last) break;
	}
	if (header.checksum) yield await source.exactly(4, "zstd checksum");
}
