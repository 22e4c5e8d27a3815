import * as zlib from "node:zlib";
import { afterEach, describe, expect, test, vi } from "vitest";
import { concat, equal } from "../../src/bytes/index.ts";
import {
	ByteSource,
	type Chunks,
	codecs,
	type DecompressOptions,
	decompress,
} from "../../src/compress/index.ts";
import { decodeZstd } from "../../src/compress/zstd-coder.ts";
import { unpackFrame } from "../../src/compress/zstd-frame.ts";
import { codeOf, collect, pieces, sample } from "./support.ts";

// Streams made by hand, RFC 8878: what no encoder writes, and what one would need much content for.

const KIB = 1024;
const MIB = 1024 * KIB;

interface BlockPlan {
	readonly kind: 0 | 1 | 2;
	/** Of raw and compressed blocks the body's length, of RLE blocks the content's. */
	readonly size: number;
	readonly body: Uint8Array | readonly number[];
}

const raw = (body: Uint8Array): BlockPlan => ({ kind: 0, size: body.length, body });
const rle = (byte: number, size: number): BlockPlan => ({ kind: 1, size, body: [byte] });
const compressed = (body: readonly number[]): BlockPlan => ({ kind: 2, size: body.length, body });

/** 3.1.1: a frame whose window is 2^(10 + `exponent`) bytes, without size and checksum. */
function frame(exponent: number, ...blocks: BlockPlan[]): Uint8Array {
	const parts = [Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, exponent * 8)];
	for (const [i, { kind, size, body }] of blocks.entries()) {
		const head = (i === blocks.length - 1 ? 1 : 0) + kind * 2 + size * 8;
		parts.push(Uint8Array.of(head, head >>> 8, head >>> 16), Uint8Array.from(body));
	}
	return concat(parts);
}

/** 3.1.2 */
function skippable(length: number): Uint8Array {
	return Uint8Array.of(
		0x5a,
		0x2a,
		0x4d,
		0x18,
		length,
		0,
		0,
		0,
		...new Uint8Array(length).fill(0x28),
	);
}

/** 4.1: bits in the order in which they are read, as a bitstream read backwards; [value, width] each. */
function backwards(...fields: (readonly [number, number])[]): number[] {
	let all = 1n;
	for (const [value, width] of fields) all = all * 2n ** BigInt(width) + BigInt(value);
	const bytes: number[] = [];
	for (; all > 0n; all /= 256n) bytes.push(Number(all % 256n));
	return bytes;
}

/** Value as code and extra bits where each code spans a power of two. */
function logarithmic(value: number): { code: number; bits: readonly [number, number] } {
	const code = Math.floor(Math.log2(value));
	return { code, bits: [value - 2 ** code, code] };
}

/**
 * 3.1.1.3: a block of one sequence, its codes in RLE mode or, by `modes`, repeated: up to 15 literals, then a match.
 * `offset` is a distance, or the number of a recent one, negative. A match has 3 to 34 or at least 131 bytes.
 */
function sequence(literals: Uint8Array, offset: number, length: number, modes = 0x54): BlockPlan {
	const { code, bits } = logarithmic(offset < 0 ? -offset : offset + 3);
	const long = logarithmic(Math.max(1, length - 3));
	const match = length < 35 ? { code: length - 3, bits: [0, 0] as const } : long;
	return compressed([
		literals.length * 8,
		...literals,
		1,
		modes,
		...[literals.length, code, match.code + (length < 35 ? 0 : 36)].filter(
			(_code, i) => ((modes >>> (6 - 2 * i)) & 3) === 1,
		),
		...backwards(bits, match.bits),
	]);
}

/** 3.1.1.3.1: a block of nothing but literals under a Huffman tree; `kind` 3 is without one of its own. */
function huffman(
	tree: readonly number[],
	count: number,
	stream: readonly number[],
	kind = 2,
): BlockPlan {
	const head = kind + count * 16 + (tree.length + stream.length) * 2 ** 14;
	return compressed([head & 255, (head >>> 8) & 255, head >>> 16, ...tree, ...stream, 0]);
}

