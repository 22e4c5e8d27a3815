import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { concat, EkexecError, text } from "../../src/bytes/index.ts";
import { CpioParser, packCpio, parseCpio, planCpio } from "../../src/cpio/index.ts";

const folder = fileURLToPath(new URL("../../fixtures/cpio/hostile/", import.meta.url));
const hostile = (name: string): Uint8Array => readFileSync(`${folder}${name}.cpio`);
const good = packCpio([{ kind: "file", name: "good", content: "x" }]);

/** Every event but data, in pieces of `size`, as `type name` and for faults `fault name code kernel`; at last the error, if any. */
function told(bytes: Uint8Array, size: number, foreign: "error" | "event" = "error"): string[] {
	const parser = new CpioParser({ faults: "event", foreign });
	const lines: string[] = [];
	const drain = () => {
		for (let event = parser.next(); event !== undefined; event = parser.next()) {
			if (event.type === "fault") {
				const { name, code, kernel } = event.fault;
				lines.push(`fault ${text(name)} ${code} ${kernel}`);
			} else if (event.type === "entry") {
				const { name, kind, target } = event.entry;
				lines.push(`${kind} ${text(name)}${target === undefined ? "" : ` -> ${text(target)}`}`);
			} else if (event.type === "trailer" || event.type === "foreign") lines.push(event.type);
		}
	};
	try {
		for (let at = 0; at < bytes.length && parser.rest.length === 0; at += size) {
			parser.push(bytes.subarray(at, at + size));
			drain();
		}
		if (parser.rest.length === 0) parser.end();
		drain();
	} catch (error) {
		if (!(error instanceof EkexecError)) throw error;
		lines.push(error.code);
	}
	return lines;
}

describe("what the kernel goes on behind", () => {
	test.each<[string, string[]]>([
		["namesize-0", ["fault  CPIO_SIZE skips"]],
		["namesize-4097", ["fault  CPIO_SIZE skips"]],
		["name-empty", ["fault  CPIO_NAME skips"]],
		["directory-with-data", ["fault d CPIO_SIZE skips"]],
		["device-with-data", ["fault d CPIO_SIZE skips"]],
		["symlink-4097", ["fault l CPIO_SIZE skips"]],
		["symlink-empty", ["fault l CPIO_SIZE removes"]],
		["symlink-nul", ["fault l CPIO_NAME takes", "symlink l -> a"]],
		["mode-unknown", ["fault a CPIO_MODE removes"]],
		["name-hidden", ["fault a CPIO_NAME takes", "file a"]],
	])("%s is told, and the next archive is read", (name, expected) => {
		const bytes = concat([hostile(name), good]);
		for (const size of [bytes.length, 1, 7]) {
			expect(told(bytes, size)).toEqual([...expected, "trailer", "file good", "trailer"]);
		}
	});

	test("an unknown type with data is passed over with its data", () => {
		const bytes = packCpio([{ kind: "file", name: "a", content: "12345" }]);
		bytes.set(Buffer.from("0000f1a4"), 14);
		expect(told(bytes, bytes.length)).toEqual(["fault a CPIO_MODE skips", "trailer"]);
	});

	/** An archive of symlinks l, each with one of these bodies. */
	const symlinks = (...bodies: Uint8Array[]): Uint8Array => {
		const records = bodies.map((body) => {
			const bytes = packCpio([{ kind: "symlink", name: "l", target: "t" }]);
			const record = new Uint8Array(112 + Math.ceil(body.length / 4) * 4);
			record.set(bytes.subarray(0, 112));
			record.set(Buffer.from(body.length.toString(16).padStart(8, "0")), 6 + 8 * 6);
			record.set(body, 112);
			return record;
		});
		return concat([...records, good]);
	};
	test("a symlink to nothing, or to more than a path may have, takes away what has its name", () => {
		const long = Buffer.alloc(4096, "t");
		const nuls = [Buffer.from("\0"), Buffer.from("\0abcd"), Buffer.alloc(4096)];
		for (const size of [100_000, 1, 7]) {
			const lines = told(symlinks(...nuls, long, Buffer.from("abc")), size);
			expect(lines).toEqual([
				...Array.from({ length: 4 }, () => "fault l CPIO_NAME removes"),
				"symlink l -> abc",
				"file good",
				"trailer",
			]);
		}
		long[4095] = 0;
		expect(told(symlinks(long), 1000).slice(0, 2)).toEqual([
			"fault l CPIO_NAME takes",
			`symlink l -> ${"t".repeat(4095)}`,
		]);
		expect(() => [...parseCpio(symlinks(Buffer.alloc(4096, "t")))]).toThrow(
			"offset 112, field target: symlink target is too long (l); expected 1 to 4095 bytes; found 4096 without NUL",
		);
	});

	test("a symlink ends no archive, whatever it is called", () => {
		const bytes = packCpio(
			[
				{ kind: "symlink", name: "SYMLINK!!!", target: "t" },
				{ kind: "file", name: "a" },
			],
			{ sort: false },
		);
		bytes.set(Buffer.from("TRAILER!!!"), bytes.indexOf(0x53));
		expect(told(bytes, 7)).toEqual(["symlink TRAILER!!! -> t", "file a", "trailer"]);
	});

	test("an error is made only of what is thrown or asked for", () => {
		const parser = new CpioParser({ faults: "event" });
		parser.push(hostile("directory-with-data"));
		const event = parser.next();
		if (event?.type !== "fault") throw new Error("no fault");
		const { get } = Object.getOwnPropertyDescriptor(event.fault, "error") ?? {};
		expect([typeof get, event.fault.code, event.fault.error.code]).toEqual([
			"function",
			"CPIO_SIZE",
			"CPIO_SIZE",
		]);
	});

	test("of a mode the kernel keeps 16 bits", () => {
		const bytes = packCpio([{ kind: "symlink", name: "l", target: "t" }]);
		bytes.set(Buffer.from("0001a1ff"), 14);
		expect(told(bytes, 1)).toEqual(["fault l CPIO_MODE takes", "symlink l -> t", "trailer"]);
	});

	test.each(["name-unterminated", "trailer-with-data", "hex-letter", "magic-later"])(
		"%s remains an error",
		(name) => {
			expect(told(hostile(name), 7).at(-1)).toMatch(/^CPIO_/);
		},
	);

	test("a name whose last byte is no NUL ends newer kernels, wherever another NUL is", () => {
		const bytes = packCpio([{ kind: "file", name: "abc" }]);
		bytes.set(Buffer.from("a\0bc"), 110);
		expect(told(bytes, bytes.length)).toEqual(["CPIO_NAME"]);
	});

	test("the summary is without place and name, the error has both", () => {
		const parser = new CpioParser({ faults: "event", where: "x.img", offset: 4 });
		parser.push(hostile("directory-with-data"));
		const event = parser.next();
		if (event?.type !== "fault") throw new Error("no fault");
		expect(event.fault).toMatchObject({
			offset: 4,
			summary: "a directory has data; expected 0; found 4",
		});
		expect(event.fault.error.message).toBe(
			"x.img, offset 58, field filesize: a directory has data (d); expected 0; found 4",
		);
	});
});

