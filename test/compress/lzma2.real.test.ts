import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { equal } from "../../src/bytes/index.ts";
import { Lzma2Decoder } from "../../src/compress/lzma2/block.ts";
import { buildLzma2 } from "../../src/compress/lzma2/build.ts";
import { missing } from "../support/programs.ts";
import { sample } from "./support.ts";

test("lzma2.c compiles without a warning, and what comes of it unpacks", () => {
	expect(missing("clang", "ld.lld")).toBe("");
	const decoder = new Lzma2Decoder(buildLzma2());
	const file = new URL("../../fixtures/compress/good/crc64.xz", import.meta.url);
	const block = new Uint8Array(readFileSync(file)).subarray(12);
	decoder.begin({ skip: 4 * ((block[0] ?? 0) + 1), dictionary: 2 ** 23, check: 4 });
	const { output, ended } = decoder.step(block);
	expect(ended).toBe(true);
	expect(equal(output, sample(24_000))).toBe(true);
});
