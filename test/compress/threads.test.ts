import { beforeAll, describe, expect, test } from "vitest";
import { equal } from "../../src/bytes/index.ts";
import { ByteSource, codecs, decompress } from "../../src/compress/index.ts";
import { codeOf, collect, pieces, sample } from "./support.ts";

// Above 4 MiB of content, threads with our own LZMA2 decoder do the work: below, lzma-native.
describe("xz large enough for threads", () => {
	const content = sample(4_800_000, 21);
	let packed = new Uint8Array(0);
	beforeAll(async () => {
		packed = new Uint8Array(
			await collect(codecs.xz.compress([content], { level: 0, block: 600_000 })),
		);
	});

	test.each([1, 2, 5])("%i at a time", async (threads) => {
		const source = new ByteSource(pieces(new Uint8Array([...packed, 7, 7]), 100_000));
		expect(equal(await collect(codecs.xz.decode(source, { threads })), content)).toBe(true);
		expect(source.offset).toBe(packed.length);
	});

	test("a bit turned anywhere is found, and what comes before it is given", async () => {
		for (let i = 1; i < 5; i++) {
			const at = Math.floor((i * packed.length) / 5);
			const turned = Uint8Array.from(packed);
			turned[at] = (turned[at] ?? 0) ^ 4;
			let given = 0;
			const drain = async () => {
				for await (const chunk of decompress([turned], { threads: 2 })) {
					expect(equal(chunk, content.subarray(given, given + chunk.length))).toBe(true);
					given += chunk.length;
				}
			};
			const code = await codeOf(drain());
			expect(["COMPRESS_CORRUPT", "COMPRESS_CHECKSUM", "COMPRESS_TRUNCATED"]).toContain(code);
		}
	});

	test("cut short it is refused", async () => {
		for (const length of [packed.length - 1, packed.length - 30, packed.length / 2, 500_000]) {
			const cut = packed.subarray(0, Math.floor(length));
			expect(await codeOf(collect(decompress([cut], { threads: 2 })))).toBe("COMPRESS_TRUNCATED");
		}
	});

	test("one that stops reading leaves nothing running", async () => {
		for await (const chunk of decompress([packed], { threads: 2 })) {
			expect(chunk.length).toBeGreaterThan(0);
			break;
		}
		expect(equal(await collect(decompress([packed], { threads: 2 })), content)).toBe(true);
	});
});
