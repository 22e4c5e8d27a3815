import { describe, expect, test } from "vitest";
import { concat, EkexecError, text, utf8 } from "../../src/bytes/index.ts";
import {
	addToSum,
	type CpioEntry,
	microcodeArchive,
	packCpio,
	parseCpio,
	planCpio,
	readCpio,
	writeCpio,
} from "../../src/cpio/index.ts";

const names = (entries: CpioEntry<never>[], options = {}) =>
	[...readCpio(packCpio(entries, options))].map(({ name }) => text(name));

function refusal(entries: CpioEntry<unknown>[], options = {}): string {
	try {
		for (const _ of writeCpio(entries, options));
		return "none";
	} catch (error) {
		if (!(error instanceof EkexecError)) throw error;
		expect(error.kind).toBe("usage");
		return `${error.code}: ${error.message}`;
	}
}

describe("order and parents", () => {
	test("sorted by bytes, the root first, parents added", () => {
		expect(
			names([
				{ kind: "file", name: "b/c/d" },
				{ kind: "file", name: "a-b" },
				{ kind: "file", name: "a/b" },
				{ kind: "directory", name: "." },
				{ kind: "file", name: "\u{1f600}" },
				{ kind: "file", name: "\uffee" },
			]),
		).toEqual([".", "a", "a-b", "a/b", "b", "b/c", "b/c/d", "\uffee", "\u{1f600}"]);
	});

	test("the order given, with parents put before their children", () => {
		const entries: CpioEntry<never>[] = [
			{ kind: "file", name: "z" },
			{ kind: "file", name: "b/c" },
			{ kind: "directory", name: "b", mode: 0o700 },
			{ kind: "file", name: "a" },
		];
		expect(names(entries, { sort: false })).toEqual(["z", "b", "b/c", "a"]);
		const [b] = [...readCpio(packCpio(entries))].filter(({ name }) => text(name) === "b");
		expect(b?.mode).toBe(0o40700);
	});

	test("the same entries in any order are the same bytes", () => {
		const entries: CpioEntry<never>[] = [
			{ kind: "file", name: "a/b", content: "x" },
			{ kind: "link", name: "c", target: "a/b" },
			{ kind: "symlink", name: "d", target: "a" },
		];
		expect(packCpio([...entries].reverse())).toEqual(packCpio(entries));
	});

	test("names are normalised", () => {
		expect(
			names([
				{ kind: "file", name: "./x//y/./z/" },
				{ kind: "file", name: "/w" },
			]),
		).toEqual(["w", "x", "x/y", "x/y/z"]);
		expect(names([{ kind: "directory", name: "/" }])).toEqual(["."]);
	});

	test("a directory listed twice is the later one", () => {
		const twice = packCpio([
			{ kind: "directory", name: "a", mode: 0o700 },
			{ kind: "directory", name: "a/", mode: 0o711 },
		]);
		expect([...readCpio(twice)].map(({ mode }) => mode)).toEqual([0o40711]);
	});
});

describe("hard links", () => {
	const entries: CpioEntry<never>[] = [
		{ kind: "link", name: "a", target: "c" },
		{ kind: "link", name: "b", target: "a" },
		{ kind: "file", name: "c", content: "data", mode: 0o600, uid: 5 },
		{ kind: "link", name: "d", target: "b" },
		{ kind: "file", name: "e" },
	];

	test("one inode, the data once, on the last name; attributes on all", () => {
		const read = [...readCpio(packCpio(entries))];
		expect(
			read.map(({ name, ino, nlink, uid, mode, data }) => [
				text(name),
				ino,
				nlink,
				uid,
				mode,
				text(data),
			]),
		).toEqual([
			["a", 1, 4, 5, 0o100600, ""],
			["b", 1, 4, 5, 0o100600, ""],
			["c", 1, 4, 5, 0o100600, ""],
			["d", 1, 4, 5, 0o100600, "data"],
			["e", 2, 1, 0, 0o100644, ""],
		]);
	});

	test("of devices, too", () => {
		const bytes = packCpio([
			{ kind: "character", name: "tty", major: 5, minor: 0 },
			{ kind: "link", name: "tty0", target: "tty" },
		]);
		expect([...readCpio(bytes)].map((e) => [e.kind, e.nlink, e.rdevmajor])).toEqual([
			["character", 2, 5],
			["character", 2, 5],
		]);
	});

	test.each([
		["to nothing", { kind: "link", name: "x", target: "y" }],
		["to itself", { kind: "link", name: "x", target: "x" }],
		["to a directory", { kind: "link", name: "x", target: "dir" }],
		["to a symlink", { kind: "link", name: "x", target: "sym" }],
	] as const)("%s: refused", (_what, link) => {
		const others: CpioEntry[] = [
			{ kind: "directory", name: "dir" },
			{ kind: "symlink", name: "sym", target: "dir" },
		];
		expect(refusal([...others, link])).toMatch(/^CPIO_LINK: x, field target: /);
	});

	test("in a circle: refused", () => {
		expect(
			refusal([
				{ kind: "link", name: "x", target: "y" },
				{ kind: "link", name: "y", target: "x" },
			]),
		).toMatch(/^CPIO_LINK.*circle/);
	});
});

