import { EkexecError } from "../bytes/index.ts";
import { byteSource, type Chunks, type CodecName, codec } from "../compress/index.ts";
import { debianError } from "./error.ts";

/** Compressions of packages and lists. */
export type Compression = CodecName;

/** The content of one compressed stream of which nothing may be left over; `DEBIAN_SIZE` above `max` bytes. */
export async function* decompress(
	chunks: Chunks,
	compression: Compression,
	max: number,
	where: string,
	signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
	const limit = signal ? { signal } : {};
	const source = byteSource(chunks, { where, ...limit });
	let size = 0;
	try {
		for await (const chunk of codec(compression).decode(source, { maxOutput: max, ...limit })) {
			size += chunk.length;
			if (size > max) {
				throw debianError("check", "DEBIAN_SIZE", "unpacks to more than it should", {
					where,
					expected: `at most ${max} bytes`,
				});
			}
			yield chunk;
		}
	} catch (error) {
		throw error instanceof EkexecError ? error.with({ where }) : error;
	} finally {
		await source.close();
	}
}

/** The same for a stream whose size is known: all of it in one array. */
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
