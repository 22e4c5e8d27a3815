import { type Chunks, type CodecName, decompress as unpack } from "../compress/index.ts";
import { debianError } from "./error.ts";

/** Compressions of packages and lists. */
export type Compression = CodecName;

/**
 * The content of a compressed file, told by its magic; `none` is passed through. Above `max` bytes it throws
 * `COMPRESS_LIMIT`, or `DEBIAN_SIZE` where nothing was compressed.
 */
export async function* decompress(
	chunks: Chunks,
	compression: Compression,
	max: number,
	where: string,
	signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
	if (compression !== "none") {
		yield* unpack(chunks, { maxOutput: max, where, eager: true, ...(signal ? { signal } : {}) });
		return;
	}
	let size = 0;
	for await (const chunk of chunks) {
		signal?.throwIfAborted();
		size += chunk.length;
		if (size > max) {
			throw debianError("check", "DEBIAN_SIZE", "holds more than it should", {
				where,
				expected: `at most ${max} bytes`,
			});
		}
		yield chunk;
	}
}

/** The same for a file whose size is known: all of it in one array. */
export async function decompressAll(
	packed: Uint8Array,
	compression: Compression,
	size: number,
	where: string,
	signal?: AbortSignal,
): Promise<Uint8Array> {
	const whole = new Uint8Array(size);
	let at = 0;
	for await (const chunk of decompress([packed], compression, size, where, signal)) {
		whole.set(chunk, at);
		at += chunk.length;
	}
	return whole.subarray(0, at);
}
