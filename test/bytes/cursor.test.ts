import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
	alignUp,
	Cursor,
	pad,
	raw,
	readStruct,
	struct,
	u8,
	u16,
	u16be,
	u32,
	u64,
} from "../../src/bytes/index.ts";

const sample = struct("sample", {
	a: u8,
	gap: pad(1),
	b: u16,
	c: u16be,
	d: u32,
	e: u64,
	f: raw(3),
});

describe("cursor", () => {
	test("a read past the end says where, what and how much", () => {
		const cursor = new Cursor(new Uint8Array(3), { where: "boot.img", base: 100 });
		cursor.skip(2);
		expect(() => cursor.u32("size")).toThrow(
			"boot.img, offset 102, field size: input ends too early; expected 4 bytes; found 1 bytes",
		);
		expect(cursor.offset).toBe(2);
	});

	test("a place beyond the end is told with the last one there is", () => {
		const cursor = new Cursor(new Uint8Array(3), { where: "boot.img", base: 100 });
		expect(() => cursor.seek(4, "table")).toThrow(
			"boot.img, offset 100, field table: it lies beyond the input; expected an offset of at most 103; found 104",
		);
		cursor.seek(3);
		expect(cursor.offset).toBe(3);
	});

	test.each([-1, Number.NaN, 1.5, 2 ** 53])("a length of %s is refused", (length) => {
		expect(() => new Cursor(new Uint8Array(8)).take(length)).toThrow("input ends too early");
	});

	test("a size above 2^53 is refused, not rounded", () => {
		const bytes = Uint8Array.of(0, 0, 0, 0, 0, 0, 0x20, 0);
		expect(() => new Cursor(bytes).size64("size")).toThrow(/found 9007199254740992/);
	});
});

describe("struct", () => {
	test("size and offsets follow from the table", () => {
		expect(sample.size).toBe(21);
		expect(sample.offsets.d).toBe(6);
	});

	test("what is written is read back, in either byte order", () => {
		const value = fc.record({
			a: fc.integer({ min: 0, max: 255 }),
			b: fc.integer({ min: 0, max: 65535 }),
			c: fc.integer({ min: 0, max: 65535 }),
			d: fc.integer({ min: 0, max: 0xffffffff }),
			e: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
			f: fc.uint8Array({ minLength: 3, maxLength: 3 }),
		});
		fc.assert(
			fc.property(value, fc.constantFrom("little" as const, "big" as const), (v, endian) => {
				expect(readStruct(sample, sample.write(v, endian), endian)).toEqual(v);
			}),
		);
	});

	test("a value that does not fit is refused, not narrowed", () => {
		expect(() => sample.write({ b: 65536 })).toThrow("sample.b");
		expect(() => sample.write({ e: -1n })).toThrow("sample.e");
		expect(() => sample.write({ f: new Uint8Array(2) })).toThrow("sample.f");
	});
});

test("alignment holds beyond 2^32", () => {
	expect(alignUp(2 ** 32 + 1, 4)).toBe(2 ** 32 + 4);
	expect(alignUp(8, 4)).toBe(8);
});
