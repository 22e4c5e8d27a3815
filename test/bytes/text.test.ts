import fc from "fast-check";
import { expect, test } from "vitest";
import { parseShown, printable, showBytes, utf8 } from "../../src/bytes/index.ts";

test("shown bytes turn back into the same bytes", () => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
			expect(parseShown(showBytes(bytes))).toEqual(bytes);
		}),
	);
});

test("nothing that drives a terminal is shown as it is", () => {
	expect(showBytes(utf8("a\u001b[2Jb\u009b\u2028\\"))).toBe(
		"a\\x1b[2Jb\\xc2\\x9b\\xe2\\x80\\xa8\\\\",
	);
	expect(showBytes(Uint8Array.of(0xff, 0xc3, 0xa4))).toBe("\\xffä");
});

test("what others said stays readable, and drives nothing", () => {
	expect(printable("Größe\t1\r\n\x1b[2Jback\\slash\u009b\u202e\r")).toBe(
		"Größe\t1\n\\x1b[2Jback\\slash\\xc2\\x9b\\xe2\\x80\\xae\\x0d",
	);
});
