import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { concat, text, utf8 } from "../../src/bytes/index.ts";
import { CpioParser, packCpio, parseCpio, readCpio, showMode } from "../../src/cpio/index.ts";

const folder = fileURLToPath(new URL("../../fixtures/cpio/", import.meta.url));
const read = (path: string): Uint8Array => readFileSync(`${folder}${path}`);
const one = packCpio([{ kind: "file", name: "a", content: "x" }]);

describe("archives of other programs", () => {
	const listing = (bytes: Uint8Array) =>
		[...readCpio(bytes)].map((e) => [
			text(e.name),
			showMode(e.mode),
			e.uid,
			e.mtime,
			e.nlink > 1 && e.kind === "file",
		]);
	const t = 1_700_000_000;
	const expected = [
		[".", "drwx------", 0, t, false],
		["bin", "lrwxrwxrwx", 0, t, false],
		["etc", "drwxr-xr-x", 0, t, false],
		["etc/empty", "-rw-r--r--", 0, t, false],
		["etc/hostname", "-rw-r--r--", 0, t, true],
		["etc/mailname", "-rw-r--r--", 0, t, true],
		["init", "-rwxr-xr-x", 0, t, false],
		["usr", "drwxr-xr-x", 0, t, false],
		["usr/bin", "drwxr-xr-x", 0, t, false],
		["usr/bin/large", "-rw-r--r--", 0, t, false],
		["usr/third", "-rw-r--r--", 0, t, true],
	];
	// GNU cpio puts a link's names together at the end.
	const byName = (list: unknown[][]) =>
		[...list].sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));

	test.each(["gnu-newc", "gnu-crc", "bsd-newc"])("%s", (name) => {
		const bytes = read(`foreign/${name}.cpio`);
		expect(byName(listing(bytes))).toEqual(expected);
		const contents = [...readCpio(bytes)].filter(
			({ kind, filesize }) => kind === "file" && filesize > 0,
		);
		expect(contents.map(({ data }) => text(data).slice(0, 12)).sort()).toEqual([
			"#!/bin/true\n",
			"aaaaaaaaaaaa",
			"rescue\n",
		]);
	});
});

describe("several archives", () => {
	test("follow one another, with NULs between", () => {
		const bytes = concat([new Uint8Array(8), one, new Uint8Array(508), one, new Uint8Array(3)]);
		const types = [...parseCpio(bytes)].map((event) => event.type);
		expect(types).toEqual(["entry", "data", "end", "trailer", "entry", "data", "end", "trailer"]);
	});

	test("something foreign is an event if wanted, with the rest left alone", () => {
		const parser = new CpioParser({ foreign: "event", offset: 100 });
		parser.push(concat([one, new Uint8Array(4), utf8("\x1f rest")]));
		const events = [];
		for (let event = parser.next(); event; event = parser.next()) events.push(event.type);
		expect(events).toEqual(["entry", "data", "end", "trailer", "foreign"]);
		expect(text(parser.rest)).toBe("\x1f rest");
		expect(parser.offset).toBe(100 + one.length + 4);
		expect(() => parser.push(one)).toThrow(
			expect.objectContaining({ code: "CPIO_MISUSE", kind: "bug" }),
		);
	});

	test("offsets count from the option", () => {
		const entries = [...readCpio(one, { offset: 4096 })];
		expect(entries.map((e) => [e.offset, e.dataOffset, text(e.data)])).toEqual([[4096, 4208, "x"]]);
		expect(() => [...readCpio(one, { offset: 2 })]).toThrow(
			expect.objectContaining({ code: "CPIO_ALIGNMENT" }),
		);
	});
});

test("nothing at all is an empty run of archives", () => {
	expect([...parseCpio(new Uint8Array(0))]).toEqual([]);
});

test("upper-case digits are digits", () => {
	const bytes = packCpio([{ kind: "file", name: "a", uid: 0xabcdef }]);
	bytes.set(utf8("00ABCDEF"), 22);
	expect([...readCpio(bytes)][0]?.uid).toBe(0xabcdef);
});

test("errors name the file and the entry", () => {
	const bytes = packCpio([{ kind: "file", name: "etc/big", content: "0123456789" }]);
	expect(() => [...parseCpio(bytes.subarray(0, 240), { where: "x.img" })]).toThrow(
		"x.img, offset 240, field data: input ends within the data of etc/big; expected 6 more bytes; found the end of the input",
	);
});

test("an odc archive is named", () => {
	expect(() => [...parseCpio(utf8(`070707${"0".repeat(200)}`))]).toThrow(
		/found 070707 \(the old portable format, odc\)\. Linux reads newc only/,
	);
});
