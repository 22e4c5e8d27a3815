import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { equal } from "../../src/bytes/index.ts";
import { ByteSource, codecOf, codecs, decompress } from "../../src/compress/index.ts";
import { decodeZstd } from "../../src/compress/zstd-coder.ts";
import { unpackFrame } from "../../src/compress/zstd-frame.ts";
import { codeOf, collect, pieces, sample } from "./support.ts";

const folder = fileURLToPath(new URL("../../fixtures/compress", import.meta.url));
const files = (kind: string) => readdirSync(join(folder, kind)).sort();
const read = (...path: string[]) => new Uint8Array(readFileSync(join(folder, ...path)));
const content = sample(24_000);
const expected = (name: string) => (/^(empty|stored)/.test(name) ? new Uint8Array(0) : content);

/** Every codec and our own zstd, which a newer Node would not use. */
async function* own(bytes: Uint8Array, ...sizes: number[]): AsyncGenerator<Uint8Array> {
	const source = new ByteSource(pieces(bytes, ...sizes));
	do {
		await source.skipZeros();
		yield* decodeZstd(source, {}, unpackFrame);
	} while (!(await source.atEnd()));
}

describe("made by other programs", () => {
	test.each(files("good"))("%s", async (name) => {
		const bytes = read("good", name);
		for (const sizes of [[bytes.length], [1], [3, 1, 700]]) {
			const found = await collect(decompress(pieces(bytes, ...sizes)));
			expect(equal(found, expected(name)), `in chunks of ${sizes}`).toBe(true);
			if (!name.endsWith(".zst")) continue;
			expect(equal(await collect(own(bytes, ...sizes)), expected(name))).toBe(true);
		}
	});

	test.each(files("good"))("%s, cut short anywhere, is refused", async (name) => {
		const bytes = read("good", name);
		// Streams that follow one another may be cut between them.
		const several = /members|streams|frames/.test(name);
		const outcomes = new Map<string, number[]>();
		for (let length = 1; length < bytes.length; length += length < 200 ? 1 : 397) {
			const decode = async (cut: Uint8Array) => {
				if (name.endsWith(".zst")) await collect(own(cut, 300));
				await collect(decompress(pieces(cut, 1000)));
			};
			const code = await codeOf(decode(bytes.subarray(0, length)));
			outcomes.set(code, [...(outcomes.get(code) ?? []), length]);
		}
		const allowed = ["COMPRESS_TRUNCATED", "COMPRESS_UNKNOWN"];
		if (several) allowed.push("COMPRESS_TRAILING", "no error");
		expect([...outcomes.keys()].filter((code) => !allowed.includes(code))).toEqual([]);
		// Only what is too short to have a magic may be unknown.
		expect(Math.max(0, ...(outcomes.get("COMPRESS_UNKNOWN") ?? []))).toBeLessThan(6);
	});

	test.each(files("good").filter((name) => !/unchecked|stored/.test(name)))(
		"%s, one bit turned, never gives other content",
		async (name) => {
			const bytes = read("good", name);
			const step = Math.max(1, Math.floor((8 * bytes.length) / 100));
			for (let bit = 0; bit < 8 * bytes.length; bit += step) {
				const turned = Uint8Array.from(bytes);
				const at = Math.floor(bit / 8);
				turned[at] = (turned[at] ?? 0) ^ (1 << (bit % 8));
				for (const decode of [decompress, ...(name.endsWith(".zst") ? [own] : [])]) {
					let found: Uint8Array | undefined;
					const code = await codeOf(
						collect(decode(pieces(turned, turned.length) as never, 4096 as never)).then((all) => {
							found = all;
						}),
					);
					// What no check covers (a name, a time, a skippable frame) may change; the content may not.
					if (code === "no error")
						expect(equal(found ?? content.subarray(1), expected(name))).toBe(true);
					else expect(code).toMatch(/^COMPRESS_/);
				}
			}
		},
	);
});

