import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
	commandLineBytes,
	formatCommandLine,
	mergeCommandLine,
	type Parameter,
	parseCommandLine,
} from "../../src/kexec/index.ts";

describe("words, as lib/cmdline.c reads them", () => {
	test.each([
		["", []],
		["  quiet\tro ", [{ name: "quiet" }, { name: "ro" }]],
		["root=UUID=a-b", [{ name: "root", value: "UUID=a-b" }]],
		['dyndbg="file a.c +p"', [{ name: "dyndbg", value: "file a.c +p" }]],
		['"foo=b ar"', [{ name: "foo", value: "b ar" }]],
		['a="b c', [{ name: "a", value: "b c" }]],
		["=x", [{ name: "=x" }]],
		["a= b", [{ name: "a", value: "" }, { name: "b" }]],
		["ro -- single", [{ name: "ro" }, { name: "--" }, { name: "single" }]],
	] as [string, Parameter[]][])("%j", (line, words) => {
		expect(parseCommandLine(line)).toEqual(words);
	});

	test("what can be said is read again as it was", () => {
		const name = fc.stringMatching(/^[a-z][a-z._-]{0,8}$/);
		const value = fc.stringMatching(/^[a-zA-Z0-9=,:/. -]{0,12}$/);
		const word = fc.oneof(
			name.map((n) => ({ name: n })),
			fc.record({ name, value }),
		);
		fc.assert(
			fc.property(fc.array(word), (words) => {
				expect(parseCommandLine(formatCommandLine(words))).toEqual(words);
			}),
		);
	});

	test.each([
		[{ name: "" }],
		[{ name: "a", value: 'b"c' }],
		[{ name: "a", value: "b\nc" }],
		[{ name: "a\0" }],
	])("%j cannot be said", (word) => {
		expect(() => formatCommandLine([word])).toThrow(
			expect.objectContaining({ code: "HELPER_RANGE" }),
		);
	});
});

describe("merging", () => {
	const merge = (base: string, changes: string) =>
		formatCommandLine(mergeCommandLine(parseCommandLine(base), parseCommandLine(changes)));
	test.each([
		["ro quiet", "panic=10", "ro quiet panic=10"],
		["panic=1 ro panic=2", "panic=3", "ro panic=3"],
		["kexec_load=1", "kexec-load=2", "kexec-load=2"],
		["console=ttyS0", "console=tty0", "console=ttyS0 console=tty0"],
		["console=tty0", "console=tty0", "console=tty0"],
		["ro -- single", "x=1", "ro x=1 -- single"],
	])("%j with %j", (base, changes, whole) => {
		expect(merge(base, changes)).toBe(whole);
	});
});

test("bytes end in one NUL", () => {
	expect([...commandLineBytes("ro")]).toEqual([0x72, 0x6f, 0]);
	expect(() => commandLineBytes("a\0b")).toThrow(expect.objectContaining({ code: "HELPER_RANGE" }));
});
