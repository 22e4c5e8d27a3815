import { EkexecError } from "../bytes/index.ts";
import { type CpioFormat, chunksOf, type Plan, type Splice } from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";
import { type ContentRef, FileReader } from "./source.ts";

/** Content from this size on is handed over as it is when it is already in memory; smaller pieces are gathered. */
const gatherBelow = 64 * 1024;

export interface FillOptions {
	readonly format?: CpioFormat;
	readonly signal?: AbortSignal | undefined;
	/**
	 * An empty buffer to fill, always of one size. The bytes that are yielded lie in it; whoever gets them says when
	 * it may be used again by giving it out again. A new one each time unless told.
	 */
	readonly take?: () => Promise<Uint8Array> | Uint8Array;
}

export const fillSize: number = 1024 * 1024;

/**
 * The bytes of a planned archive in large pieces, files read as their turn comes. Reading is synchronous: for
 * thousands of small files that is several times faster than a trip to the thread pool for each; in between, at
 * every piece, the event loop gets its turn.
 */
export async function* fill(
	plan: Plan<ContentRef>,
	options: FillOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
	const take = options.take ?? (() => Buffer.allocUnsafeSlow(fillSize + 1));
	// The last byte of every buffer is never yielded: it is where a file shows that it grew.
	let buffer = await take();
	let room = buffer.length - 1;
	let at = 0;
	const { format = "newc" } = options;
	for (const chunk of chunksOf(plan, { format })) {
		if (chunk instanceof Uint8Array) {
			if (chunk.length >= gatherBelow) {
				if (at > 0) {
					yield buffer.subarray(0, at);
					buffer = await take();
					room = buffer.length - 1;
					at = 0;
				}
				yield chunk;
				continue;
			}
			for (let from = 0; from < chunk.length; ) {
				const length = Math.min(chunk.length - from, room - at);
				buffer.set(chunk.subarray(from, from + length), at);
				from += length;
				at += length;
				if (at === room) {
					yield buffer.subarray(0, at);
					options.signal?.throwIfAborted();
					buffer = await take();
					room = buffer.length - 1;
					at = 0;
				}
			}
		} else if ("stream" in chunk.ref) {
			if (at > 0) {
				yield buffer.subarray(0, at);
				buffer = await take();
				at = 0;
			}
			yield* exactly(chunk as Splice<{ stream: () => AsyncIterable<Uint8Array> }>, options.signal);
		} else {
			const reader = new FileReader(chunk.ref, chunk.size);
			try {
				while (reader.left > 0) {
					at += reader.read(buffer, at, room - at);
					if (at === room) {
						yield buffer.subarray(0, at);
						options.signal?.throwIfAborted();
						buffer = await take();
						room = buffer.length - 1;
						at = 0;
					}
				}
			} finally {
				reader.close();
			}
		}
	}
	if (at > 0) yield buffer.subarray(0, at);
}

/** The chunks of a stream, which must be as many bytes as was said. */
async function* exactly(
	splice: Splice<{ stream: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array> }>,
	signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
	let left = splice.size;
	for await (const chunk of splice.ref.stream()) {
		signal?.throwIfAborted();
		left -= chunk.length;
		if (left < 0) break;
		yield chunk;
	}
	if (left === 0) return;
	throw new EkexecError<InitrdCode>(
		"failed",
		"INITRD_CHANGED",
		"stream is not as long as was said",
		{
			expected: `${splice.size} bytes`,
			found: left < 0 ? "more" : `${splice.size - left} bytes`,
		},
	);
}
