import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { concat } from "../../src/bytes/index.ts";
import type { SkippingIterator } from "../../src/compress/index.ts";
import { type CpioEntry, headerSize, packCpio } from "../../src/cpio/index.ts";
import { fileChunks, type Segment, scanInitrd } from "../../src/initrd/index.ts";

async function temporary(): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), "ekexec-skip-"));
	onTestFinished(() => rm(folder, { recursive: true, force: true }));
	return folder;
}

/** Bytes in pieces of one size, which can be skipped; counts what is handed out and whether it was closed. */
class Pieces implements SkippingIterator {
	given = 0;
	closed = false;
	readonly #bytes: Uint8Array;
	readonly #size: number;
	#at = 0;

	constructor(bytes: Uint8Array, size: number) {
		this.#bytes = bytes;
		this.#size = size;
	}

	[Symbol.asyncIterator](): this {
		return this;
	}

	async next(): Promise<IteratorResult<Uint8Array>> {
		const value = this.#bytes.subarray(this.#at, this.#at + this.#size);
		this.#at += value.length;
		this.given += value.length;
		return value.length === 0 ? { done: true, value: undefined } : { done: false, value };
	}

	skip(count: number): number {
		const passed = Math.min(count, this.#bytes.length - this.#at);
		this.#at += passed;
		return passed;
	}

	async return(): Promise<IteratorReturnResult<undefined>> {
		this.closed = true;
		return { done: true, value: undefined };
	}
}

/** Names, sizes and segments that a scan tells, or its error. */
async function told(from: Pieces | readonly Uint8Array[], data: boolean): Promise<unknown> {
	const entries: string[] = [];
	let bytes = 0;
	try {
		const segments: readonly Segment[] = await scanInitrd(from, {
			event(event) {
				if (event.type === "entry") entries.push(`${event.entry.offset} ${event.entry.name}`);
				if (event.type === "data") bytes += event.bytes.length;
			},
			wantsData: () => data,
		});
		if (!data) expect(bytes).toBe(0);
		return { entries, segments };
	} catch (error) {
		const { code, details } = error as { code: string; details: { offset: number } };
		return { entries, code, offset: details.offset };
	}
}

const entries = fc.array(
	fc.record({
		name: fc.stringMatching(/^[a-z]{1,4}$/),
		size: fc.integer({ min: 0, max: 300 }),
		checked: fc.boolean(),
	}),
	{ maxLength: 8 },
);

test("passing over data tells the same as reading it, whatever the pieces and wherever it ends", async () => {
	await fc.assert(
		fc.asyncProperty(
			entries,
			fc.integer({ min: 1, max: 400 }),
			fc.nat({ max: 3000 }),
			async (wanted, size, cut) => {
				const files = new Map(wanted.map(({ name, size }) => [name, size]));
				const tree = [...files].map(
					([name, length]): CpioEntry<never> => ({
						kind: "file",
						name,
						content: new Uint8Array(length).fill(7),
					}),
				);
				const format = wanted[0]?.checked === true ? "crc" : "newc";
				const plain = packCpio(tree, { format });
				const whole = concat([plain, gzipSync(plain)]);
				const bytes = cut < whole.length ? whole.subarray(0, cut) : whole;
				const pieces = new Pieces(bytes, size);
				expect(await told(pieces, false)).toEqual(await told([bytes], true));
				expect(pieces.closed).toBe(true);
			},
		),
	);
});

test("what is passed over is not even brought", async () => {
	const content = new Uint8Array(1_000_000);
	const pieces = new Pieces(packCpio([{ kind: "file", name: "a", content }]), headerSize);
	await scanInitrd(pieces, { wantsData: () => false });
	expect(pieces.given).toBeLessThan(1000);
});

describe("a file on disk", () => {
	test("a file of 3 GiB is listed by its headers", async () => {
		const path = join(await temporary(), "large");
		const size = 3 * 1024 ** 3;
		const empty = packCpio([{ kind: "file", name: "a" }]);
		const head = empty.slice(0, 112);
		head.set(Buffer.from(size.toString(16).padStart(8, "0")), 6 + 6 * 8);
		const file = await open(path, "w");
		await file.write(head);
		await file.write(empty, 112, empty.length - 112, 112 + size);
		await file.close();
		let read = 0;
		const [segment] = await scanInitrd(
			fileChunks(path, { progress: { update: () => read++, end: () => {} } }),
			{ wantsData: () => false },
		);
		expect(segment).toMatchObject({ entries: 1, dataSize: size, length: size + empty.length });
		expect(read).toBeLessThan(5);
	});

	test("it is never passed over beyond its end", async () => {
		const path = join(await temporary(), "short");
		await writeFile(path, "0123456789");
		const chunks = fileChunks(path, { start: 2, end: 8 });
		expect(chunks.skip(1)).toBe(0); // not open yet
		expect(Buffer.from((await chunks.next()).value ?? []).toString()).toBe("234567");
		expect(chunks.skip(1)).toBe(0);
		expect(await chunks.next()).toEqual({ done: true, value: undefined });
	});

	test("it is closed when the scan fails", async () => {
		const path = join(await temporary(), "bad");
		await writeFile(path, "no initrd at all");
		let ended = 0;
		const chunks = fileChunks(path, { progress: { update: () => {}, end: () => ended++ } });
		await expect(scanInitrd(chunks)).rejects.toMatchObject({ code: "INITRD_SEGMENT" });
		expect(ended).toBe(1);
		expect(await chunks.next()).toEqual({ done: true, value: undefined });
	});
});