const own = (chunks: Chunks, options: DecompressOptions = {}) =>
	(async function* () {
		const source = new ByteSource(chunks);
		while (!(await source.atEnd())) yield* decodeZstd(source, options, unpackFrame);
	})();

const decoders = [
	["own", unpackFrame],
	["of this Node", undefined],
] as const;

/** By Node's own library, where there is one. */
const byNode = (zlib as { zstdDecompressSync?: (bytes: Uint8Array) => Uint8Array })
	.zstdDecompressSync;

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<number> {
	let size = 0;
	for await (const chunk of chunks) size += chunk.length;
	return size;
}

function many(count: number, part: Uint8Array): Uint8Array {
	const all = new Uint8Array(count * part.length);
	for (let i = 0; i < count; i++) all.set(part, i * part.length);
	return all;
}

const letter = (text: string) => new TextEncoder().encode(text);
const tiny = frame(0, raw(letter("A")));

afterEach(() => {
	vi.unstubAllGlobals();
});

describe("much content", () => {
	/** Blocks of all kinds; matches reach as far back as the window does, time and again. */
	function build(exponent: number, total: number): { packed: Uint8Array; content: Uint8Array } {
		const window = 2 ** (10 + exponent);
		const most = Math.min(window, 128 * KIB);
		const content = new Uint8Array(total + most);
		const noise = sample(2 * 128 * KIB, exponent + 1);
		const blocks: BlockPlan[] = [];
		let state = exponent;
		const below = (limit: number) => {
			state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
			return Math.floor((state / 2 ** 32) * limit);
		};
		let end = 0;
		while (end < total) {
			const kind = end === 0 ? 0 : below(4);
			const size = 1 + below(most);
			if (kind === 0) {
				const body = noise.subarray(size, size + size);
				content.set(body, end);
				blocks.push(raw(body));
				end += body.length;
			} else if (kind === 1) {
				content.fill(size % 256, end, end + size);
				blocks.push(rle(size % 256, size));
				end += size;
			} else {
				const literals = noise.subarray(size, size + below(16));
				const room = most - literals.length;
				const length = room < 131 || below(3) === 0 ? 3 + below(32) : 131 + below(room - 130);
				content.set(literals, end);
				end += literals.length;
				const reach = Math.min(window, end);
				const offset = below(2) === 0 ? reach : 1 + below(reach);
				for (let i = 0; i < length; i++, end++) content[end] = content[end - offset] ?? 0;
				blocks.push(sequence(literals, offset, length));
			}
		}
		return { packed: frame(exponent, ...blocks), content: content.subarray(0, end) };
	}

	test.each([
		["1 KiB", 0, 2 * MIB],
		["64 KiB", 6, 4 * MIB],
		["1 MiB", 10, 8 * MIB],
	])("through a window of %s", async (_name, exponent, total) => {
		const { packed, content } = build(exponent, total);
		expect(equal(await collect(own(pieces(packed, 65_536))), content)).toBe(true);
		if (byNode !== undefined) expect(equal(byNode(packed), content)).toBe(true);
	});

	test("a match reaches no further than the window", async () => {
		const noise = sample(MIB);
		const blocks = [...pieces(noise.subarray(0, 600 * KIB), KIB)].map(raw);
		const literals = letter("abc");
		const near = frame(0, ...blocks, sequence(literals, KIB, 20));
		expect((await collect(own([near]))).length).toBe(600 * KIB + 23);
		const far = frame(0, ...blocks, sequence(literals, KIB + 1, 20));
		expect(await codeOf(drain(own([far])))).toBe("COMPRESS_CORRUPT");
	});
});

