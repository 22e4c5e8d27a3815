import { type Chunks, type CodecName, decompress as unpack } from "../compress/index.ts";
import { debianError } from "./error.ts";

/** Compressions of packages and lists. */
export type Compression = CodecName;

/** The content of a compressed file, told by its magic; `none` is passed through. `DEBIAN_SIZE` above `max` bytes. */
export async function* decompress(
	chunks: Chunks,
	compression: Compression,
	max: number,
	where: string,
	signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
	let size = 0;
	// One more than allowed is let through, so that the limit of this room speaks, with its own code.
	const limits = { maxOutput: max + 1, where, ...(signal ? { signal } : {}) };
	for await (const chunk of compression === "none" ? chunks : unpack(chunks, limits)) {
		signal?.throwIfAborted();
		size += chunk.length;
		if (size > max) {
			throw debianError("check", "DEBIAN_SIZE", "unpacks to more than it should", {
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