describe("refusals", () => {
	const long = "x".repeat(4096);
	test.each<[string, CpioEntry]>([
		["CPIO_NAME: , field name: name cannot be written: it is empty", { kind: "file", name: "" }],
		[
			"CPIO_NAME: a/../b, field name: name cannot be written: it holds ..",
			{ kind: "file", name: "a/../b" },
		],
		[
			"CPIO_NAME: a\\x00b, field name: name cannot be written: it holds a NUL",
			{ kind: "file", name: "a\0b" },
		],
		[
			"CPIO_NAME: TRAILER!!!, field name: name cannot be written: it ends an archive",
			{ kind: "file", name: "TRAILER!!!" },
		],
		[
			`CPIO_NAME: ${long}, field name: name cannot be written: it has 4096 bytes, PATH_MAX allows 4095`,
			{ kind: "file", name: long },
		],
		[
			"CPIO_NAME: .: the root can only be a directory; expected a directory; found file",
			{ kind: "file", name: "." },
		],
		[
			"CPIO_NAME: l: symlink target cannot be written; expected 1 to 4095 bytes without NUL; found 0 bytes",
			{ kind: "symlink", name: "l", target: "" },
		],
		[
			"CPIO_RANGE: f, field mode: value does not fit its field; expected an integer from 0 to 4095; found 32768",
			{ kind: "file", name: "f", mode: 0o100000 },
		],
		[
			"CPIO_RANGE: f, field uid: value does not fit its field; expected an integer from 0 to 4294967295; found 4294967296",
			{ kind: "file", name: "f", uid: 2 ** 32 },
		],
		[
			"CPIO_RANGE: f, field mtime: value does not fit its field; expected an integer from 0 to 4294967295; found -1",
			{ kind: "file", name: "f", mtime: -1 },
		],
		[
			"CPIO_RANGE: d, field minor: value does not fit its field; expected an integer from 0 to 1048575; found 1048576",
			{ kind: "block", name: "d", major: 8, minor: 2 ** 20 },
		],
		[
			"CPIO_TOO_LARGE: f, field filesize: file too large for the newc format; expected at most 4294967295 bytes (4 GiB - 1); found 4294967296 bytes. Leave it out, or put it on a file system image inside the archive in parts.",
			{ kind: "file", name: "f", content: { size: 2 ** 32, ref: 0 } },
		],
		[
			"CPIO_RANGE: f: size of the content is no size; expected an integer from 0; found -1",
			{ kind: "file", name: "f", content: { size: -1, ref: 0 } },
		],
	])("%s", (message, entry) => {
		expect(refusal([entry])).toBe(message);
	});

	test("an implied directory cannot end the archive either", () => {
		expect(refusal([{ kind: "file", name: "TRAILER!!!/x" }])).toMatch(/^CPIO_NAME/);
		expect(refusal([{ kind: "file", name: "x/TRAILER!!!" }])).toBe("none");
	});

	test("two entries of one name", () => {
		expect(
			refusal([
				{ kind: "file", name: "a" },
				{ kind: "file", name: "./a" },
			]),
		).toBe("CPIO_DUPLICATE: a: two entries have one name");
	});

	test("an entry below a symlink or file", () => {
		const below: CpioEntry = { kind: "file", name: "lib/x" };
		expect(refusal([below, { kind: "symlink", name: "lib", target: "usr/lib" }])).toBe(
			"CPIO_PARENT: lib/x: entry lies below something that is no directory; expected lib to be a directory; found a symlink. Name the entry by the path that the symlink leads to.",
		);
		expect(refusal([below, { kind: "file", name: "lib" }])).toMatch(/^CPIO_PARENT.*found a file$/);
	});

	test("a name of 4095 bytes is written", () => {
		const name = `${`${"d".repeat(255)}/`.repeat(15)}${"f".repeat(255)}`;
		expect(names([{ kind: "file", name }]).at(-1)).toBe(name);
	});
});

