import { availableParallelism } from "node:os";
import * as zlib from "node:zlib";
import type { CompressOptions, DecompressOptions } from "./codec.ts";
import { MAX_OUTPUT, MAX_WINDOW } from "./codec.ts";
import { NO_ZSTD, ZSTD_LEVEL } from "./defaults.ts";
import { type Engine, steps, throughEngine } from "./engine.ts";
import { compressError, integerOption } from "./errors.ts";
import { outputMeter } from "./meter.ts";
import type { ByteSource, Chunks } from "./source.ts";
import { type FrameHeader, readBlock, readFrameHeader, skipSkippable } from "./zstd-format.ts";
import { unpackFrame } from "./zstd-frame.ts";

/** node:zlib from 22.15 on; the types are those of the oldest Node supported. */
interface ZstdOfNode {
	createZstdCompress?(options: object): Engine;
	createZstdDecompress?(options: object): Engine;
	readonly constants: Readonly<Record<string, number>>;
}
const node = zlib as unknown as ZstdOfNode;

const CHUNK = 256 * 1024;

/** One frame by Node's own library. */
export async function* compressZstd(
	chunks: Chunks,
	options: CompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
	const level = integerOption("level", options.level, ZSTD_LEVEL, 1, 22);
	const threads = integerOption("threads", options.threads, availableParallelism(), 1, 200);
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
		...(options.size === undefined ? {} : { pledgedSrcSize: options.size }),
		params: {
			[constants.ZSTD_c_compressionLevel ?? 100]: level,
			[constants.ZSTD_c_checksumFlag ?? 201]: 1,
			// At least one worker: the bytes are the same for every number but none.
			[constants.ZSTD_c_nbWorkers ?? 400]: threads,
		},
	});
	yield* throughEngine(engine, steps(chunks, CHUNK), options.signal);
}

/** One frame, behind any skippable ones, by either decoder. */
export async function* decodeZstd(
	source: ByteSource,
	options: DecompressOptions,
	unpack: typeof unpackFrame = node.createZstdDecompress === undefined ? unpackFrame : unpackByNode,
): AsyncGenerator<Uint8Array, void, undefined> {
	// Skippable frames alone, at the end of a file: nothing, and no error.
	if ((await skipSkippable(source)) > 0 && (await source.atEnd())) return;
	const header = await readFrameHeader(source, options.maxWindow ?? MAX_WINDOW);
	const limit = options.maxOutput ?? MAX_OUTPUT;
	const meter = outputMeter(source, limit);
	if ((header.contentSize ?? 0) > limit) meter(header.contentSize ?? 0);
	for await (const chunk of unpack(source, header, options)) {
		meter(chunk.length);
		yield chunk;
	}
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
