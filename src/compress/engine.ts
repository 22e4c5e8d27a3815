import type { Transform } from "node:stream";

/** A transform of node:zlib: `bytesWritten` is how much of the input it has used. */
export type Engine = Transform & { readonly bytesWritten: number };

/**
 * What an engine makes of the chunks, in order, with backpressure both ways: one write at a time is in flight.
 * Ends when the engine ends, whether or not it wanted all chunks.
 */
export async function* throughEngine(
	engine: Engine,
	chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
	signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
	signal?.throwIfAborted();
	const abort = () => engine.destroy(signal?.reason);
	signal?.addEventListener("abort", abort);
	// Its failure arrives through the engine; a second, unhandled report of it is not wanted.
	const feeding = feed(engine, chunks).catch((error) => {
		engine.destroy(error);
	});
	try {
		yield* engine as AsyncIterable<Uint8Array>;
		await feeding;
	} finally {
		signal?.removeEventListener("abort", abort);
		engine.destroy();
	}
}

/** The same bytes in arrays of `size`, the last one shorter. */
export async function* steps(
	chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
	size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
	let step = new Uint8Array(size);
	let filled = 0;
	for await (const chunk of chunks) {
		for (let at = 0; at < chunk.length; ) {
			if (filled === 0 && chunk.length - at >= size) {
				yield chunk.subarray(at, at + size);
				at += size;
				continue;
			}
			const part = chunk.subarray(at, at + size - filled);
			step.set(part, filled);
			filled += part.length;
			at += part.length;
			if (filled < size) continue;
			yield step;
			step = new Uint8Array(size);
			filled = 0;
		}
	}
	if (filled > 0) yield step.subarray(0, filled);
}

async function feed(
	engine: Engine,
	chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
	for await (const chunk of chunks) {
		if (!(await written(engine, chunk))) return;
	}
	engine.end();
}

/** Writes and waits until the engine has taken the chunk (true), or has come to its end or failed (false). */
function written(engine: Engine, chunk: Uint8Array): Promise<boolean> {
	return new Promise((resolve) => {
		if (engine.destroyed || engine.readableEnded) {
			resolve(false);
			return;
		}
		const stop = () => settle(false);
		const settle = (more: boolean) => {
			engine.off("end", stop);
			engine.off("close", stop);
			resolve(more);
		};
		engine.once("end", stop);
		engine.once("close", stop);
		engine.write(chunk, () => settle(true));
	});
}
