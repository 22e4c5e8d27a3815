import { getEventListeners } from "node:events";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { ByteSource, type Codec, codecs } from "../../src/compress/index.ts";
import { collect, pieces, sample } from "./support.ts";

// Types forbid both; programs without types do it all the same, and must not wait for ever.
test("bytes as they are count as one chunk", async () => {
	const source = new ByteSource(Uint8Array.of(1, 2, 3));
	expect(await source.exactly(3, "all")).toEqual(Uint8Array.of(1, 2, 3));
	expect(await source.atEnd()).toBe(true);
});

test.each([[[1, 2, 3]], ["text"]])("chunks that are no bytes are refused: %j", async (chunks) => {
	const read = async () => new ByteSource(chunks as unknown as Iterable<Uint8Array>).next();
	await expect(read()).rejects.toThrow(TypeError);
});

test("bytes of another realm are bytes", async () => {
	const foreign = runInNewContext("[Uint8Array.of(1, 2)]") as Uint8Array[];
	expect(await collect(codecs.none.decode(new ByteSource(foreign)))).toEqual(Uint8Array.of(1, 2));
});

test("a producer that fails because its reader gave up is no unheard rejection", async () => {
	const reader = new AbortController();
	const unheard: unknown[] = [];
	const hear = (error: unknown): void => void unheard.push(error);
	process.on("unhandledRejection", hear);
	const next = (): Promise<never> => {
		reader.abort(new Error("given up"));
		return Promise.reject(new Error("producer failed"));
	};
	const source = new ByteSource({ [Symbol.asyncIterator]: () => ({ next }) });
	source.heed(reader.signal);
	await expect(source.next()).rejects.toThrow("given up");
	await new Promise((resolve) => setImmediate(resolve));
	process.off("unhandledRejection", hear);
	expect(unheard).toEqual([]);
});

/** Some bytes, and then nothing for ever. */
async function* stuck(...first: Uint8Array[]): AsyncGenerator<Uint8Array> {
	yield* first;
	await new Promise(() => {});
}

describe.each(Object.values(codecs))("$name", (codec: Codec) => {
	const reason = new Error("enough");
	const soon = (): AbortSignal => {
		const control = new AbortController();
		setTimeout(() => control.abort(reason), 20);
		return control.signal;
	};
	const drain = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
		for await (const _chunk of chunks);
	};

	test("compressing what does not come ends with an abort", async () => {
		// Nothing is there to be tested where Node has no zstd.
		if (codec.cannotCompress !== undefined) return;
		const making = drain(codec.compress(stuck(new Uint8Array(10)), { signal: soon() }));
		await expect(making).rejects.toBe(reason);
	});

	test("reading what does not come ends with an abort, whoever made the source", async () => {
		const head = { none: [1], gzip: [0x1f, 0x8b, 8], xz: [0xfd, 0x37], zstd: [0x28, 0xb5] };
		const source = new ByteSource(stuck(Uint8Array.from(head[codec.name])));
		await expect(drain(codec.decode(source, { signal: soon() }))).rejects.toBe(reason);
	});

	test("bytes as they are can be compressed, and a producer is closed after an abort", async () => {
		if (codec.cannotCompress !== undefined) return;
		const content = sample(1000);
		const bare = content as unknown as Iterable<Uint8Array>;
		const packed = await collect(codec.compress(bare));
		expect(await collect(codec.decode(new ByteSource([packed])))).toEqual(content);
		let closed = false;
		const producer = (async function* () {
			try {
				for (;;) {
					await new Promise((resolve) => setTimeout(resolve, 5));
					yield content;
				}
			} finally {
				closed = true;
			}
		})();
		const making = drain(codec.compress(producer, { signal: soon() }));
		await expect(making).rejects.toBe(reason);
		await new Promise((resolve) => setTimeout(resolve, 20));
		expect(closed).toBe(true);
	});

	test("a decoder's signal is its own", async () => {
		if (codec.cannotCompress !== undefined || codec.name === "none") return;
		const packed = await collect(codec.compress([sample(1000)]));
		const source = new ByteSource([packed, Uint8Array.of(7)][Symbol.iterator]());
		const control = new AbortController();
		await collect(codec.decode(source, { signal: control.signal }));
		control.abort(reason);
		expect(await source.next()).toEqual(Uint8Array.of(7));
	});

	test("no wait leaves a listener behind", async () => {
		if (codec.cannotCompress !== undefined) return;
		const { signal } = new AbortController();
		const most = { listeners: 0 };
		const chunks = (async function* () {
			for (let i = 0; i < 20; i++) {
				most.listeners = Math.max(most.listeners, getEventListeners(signal, "abort").length);
				yield Uint8Array.of(i);
			}
		})();
		const packed = await collect(codec.compress(chunks, { signal }));
		await collect(codec.decode(new ByteSource(pieces(packed, 1)), { signal }));
		expect(most.listeners).toBeLessThanOrEqual(2);
		expect(getEventListeners(signal, "abort")).toEqual([]);
	});
});

// Not zstd: its engine is fed beside the reading, and what feeds it may have nothing to say for long.
test.each([codecs.none, codecs.gzip, codecs.xz])(
	"$name: a producer no longer wanted is closed, and waited for",
	async (codec) => {
		let closed = false;
		const endless = (async function* () {
			try {
				for (;;) yield sample(100_000);
			} finally {
				await new Promise((resolve) => setImmediate(resolve));
				closed = true;
			}
		})();
		for await (const _chunk of codec.compress(endless, { level: 1, block: 64 * 1024 })) break;
		expect(closed).toBe(true);
	},
);