describe("an archive without trailer", () => {
	const open = hostile("no-trailer");
	test.each<[string, Uint8Array, string[]]>([
		["at the end", open, ["file a", "fault  CPIO_NO_TRAILER ends"]],
		[
			"and then NULs, which could be what was lost",
			concat([open, new Uint8Array(8), good]),
			["file a", "fault  CPIO_MAGIC ends", "file good", "trailer"],
		],
		["and then the next one", concat([open, good]), ["file a", "file good", "trailer"]],
		["and then junk", concat([open, Buffer.from("junk")]), ["file a", "CPIO_TRUNCATED"]],
	])("%s", (_what, bytes, expected) => {
		for (const size of [bytes.length, 1, 7]) expect(told(bytes, size)).toEqual(expected);
	});

	test("and then something foreign, if that is an event", () => {
		const bytes = concat([open, Buffer.from("\x1f\x8b")]);
		expect(told(bytes, 1000, "event")).toEqual([
			"file a",
			"fault  CPIO_NO_TRAILER ends",
			"foreign",
		]);
	});
});

describe("NAME_MAX", () => {
	const long = "n".repeat(256);
	test.each([long, `d/${long}`, `${long}/f`, `${"\u00e4".repeat(128)}`])(
		"a name with a part of 256 bytes is refused",
		(name) => {
			expect(() => planCpio([{ kind: "file", name }])).toThrow(
				/field name: name cannot be written; expected at most 255 bytes in one part \(NAME_MAX\); found 256 in /,
			);
		},
	);

	test("255 bytes are written, and an archive with more is read", () => {
		const bytes = packCpio([{ kind: "file", name: `${long.slice(1)}/${long.slice(1)}` }]);
		expect(told(bytes, bytes.length).length).toBe(3);
		const head = packCpio([{ kind: "file", name: `a/${long.slice(2)}` }]);
		const at = Buffer.from(head).lastIndexOf("a/n");
		head.set(Buffer.from("aa"), at);
		expect(told(head, 9)[1]).toBe(`file aa${long.slice(2)}`);
	});
});