describe("one frame after the other", () => {
	const noise = sample(4 * KIB, 8);
	/** Leaves behind content, a Huffman tree, tables of sequences and recent offsets. */
	const first = frame(
		2,
		raw(noise),
		huffman([128, 0x10], 2, [0b101]),
		sequence(letter("abc"), 1000, 200),
	);

	test.each([
		["content", [sequence(letter("xyz"), 50, 10)]],
		["a Huffman tree", [huffman([], 2, [0b101], 3)]],
		["literals lengths", [raw(noise), sequence(letter("abc"), 1000, 200, 0xd4)]],
		["offsets", [raw(noise), sequence(letter("abc"), 1000, 200, 0x74)]],
		["match lengths", [raw(noise), sequence(letter("abc"), 1000, 200, 0x5c)]],
		["recent offsets", [sequence(letter("xyz"), -2, 5)]],
	])("%s of the one before cannot be had", async (_what, blocks) => {
		expect(await codeOf(drain(own([first, frame(2, ...blocks)])))).toBe("COMPRESS_CORRUPT");
		expect(await codeOf(drain(own([frame(2, ...blocks)])))).toBe("COMPRESS_CORRUPT");
		// Neither after a frame that was given up.
		for await (const _ of own([first])) break;
		expect(await codeOf(drain(own([frame(2, ...blocks)])))).toBe("COMPRESS_CORRUPT");
	});

	test("recent offsets begin anew", async () => {
		const found = await collect(own([first, frame(2, sequence(letter("vwxyz"), -2, 5))]));
		expect(new TextDecoder().decode(found.subarray(-10))).toBe("vwxyzwxyzw");
	});

	test("several at the same time do not mix", async () => {
		const streams = [3, 4, 5].map((seed) => {
			const content = sample(700 * KIB, seed);
			const blocks = [...pieces(content, 100 * KIB)].map(raw);
			return { content, reading: own([frame(10, ...blocks)]), parts: [] as Uint8Array[] };
		});
		for (let open = streams.length; open > 0; ) {
			open = 0;
			for (const { reading, parts } of streams) {
				const { done, value } = await reading.next();
				if (done === true) continue;
				parts.push(value);
				open += 1;
			}
		}
		for (const { content, parts } of streams) expect(equal(concat(parts), content)).toBe(true);
	});

	test.each([
		["raw", tiny],
		["compressed", frame(10, sequence(letter("a"), 1, 10))],
	])("thousands of small %s ones take no memory each", async (_kind, small) => {
		const bytes = many(3000, small);
		let taken = 0;
		const counting = new Proxy(Uint8Array, {
			construct(target, args: unknown[]) {
				if (typeof args[0] === "number") taken += args[0];
				return Reflect.construct(target, args);
			},
		});
		vi.stubGlobal("Uint8Array", counting);
		await drain(own([bytes]));
		expect(taken).toBeLessThan(2 * MIB);
	});
});

describe("an abort is heard while the input is at hand", () => {
	const empty = { kind: 0, size: 0, body: [] } as const;
	test.each([
		["long runs", frame(10, ...Array.from({ length: 1000 }, () => rle(1, 128 * KIB)))],
		["blocks of nothing", frame(10, ...Array.from({ length: 20_000 }, () => empty))],
		["small frames", many(20_000, tiny)],
		["skippable frames", many(20_000, skippable(1))],
	])("%s", async (_what, bytes) => {
		const control = new AbortController();
		setImmediate(() => control.abort(new Error("enough")));
		await expect(drain(own([bytes], { signal: control.signal }))).rejects.toThrow("enough");
	});
});

