import type { DecompressOptions } from "./codec.ts";
import { compressError } from "./errors.ts";
import { pace } from "./pace.ts";
import type { ByteSource } from "./source.ts";
import { Xxh64 } from "./xxh64.ts";
import { ZstdFrameDecoder } from "./zstd-decode.ts";
import { type Block, type FrameHeader, readBlock } from "./zstd-format.ts";
import { ZstdFault } from "./zstd-fse.ts";

/** Work of a block beside its content, for `pace`. */
const BLOCK_WORK = 4096;

/** A decoder that has done its frame: of many small ones, buffers made anew would be all the cost. */
let spare: ZstdFrameDecoder | undefined;

/** The content of the frame whose header was read, by our own decoder; size and checksum verified. */
export async function* unpackFrame(
	source: ByteSource,
	header: FrameHeader,
	options: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
	const { where } = source;
	const start = source.offset;
	const digest = header.checksum ? new Xxh64() : undefined;
	let size = 0;
	for await (const content of unpackBlocks(source, header, options.signal)) {
		size += content.length;
		digest?.update(content);
		yield content;
	}
	if (header.contentSize !== undefined && size !== header.contentSize) {
		throw compressError("COMPRESS_CORRUPT", {
			where,
			offset: start,
			field: "zstd content size",
			expected: `${header.contentSize} bytes`,
			found: `${size} bytes`,
		});
	}
	if (digest === undefined) return;
	const bytes = await source.exactly(4, "zstd checksum");
	const written = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
	if (written !== digest.low()) {
		throw compressError("COMPRESS_CHECKSUM", {
			where,
			offset: start,
			field: "zstd checksum",
			expected: written.toString(16).padStart(8, "0"),
			found: digest.low().toString(16).padStart(8, "0"),
		});
	}
}

async function* unpackBlocks(
	source: ByteSource,
	header: FrameHeader,
	signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
	const decoder = spare ?? new ZstdFrameDecoder();
	spare = undefined;
	decoder.begin(header.window);
	try {
		for (let last = false; !last; ) {
			const block = await readBlock(source, header);
			last = block.last;
			const content = unpackBlock(decoder, block, source);
			await pace(BLOCK_WORK + content.length, signal);
			if (content.length > 0) yield content;
		}
	} finally {
		if (!decoder.large) spare = decoder;
	}
}

function unpackBlock(decoder: ZstdFrameDecoder, block: Block, source: ByteSource): Uint8Array {
	if (block.kind === "raw") return decoder.raw(block.body);
	if (block.kind === "rle") return decoder.rle(block.body[0] ?? 0, block.size);
	try {
		return decoder.compressed(block.body);
	} catch (error) {
		if (!(error instanceof ZstdFault)) throw error;
		throw compressError("COMPRESS_CORRUPT", {
			where: source.where,
			offset: block.offset,
			field: "zstd block",
			found: error.message,
		});
	}
}
