import { alignUp } from "../bytes/index.ts";
import { alignment } from "../cpio/index.ts";
import { fileChunks } from "./files.ts";
import type { Segment } from "./scan.ts";

/** The bytes of one segment as they stand in the file: the archive, or the compressed stream. */
export function segmentChunks(
	path: string,
	segment: Pick<Segment, "offset" | "length">,
	signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
	return fileChunks(path, { start: segment.offset, end: segment.offset + segment.length, signal });
}

/**
 * Segments put one behind the other, each at a multiple of four, NULs between. (The kernel wants that of uncompressed
 * archives and of what follows one, but so nobody has to know what comes next.)
 */
export async function* joinSegments(
	segments: Iterable<AsyncIterable<Uint8Array> | Iterable<Uint8Array>>,
): AsyncGenerator<Uint8Array, void, undefined> {
	let size = 0;
	for (const segment of segments) {
		const padding = alignUp(size, alignment) - size;
		if (padding > 0) yield new Uint8Array(padding);
		size += padding;
		for await (const chunk of segment) {
			size += chunk.length;
			yield chunk;
		}
	}
}