describe.each(decoders)("decoder %s", (_name, unpack) => {
	const decode = (source: ByteSource, options = {}) => decodeZstd(source, options, unpack);

	/** 255 weights of 1 at most: two states that stay where they are while the bits are ones. */
	const ones = (weights: number) => {
		const bits = weights + 9;
		const stream = [...new Uint8Array(Math.floor(bits / 8)).fill(255)];
		if (bits % 8 > 0) stream.push(2 ** (bits % 8) - 1);
		return [2 + stream.length, 0x10, 0x3f, ...stream];
	};

	test.each([
		["255 weights, and one implied", huffman(ones(255), 3, [7, 200, 65, 1]), "65,200,7"],
		["256 weights, and one implied", huffman(ones(256), 2, [0b111]), "COMPRESS_CORRUPT"],
		["weights 1 and 1", huffman([128, 0x10], 2, [0b101]), "0,1"],
		["weights 2 and 2", huffman([128, 0x20], 2, [0b101]), "COMPRESS_CORRUPT"],
		["weights 2, 2 and 3", huffman([129, 0x22], 2, [0b111]), "COMPRESS_CORRUPT"],
	])("Huffman tree of %s", async (_what, block, expected) => {
		const work = collect(decode(new ByteSource([frame(0, block)])));
		expect(
			await work.then(
				(found) => found.join(),
				(error: { code: string }) => error.code,
			),
		).toBe(expected);
	});

	test("skippable frames end where no frame follows, to the byte", async () => {
		const zeros = new Uint8Array(5);
		for (const rest of [zeros, letter("0707"), letter("("), Uint8Array.of(0x1f, 0x8b), []]) {
			const bytes = concat([skippable(2), skippable(0), Uint8Array.from(rest)]);
			for (const size of [1, 3, 100]) {
				const source = new ByteSource(pieces(bytes, size), { base: 3 });
				// What the end leaves of a magic is a frame cut short.
				const cut = rest.length === 1;
				expect(await codeOf(drain(decode(source)))).toBe(cut ? "COMPRESS_TRUNCATED" : "no error");
				if (!cut) expect(source.offset).toBe(3 + 18);
			}
		}
		const source = new ByteSource(pieces(concat([skippable(2), tiny, zeros]), 1));
		expect(await collect(decode(source))).toEqual(letter("A"));
		expect(source.offset).toBe(10 + tiny.length);
	});

	test("an impossible size of content is beyond the limit", async () => {
		const size = [0, 0, 0, 0, 0, 0, 0, 0x10];
		for (const rest of [
			[0xe0, ...size],
			[0xc0, 0, ...size],
		]) {
			const bytes = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, ...rest, 1, 0, 0);
			expect(await codeOf(drain(decode(new ByteSource([bytes]))))).toBe("COMPRESS_LIMIT");
		}
	});
});

test("skippable frames between other streams and padding", async () => {
	const gzip = new Uint8Array(zlib.gzipSync("B"));
	const zeros = new Uint8Array(6);
	const text = async (...parts: Uint8Array[]) =>
		new TextDecoder().decode(await collect(decompress(pieces(concat(parts), 7))));
	expect(await text(tiny, skippable(2), zeros)).toBe("A");
	expect(await text(tiny, zeros, skippable(2), zeros, tiny)).toBe("AA");
	expect(await text(skippable(2), gzip)).toBe("B");
	expect(await text(skippable(2), zeros, tiny, gzip, skippable(0))).toBe("AB");
	expect(await text(skippable(2), skippable(0))).toBe("");
	expect(await codeOf(text(skippable(2), letter("nonsense")))).toBe("COMPRESS_TRAILING");
});

describe("size told to the encoder", () => {
	const compress = (size: number) =>
		collect(codecs.zstd.compress([letter("hel"), letter("lo")], { size, level: 1 }));

	test.each([-1, 1.5, Number.NaN, 2 ** 53])("%s is none", async (size) => {
		await expect(compress(size)).rejects.toMatchObject({ code: "COMPRESS_OPTION", kind: "usage" });
	});

	test.each([0, 3, 4, 6, 2 ** 53 - 1])("%s of 5 is wrong", async (size) => {
		const { cannotCompress } = codecs.zstd;
		if (cannotCompress !== undefined) {
			await expect(compress(size)).rejects.toThrow(cannotCompress);
			return;
		}
		await expect(compress(size)).rejects.toMatchObject({
			code: "COMPRESS_OPTION",
			kind: "usage",
			details: { field: "size", expected: `${size} bytes` },
		});
		expect((await compress(5)).subarray(4, 6)).toEqual(Uint8Array.of(0x24, 5));
	});
});
