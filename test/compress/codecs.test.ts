import { describe, expect, test } from "vitest";
import { equal } from "../../src/bytes/index.ts";
import { ByteSource, type Codec, codecs, decompress } from "../../src/compress/index.ts";
import { collect, pieces, sample } from "./support.ts";

const writing = Object.values(codecs).filter((codec) => codec.cannotCompress === undefined);
const framed = writing.filter((codec) => codec.name !== "none");
const contents: readonly (readonly [string, Uint8Array])[] = [
	["nothing", new Uint8Array(0)],
	["a byte", Uint8Array.of(7)],
	["zeros", new Uint8Array(300_000)],
	["a mixture", sample(700_000)],
	["noise", sample(5000, 99)],
];

const pack = (codec: Codec, content: Uint8Array, size = 100_000) =>
	collect(codec.compress(pieces(content, size), { level: 3, block: 256 * 1024, threads: 2 }));

describe.each(writing.map((codec) => [codec.name, codec] as const))("%s", (_name, codec) => {
	test.each(contents)("%s comes back", async (_what, content) => {
		const packed = await pack(codec, content);
		const source = new ByteSource(pieces(packed, 5, 1, 3, 40_000));
		expect(equal(await collect(codec.decode(source)), content)).toBe(true);
		expect(source.offset).toBe(packed.length);
	});

	test("how the content was cut changes no byte", async () => {
		const content = sample(600_000, 3);
		const whole = await pack(codec, content, content.length);
		expect(equal(await pack(codec, content, 1777), whole)).toBe(true);
	});
});

describe.each(framed.map((codec) => [codec.name, codec] as const))("%s", (_name, codec) => {
	test("ends exactly where its stream ends", async () => {
		const content = sample(90_000, 4);
		const packed = await pack(codec, content);
		const rest = sample(70_000, 5);
		for (const size of [1, 7, 4096, packed.length, packed.length + 1, 10 ** 6]) {
			const both = new Uint8Array([...packed, ...rest]);
			const source = new ByteSource(pieces(both, size), { base: 11 });
			expect(equal(await collect(codec.decode(source)), content)).toBe(true);
			expect(source.offset).toBe(packed.length + 11);
			expect(equal(await collect(codecs.none.decode(source)), rest)).toBe(true);
		}
	});

	test("several streams with padding are one content", async () => {
		const [a, b] = [sample(9000, 6), sample(12_000, 7)];
		const zeros = new Uint8Array(8);
		const packed = [await pack(codec, a), zeros, await pack(codec, b), zeros, zeros];
		const joined = new Uint8Array(packed.flatMap((part) => [...part]));
		const content = new Uint8Array([...a, ...b]);
		expect(equal(await collect(decompress(pieces(joined, 501))), content)).toBe(true);
	});
});

test("an input that is given up is closed, however the reading ended", async () => {
	for (const [bytes, ends] of [
		[new TextEncoder().encode("no compressed data"), "throws"],
		[await pack(codecs.gzip, sample(300_000)), "is left"],
		[await pack(codecs.gzip, sample(10)), "ends"],
	] as const) {
		let closed = false;
		const chunks = (async function* () {
			try {
				yield* pieces(bytes, 1000);
			} finally {
				closed = true;
			}
		})();
		const reading = (async () => {
			for await (const _ of decompress(chunks)) if (ends === "is left") break;
		})();
		if (ends === "throws")
			await expect(reading).rejects.toMatchObject({ code: "COMPRESS_UNKNOWN" });
		else await reading;
		expect(closed, ends).toBe(true);
	}
});

test("an input that never comes is no reason to wait once it is given up", async () => {
	const never: AsyncIterable<Uint8Array> = {
		[Symbol.asyncIterator]: () => ({
			next: () => new Promise(() => {}),
			return: () => new Promise(() => {}),
		}),
	};
	const controller = new AbortController();
	const reading = collect(decompress(never, { signal: controller.signal }));
	controller.abort(new Error("enough"));
	await expect(reading).rejects.toThrow("enough");
});
