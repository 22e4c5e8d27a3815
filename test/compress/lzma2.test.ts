import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { equal } from "../../src/bytes/index.ts";
import { Lzma2Decoder } from "../../src/compress/lzma2/block.ts";
import { sample } from "./support.ts";

const content = sample(24_000);
const read = (name: string) =>
	new Uint8Array(
		readFileSync(fileURLToPath(new URL(`../../fixtures/compress/good/${name}`, import.meta.url))),
	);

/** The first block of a file: where its data begins, and a decoder that has begun it. */
function begun(name: string): { bytes: Uint8Array; decoder: Lzma2Decoder } {
	const file = read(name);
	const skip = 4 * ((file[12] ?? 0) + 1);
	const decoder = new Lzma2Decoder();
	decoder.begin({ skip, dictionary: 2 ** 23, check: file[7] ?? 0 });
	return { bytes: file.subarray(12), decoder };
}

describe("our own decoder of blocks", () => {
	test.each(["crc64.xz", "crc32.xz", "sha256.xz", "unchecked.xz"])(
		"%s in one piece, the check verified",
		(name) => {
			const { bytes, decoder } = begun(name);
			const { output, ended } = decoder.step(bytes);
			expect(equal(output, content)).toBe(true);
			expect(ended).toBe(true);
		},
	);

	test.each(["crc64.xz", "crc32.xz", "sha256.xz"])("%s, any bit turned, is refused", (name) => {
		const length = read(name).length - 12 - 4 * ((read(name)[12] ?? 0) + 1) - 40;
		for (let i = 0; i < 150; i++) {
			const { bytes, decoder } = begun(name);
			const skip = 4 * ((bytes[0] ?? 0) + 1);
			const at = skip + Math.floor((i * length) / 150);
			const turned = Uint8Array.from(bytes);
			turned[at] = (turned[at] ?? 0) ^ (1 << (i % 8));
			let outcome = "accepted";
			try {
				if (!decoder.step(turned).ended) outcome = "unfinished";
			} catch (error) {
				// What the walker in front of it would have found: a chunk longer than there are bytes.
				outcome = error instanceof Error ? error.constructor.name : "?";
			}
			expect(["Lzma2Fault", "RangeError", "RuntimeError", "unfinished"]).toContain(outcome);
		}
	});

	test("one whose window grew large is not kept", () => {
		const decoder = new Lzma2Decoder();
		decoder.begin({ skip: 0, dictionary: 2 ** 26, check: 0 });
		expect(decoder.reusable).toBe(true);
		// Chunks of 64 kB that are not compressed, the first one with a new dictionary.
		const chunk = new Uint8Array(3 + 65_536);
		for (let i = 0; i < 2000; i++) {
			chunk.set([i === 0 ? 1 : 2, 0xff, 0xff]);
			decoder.step(chunk);
		}
		expect(decoder.reusable).toBe(false);
	});
});