describe("splices", () => {
	test("stand between the bytes where their content belongs", () => {
		const ref = { path: "/etc/key" };
		const chunks = [
			...writeCpio([{ kind: "file", name: "key", content: { size: 5, ref }, mode: 0o600 }]),
		];
		expect(chunks.map((c) => (c instanceof Uint8Array ? "bytes" : c.ref))).toEqual([
			"bytes",
			ref,
			"bytes",
		]);
		const filled = concat(chunks.map((c) => (c instanceof Uint8Array ? c : utf8("abcde"))));
		expect(filled).toEqual(
			packCpio([{ kind: "file", name: "key", content: "abcde", mode: 0o600 }]),
		);
	});

	test("an empty one is no chunk; one of 4 GiB - 1 only moves what follows", () => {
		expect(
			[...writeCpio([{ kind: "file", name: "a", content: { size: 0, ref: 1 } }])].every(
				(c) => c instanceof Uint8Array,
			),
		).toBe(true);
		const plan = planCpio([
			{ kind: "file", name: "a", content: { size: 0xffff_ffff, ref: 1 } },
			{ kind: "file", name: "b", content: { size: 0xffff_ffff, ref: 1 } },
		]);
		expect(plan.entries.map(({ offset }) => offset)).toEqual([0, 112 + 2 ** 32]);
		expect(plan.size).toBe(2 * (112 + 2 ** 32) + 124);
	});

	test("in the crc format they need their sum, asked for as late as the header", () => {
		const content = (sum?: number | (() => number)) => ({
			size: 3,
			ref: 0,
			...(sum === undefined ? {} : { sum }),
		});
		expect(refusal([{ kind: "file", name: "a", content: content() }], { format: "crc" })).toMatch(
			/^CPIO_SUM: a, field sum/,
		);
		const expected = packCpio([{ kind: "file", name: "a", content: "abc" }], { format: "crc" });
		for (const sum of [addToSum(0, utf8("abc")), () => addToSum(0, utf8("abc"))]) {
			const chunks = [
				...writeCpio([{ kind: "file", name: "a", content: content(sum) }], { format: "crc" }),
			];
			expect(concat(chunks.map((c) => (c instanceof Uint8Array ? c : utf8("abc"))))).toEqual(
				expected,
			);
		}
	});
});

describe("layout", () => {
	const big = new Uint8Array(10_000).fill(7);

	test("data of large files begins at the alignment, names come back without their NULs", () => {
		const entries: CpioEntry<never>[] = [
			{ kind: "file", name: "small", content: "x" },
			{ kind: "file", name: "a/big", content: big },
			{ kind: "file", name: "bigger", content: big },
		];
		for (const offset of [0, 4, 4092]) {
			const bytes = packCpio(entries, { align: 4096, offset });
			const read = [...readCpio(bytes, { offset })];
			expect(read.map(({ name }) => text(name))).toEqual(["a", "a/big", "bigger", "small"]);
			for (const { filesize, dataOffset } of read) {
				if (filesize >= 4096) expect(dataOffset % 4096).toBe(0);
			}
		}
	});

	test("a name is never padded past PATH_MAX", () => {
		const name = "n".repeat(200);
		const [entry] = planCpio([{ kind: "file", name, content: big }], {
			align: 4096,
			offset: 4000,
		}).entries;
		expect(entry?.nameSize).toBeLessThanOrEqual(4096);
	});

	test("the length is a multiple of the block, the rest NULs", () => {
		const bytes = packCpio([{ kind: "file", name: "a", content: "x" }], { block: 512 });
		expect(bytes.length).toBe(512);
		expect([...parseCpio(bytes)].at(-1)?.type).toBe("trailer");
	});

	test("the plan knows the size beforehand", () => {
		const entries: CpioEntry<never>[] = [{ kind: "file", name: "a/b", content: big }];
		expect(planCpio(entries, { align: 512 }).size).toBe(packCpio(entries, { align: 512 }).length);
	});

	test.each([{ align: 3 }, { align: 8192 }, { offset: 2 }, { block: 6 }])(
		"%o: refused",
		(options) => {
			expect(refusal([], options)).toMatch(
				/^CPIO_RANGE: field (align|offset|block): option cannot be used/,
			);
		},
	);
});

describe("early microcode", () => {
	test("is an archive with the names that the kernel looks for, data at multiples of 16", () => {
		const bytes = microcodeArchive({
			intel: new Uint8Array(2048).fill(1),
			amd: new Uint8Array(100).fill(2),
		});
		const files = [...readCpio(bytes)].filter(({ kind }) => kind === "file");
		expect(
			files.map(({ name, dataOffset, filesize }) => [text(name), dataOffset % 16, filesize]),
		).toEqual([
			["kernel/x86/microcode/AuthenticAMD.bin", 0, 100],
			["kernel/x86/microcode/GenuineIntel.bin", 0, 2048],
		]);
		expect(bytes.length % 4).toBe(0);
	});

	test("of nothing: refused", () => {
		expect(() => microcodeArchive({})).toThrow(expect.objectContaining({ code: "CPIO_CONTENT" }));
	});
});