describe("bombs", () => {
	test.each(files("bomb"))("%s stops at the limit", async (name) => {
		const bytes = read("bomb", name);
		let given = 0;
		const options = { maxOutput: 2 ** 20 };
		const drain = async (chunks: AsyncIterable<Uint8Array>) => {
			for await (const chunk of chunks) given += chunk.length;
		};
		expect(await codeOf(drain(decompress([bytes], options)))).toBe("COMPRESS_LIMIT");
		if (name.endsWith(".zst")) {
			const source = new ByteSource([bytes]);
			expect(await codeOf(drain(decodeZstd(source, options, unpackFrame)))).toBe("COMPRESS_LIMIT");
		}
		expect(given).toBeLessThanOrEqual(2 * 2 ** 20);
	});

	test.each([
		["good/crc64.xz", 2 ** 20],
		["good/nineteen.zst", 2 ** 10],
	])("%s asks for more window than allowed", async (path, maxWindow) => {
		const work = collect(decompress([read(path)], { maxWindow }));
		expect(await codeOf(work)).toBe("COMPRESS_LIMIT");
	});
});

describe("formats that are not read", () => {
	test.each([
		["plain.bz2", "bzip2"],
		["plain.lz4", "lz4"],
		["legacy.lz4", "lz4"],
		["alone.lzma", "lzma"],
	])("%s is named", (file, name) => {
		const bytes = read("foreign", file);
		expect(() => codecOf(bytes.subarray(0, 13), "initrd", 512)).toThrow(
			new RegExp(`initrd, offset 512, field magic: .*found ${name}\\.`),
		);
	});

	test("a zstd dictionary is named", async () => {
		const work = collect(decompress([read("foreign/dictionary.zst")]));
		await expect(work).rejects.toThrow(/zstd dictionary.*dictionary id \d+/);
	});

	test("lzop is named, nonsense is unknown, uncompressed is nothing", async () => {
		const lzop = Uint8Array.of(0x89, 0x4c, 0x5a, 0x4f, 0, 13, 10, 26, 10);
		expect(() => codecOf(lzop)).toThrow(/found lzop/);
		expect(codecOf(new TextEncoder().encode("0707010000"))).toBeUndefined();
		expect(await codeOf(collect(decompress([Uint8Array.of(1, 2, 3)])))).toBe("COMPRESS_UNKNOWN");
		expect(await codeOf(collect(decompress([])))).toBe("COMPRESS_UNKNOWN");
	});

	test("padding behind xz comes in fours", async () => {
		const padded = (zeros: number) => [read("good/crc32.xz"), new Uint8Array(zeros)];
		expect(equal(await collect(decompress(padded(12))), content)).toBe(true);
		expect(await codeOf(collect(decompress(padded(5))))).toBe("COMPRESS_CORRUPT");
	});

	test("a pipe that stays open behind the stream does not hold its content back", async () => {
		for (const path of ["good/plain.gz", "good/crc32.xz", "good/one.zst"]) {
			const bytes = read(path);
			async function* open() {
				yield new Uint8Array([...bytes, 0, 0, 0, 0]);
				await new Promise(() => {});
			}
			const source = new ByteSource(open());
			const codec = codecOf(await source.peek(13));
			expect(equal(await collect(codec?.decode(source) ?? []), content), path).toBe(true);
			expect(source.offset).toBe(bytes.length);
		}
	});

	test("what follows a stream is not passed over", async () => {
		const bytes = new Uint8Array([...read("good/plain.gz"), 1, 2, 3]);
		expect(await codeOf(collect(decompress([bytes])))).toBe("COMPRESS_TRAILING");
	});
});

describe("aborting", () => {
	test.each(["good/plain.gz", "good/blocks.xz", "good/one.zst"])("%s", async (path) => {
		const bytes = read(path);
		const control = new AbortController();
		// Half of the input, then nothing for ever.
		async function* stuck() {
			yield bytes.subarray(0, Math.floor(bytes.length / 2));
			control.abort(new Error("enough"));
			await new Promise(() => {});
		}
		const work = collect(decompress(stuck(), { signal: control.signal }));
		await expect(work).rejects.toThrow("enough");
	});

	test.each(["gzip", "xz"] as const)("compressing with %s", async (name) => {
		const control = new AbortController();
		function* endless() {
			for (;;) {
				yield sample(50_000);
				control.abort(new Error("enough"));
			}
		}
		const work = collect(codecs[name].compress(endless(), { signal: control.signal }));
		await expect(work).rejects.toThrow("enough");
	});
});
