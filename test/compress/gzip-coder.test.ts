import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { concat, equal } from "../../src/bytes/index.ts";
import { ByteSource, codecs, decompress } from "../../src/compress/index.ts";
import { codeOf, collect, pieces, sample } from "./support.ts";

const { gzip } = codecs;

test("members of all lengths follow each other, however the input is cut", async () => {
	// Short ones are unpacked in one go, long ones by an engine; 64 KiB is where one becomes the other.
	const lengths = [0, 1, 0, 100, 16_384, 65_535, 65_536, 65_537, 0, 300_000, 2, 32_768];
	const contents = lengths.map((length, i) => sample(length, i + 1));
	const packed = concat(contents.map((content) => gzipSync(content)));
	const rest = sample(40_000, 99);
	for (const sizes of [[packed.length + rest.length], [1, 2, 3, 20, 61, 4096], [999], [70_001]]) {
		const source = new ByteSource(pieces(concat([packed, rest]), ...sizes));
		for (const content of contents) {
			expect(equal(await collect(gzip.decode(source)), content)).toBe(true);
		}
		expect(source.offset).toBe(packed.length);
		expect(equal(await collect(codecs.none.decode(source)), rest)).toBe(true);
	}
});

test("what a short member gives holds no more memory than it has bytes", async () => {
	for await (const chunk of gzip.decode(new ByteSource([gzipSync("a")]))) {
		expect(chunk.buffer.byteLength).toBe(1);
	}
});

test("long names do not keep the event loop from turning, nor an abort from being heard", async () => {
	const name = Buffer.concat([Buffer.alloc(4096, "n"), Buffer.of(0)]);
	const [head, body] = [gzipSync("").subarray(0, 10), gzipSync("").subarray(10)];
	head[3] = 0x18;
	const member = Buffer.concat([head, name, name, body]);
	const packed = concat(Array.from({ length: 2000 }, () => member));
	const control = new AbortController();
	const reason = new Error("enough");
	setImmediate(() => control.abort(reason));
	const unpacking = collect(decompress([packed], { signal: control.signal }));
	await expect(unpacking).rejects.toBe(reason);
	expect(await collect(decompress([member, member]))).toEqual(new Uint8Array(0));
});

test("a name is taken up to PATH_MAX, however it is cut", async () => {
	const [head, body] = [gzipSync("x").subarray(0, 10), gzipSync("x").subarray(10)];
	head[3] = 0x08;
	const read = (length: number, ...cuts: number[]) => {
		const packed = Buffer.concat([head, Buffer.alloc(length, "n"), Buffer.of(0), body]);
		return codeOf(collect(decompress(pieces(packed, ...cuts))));
	};
	for (const cuts of [[1], [999], [4106, 1], [4107], [100_000]]) {
		expect(await read(4096, ...cuts)).toBe("no error");
		expect(await read(4097, ...cuts)).toBe("COMPRESS_LIMIT");
	}
	const cut = Buffer.concat([head, Buffer.alloc(20, "n")]);
	expect(await codeOf(collect(decompress(pieces(cut, 7))))).toBe("COMPRESS_TRUNCATED");
});

test("a short member is held to the same rules as a long one", async () => {
	const whole = new Uint8Array(gzipSync(sample(5000)));
	const read = (bytes: Uint8Array, maxOutput?: number) =>
		codeOf(collect(decompress([bytes], maxOutput === undefined ? {} : { maxOutput })));
	const flipped = (at: number) => whole.map((byte, i) => (i === at ? byte ^ 0xff : byte));
	expect(await read(whole)).toBe("no error");
	expect(await read(whole, 5000)).toBe("no error");
	expect(await read(whole, 4999)).toBe("COMPRESS_LIMIT");
	expect(await read(flipped(whole.length - 8))).toBe("COMPRESS_CHECKSUM");
	expect(await read(flipped(whole.length - 1))).toBe("COMPRESS_CHECKSUM");
	// BTYPE 11 is reserved.
	expect(await read(whole.map((byte, i) => (i === 10 ? 7 : byte)))).toBe("COMPRESS_CORRUPT");
	for (const length of [10, 11, 1000, whole.length - 9, whole.length - 8, whole.length - 1]) {
		expect(await read(whole.subarray(0, length)), `${length}`).toBe("COMPRESS_TRUNCATED");
	}
});

test("an abort is heard among short members that are all at hand", async () => {
	// Of 32 bytes with nine of an extra field, so that no member is cut where a portion of the input ends.
	const bare = gzipSync("a");
	const fixed = Uint8Array.from(bare.subarray(0, 10), (byte, at) => (at === 3 ? 4 : byte));
	const one = concat([fixed, Uint8Array.of(9, 0), new Uint8Array(9), bare.subarray(10)]);
	const many = concat(Array.from({ length: 20_000 }, () => one));
	const control = new AbortController();
	let read = 0;
	const reading = (async () => {
		for await (const chunk of decompress([many], { signal: control.signal })) {
			if (read === 0) setImmediate(() => control.abort(new Error("enough")));
			read += chunk.length;
		}
	})();
	await expect(reading).rejects.toThrow("enough");
	expect(read).toBeLessThan(20_000);
});
