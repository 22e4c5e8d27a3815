import { availableParallelism } from "node:os";
import type { Worker } from "node:worker_threads";
import { crc32 } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { equal } from "../../src/bytes/index.ts";
import { ByteSource, codecs, decompress } from "../../src/compress/index.ts";
import { type BlockCoder, threadCoder } from "../../src/compress/workers.ts";
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

	test("one that stops reading does not keep others from it", async () => {
		for await (const chunk of decompress([packed], { threads: 2 })) {
			expect(chunk.length).toBeGreaterThan(0);
			break;
		}
		expect(equal(await collect(decompress([packed], { threads: 2 })), content)).toBe(true);
	});

	test("more than 4 MiB in more blocks than may be on their way at a time", async () => {
		const small = { level: 0, block: 9000 };
		const blocks = new Uint8Array(await collect(codecs.xz.compress([content], small)));
		expect(equal(await collect(decompress([blocks], { threads: 2 })), content)).toBe(true);
	});

	/** The same file, whose blocks say that they need no more than 4 KiB of dictionary. */
	const belittled = (file: Uint8Array): Uint8Array => {
		const changed = Uint8Array.from(file);
		const view = new DataView(changed.buffer);
		for (let at = 12; changed[at] !== 0; ) {
			const size = ((changed[at] ?? 0) + 1) * 4;
			let next = at + 2;
			const number = (): number => {
				let value = 0;
				for (let weight = 1; ; weight *= 128) {
					const byte = changed[next++] ?? 0;
					value += (byte % 128) * weight;
					if (byte < 128) return value;
				}
			};
			const stored = number();
			number();
			expect(changed[next]).toBe(0x21);
			changed[next + 2] = 0;
			view.setUint32(at + size - 4, crc32(changed.subarray(at, at + size - 4)), true);
			at += size + stored + ((4 - (stored % 4)) % 4) + (file[7] === 4 ? 8 : 4);
		}
		return changed;
	};

	test.each([
		["in threads", 3],
		["by liblzma", 1],
	])("a distance beyond the dictionary is refused, %s", async (_name, times) => {
		const once = sample(700_000, 22);
		const far = new Uint8Array(1_400_000 * times);
		for (let i = 0; i < 2 * times; i++) far.set(once, i * 700_000);
		const options = { level: 1, block: 1_400_000 };
		const whole = new Uint8Array(await collect(codecs.xz.compress([far], options)));
		expect(equal(await collect(decompress([whole], { threads: 2 })), far)).toBe(true);
		const code = await codeOf(collect(decompress([belittled(whole)], { threads: 2 })));
		expect(code).toBe("COMPRESS_CORRUPT");
	});
});

describe("xz in small blocks", () => {
	test("as many as there may be on their way, and more", async () => {
		for (const blocks of [256, 300]) {
			const content = sample(blocks * 4096, 23);
			const packed = await collect(codecs.xz.compress([content], { level: 0, block: 4096 }));
			expect(equal(await collect(decompress([packed])), content)).toBe(true);
		}
	});

	test("what is unpacked ahead of a slow reader is in proportion to the input", async () => {
		const MiB = 2 ** 20;
		const zeros = new Uint8Array(4 * MiB);
		const content = Array.from({ length: 40 }, () => zeros);
		const packed = await collect(codecs.xz.compress(content, { level: 0, block: 4 * MiB }));
		const before = process.memoryUsage();
		const unpacking = decompress([packed]);
		let most = 0;
		await unpacking.next();
		for (let i = 0; i < 20; i++) {
			await new Promise((resolve) => setTimeout(resolve, 50));
			const { external } = process.memoryUsage();
			most = Math.max(most, external - before.external);
		}
		await unpacking.return();
		// 16 MiB from the start, what a kilobyte of input earns, and a piece a lane beyond.
		expect(most).toBeLessThan(64 * MiB);
	});

	test("what has come is given although more is to come", async () => {
		const content = sample(100_000, 24);
		const packed = new Uint8Array(
			await collect(codecs.xz.compress([content], { level: 0, block: 10_000 })),
		);
		async function* slow(): AsyncGenerator<Uint8Array> {
			yield packed.subarray(0, packed.length - 40);
			await new Promise(() => {});
		}
		const unpacking = decompress(slow());
		let given = 0;
		while (given < content.length) given += (await unpacking.next()).value?.length ?? 0;
		expect(given).toBe(content.length);
	});
});

describe("a thread", () => {
	const start = { skip: 0, dictionary: 2 ** 20, check: 0 };
	// A chunk that is not compressed, and the end marker: "ab".
	const block = (): Uint8Array<ArrayBuffer> => Uint8Array.from([1, 0, 1, 97, 98, 0]);

	/** More coders than threads may be waiting for work, and those of their threads that are new. */
	const many = async (): Promise<{ coders: BlockCoder[]; workers: Worker[] }> => {
		const workers: Worker[] = [];
		const heard = (worker: Worker) => void workers.push(worker);
		process.on("worker", heard);
		const coders = Array.from({ length: availableParallelism() + 1 }, () => threadCoder(start));
		await new Promise((resolve) => setImmediate(resolve));
		process.off("worker", heard);
		expect(workers.length).toBeGreaterThan(0);
		return { coders, workers };
	};

	test("that died while it had nothing to do is not asked again", async () => {
		const { coders, workers } = await many();
		for (const coder of coders) expect((await coder.step(block())).ended).toBe(true);
		// The newest first: the last one is not kept.
		for (const coder of coders.reverse()) coder.close();
		for (const worker of workers) await worker.terminate();
		for (const coder of (await many()).coders) {
			expect((await coder.step(block())).ended).toBe(true);
			coder.close();
		}
	});

	test("that was broken off in the middle of a block is not kept", async () => {
		const { coders, workers } = await many();
		const ended = workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
		const begun = Uint8Array.from([1, 0, 1, 97, 98]);
		for (const coder of coders) expect((await coder.step(begun.slice())).ended).toBe(false);
		for (const coder of coders) coder.close();
		await Promise.all(ended);
	});

	test("that dies at its work fails it", async () => {
		const { coders, workers } = await many();
		// The newest is the last one's.
		const step = coders.at(-1)?.step(block());
		void workers.at(-1)?.terminate();
		await expect(step).rejects.toThrow("thread ended");
		for (const coder of coders) coder.close();
	});
});
