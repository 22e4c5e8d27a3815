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

test("nothing that turns the direction of what is around it is shown as it is", () => {
	const turns = ["\u061c", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069"];
	for (const char of turns) {
		const name = utf8(`photo${char}gpj.exe`);
		expect(showBytes(name)).toMatch(/^photo(\\x[0-9a-f]{2}){2,3}gpj\.exe$/);
		expect(parseShown(showBytes(name))).toEqual(name);
		expect(printable(`a${char}`)).toMatch(/^a(\\x[0-9a-f]{2}){2,3}$/);
	}
});

test.each([..."\u200b\u2060\ufeff\u00ad\u2063\u180e\u3164\u034f\ufff9\u{e0061}"])(
	"%j makes no two names look the same",
	(char) => {
		expect(showBytes(utf8(`pass${char}wd`))).toMatch(/^pass(\\x[0-9a-f]{2}){2,4}wd$/);
		expect(parseShown(showBytes(utf8(char)))).toEqual(utf8(char));
		expect(printable(char)).toMatch(/^(\\x[0-9a-f]{2}){2,4}$/);
	},
);

test("what scripts and emoji are written with stays", () => {
	for (const name of ["می\u200cخواهم", "👩\u200d🚒", "❤\ufe0f", "ᠭᠣᠶᠣ\u180b"]) {
		expect([showBytes(utf8(name)), printable(name)]).toEqual([name, name]);
	}
});

test("any text comes back from its shown form, which holds nothing unsafe", () => {
	const odd = [..."\\x41äß€😀\u200b\u200d\u202e\u061c\u2028\u009b"];
	fc.assert(
		fc.property(fc.string({ unit: fc.constantFrom(...odd) }), (said) => {
			const shown = showBytes(utf8(said));
			expect(shown).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029\u200b]/u);
			expect(parseShown(shown)).toEqual(utf8(said));
		}),
	);
});

test("bytes are taken for UTF-8 where a decoder takes them, and there alone", () => {
	const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
	const lengthAt = (bytes: Uint8Array, at: number): number =>
		[1, 2, 3, 4].find((length) => {
			try {
				const part = bytes.subarray(at, at + length);
				return part.length === length && decoder.decode(part) !== "";
			} catch {
				return false;
			}
		}) ?? 0;
	const asked = (bytes: Uint8Array): string => {
		let shown = "";
		for (let at = 0; at < bytes.length; ) {
			const length = lengthAt(bytes, at);
			shown +=
				length > 0
					? showBytes(bytes.subarray(at, at + length))
					: `\\x${bytes[at]?.toString(16).padStart(2, "0")}`;
			at += Math.max(1, length);
		}
		return shown;
	};
	// Leads and continuations at the edges of table 3-7, in all pairs, with whole and broken ends.
	const edges = [
		0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec,
	];
	const leads = [...edges, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff];
	for (const lead of leads) {
		for (const second of leads) {
			for (const rest of [[], [0x80], [0xbf, 0x80], [0xc2, 0x80], [0x80, 0xbf, 0x80]]) {
				const bytes = Uint8Array.of(lead, second, ...rest);
				expect(showBytes(bytes), bytes.join(" ")).toBe(asked(bytes));
				expect(parseShown(showBytes(bytes))).toEqual(bytes);
			}
		}
	}
});

test("what others said stays readable, and drives nothing", () => {
	expect(printable("Größe\t1\r\n\x1b[2Jback\\slash\u009b\u202e\r")).toBe(
		"Größe\t1\n\\x1b[2Jback\\slash\\xc2\\x9b\\xe2\\x80\\xae\\x0d",
	);
});
