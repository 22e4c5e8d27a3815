import type { Codec, CodecName, DecompressOptions } from "./codec.ts";
import { MAX_OUTPUT } from "./codec.ts";
import { compressError } from "./errors.ts";
import { gzip } from "./gzip.ts";
import { IDENTIFY_BYTES, identify } from "./identify.ts";
import { none } from "./none.ts";
import { type ByteSource, byteSource, type Chunks } from "./source.ts";
import { xz } from "./xz.ts";
import { zstd } from "./zstd.ts";

/** Every codec there is, by name. */
export const codecs: Readonly<Record<CodecName, Codec>> = { none, gzip, xz, zstd };

/**
 * The codec of the compressed stream that begins with these bytes (13 are enough), or undefined where none of the
 * known magics does. Throws `COMPRESS_UNSUPPORTED`, naming it, for a format that ekexec does not read.
 */
export function codecOf(head: Uint8Array, where?: string, offset?: number): Codec | undefined {
	const format = identify(head);
	if (format === undefined) return undefined;
	if (format === "gzip" || format === "xz" || format === "zstd") return codecs[format];
	throw compressError("COMPRESS_UNSUPPORTED", {
		where,
		offset,
		field: "magic",
		expected: "gzip, xz or zstd",
		found: format,
		remedy: `Unpack it with ${format} first, and compress it with xz.`,
	});
}

/**
 * The content of a whole compressed file: one stream, or several one after the other as `cat a.gz b.gz` makes them,
 * told by magic. Zeros between and after them are skipped, as the kernel does between the parts of an initrd: xz has them
 * as stream padding, gzip(1) ignores them at the end, zstd(1) takes none. Anything else there is `COMPRESS_TRAILING`. An
 * input without a known magic is `COMPRESS_UNKNOWN`.
 */
export async function* decompress(
	from: ByteSource | Chunks,
	options: DecompressOptions & { readonly where?: string } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
	const { where, signal } = options;
	const source = byteSource(from, {
		...(where === undefined ? {} : { where }),
		...(signal === undefined ? {} : { signal }),
	});
	try {
		yield* streams(source, options);
	} finally {
		// What was given as a source may be read on by whoever made it.
		if (source !== from) await source.close();
	}
}

async function* streams(
	source: ByteSource,
	options: DecompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
	let left = options.maxOutput ?? MAX_OUTPUT;
	let before: Codec | undefined;
	for (let streams = 0; ; streams++) {
		const padding = streams > 0 ? await source.skipZeros() : 0;
		// xz-file-format.txt, 2.2
		if (before === xz && padding % 4 !== 0) {
			throw compressError("COMPRESS_CORRUPT", {
				where: source.where,
				offset: source.offset,
				field: "xz stream padding",
				expected: "a multiple of 4 bytes",
				found: `${padding} bytes`,
			});
		}
		const head = await source.peek(IDENTIFY_BYTES);
		if (head.length === 0 && streams > 0) return;
		const codec = codecOf(head, source.where, source.offset);
		if (codec === undefined) {
			throw compressError(streams === 0 ? "COMPRESS_UNKNOWN" : "COMPRESS_TRAILING", {
				where: source.where,
				offset: source.offset,
				field: "magic",
				expected: streams === 0 ? "gzip, xz or zstd" : "another stream or the end",
				found: head.length === 0 ? "an empty input" : "other bytes",
			});
		}
		before = codec;
		for await (const chunk of codec.decode(source, { ...options, maxOutput: left })) {
			left -= chunk.length;
			yield chunk;
		}
	}
}
