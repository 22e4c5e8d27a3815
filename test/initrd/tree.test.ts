import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseTree, parseTreeJson, readTree } from "../../src/initrd/tree.ts";
import { scratch } from "./tree-on-disk.ts";

let place = scratch();
beforeEach(() => {
	place = scratch();
	mkdirSync(join(place.path, "folder"));
	writeFileSync(join(place.path, "folder/x"), "");
});
afterEach(() => place.remove());

/** What is said of a description in t.json, beside `folder`; always a usage error. */
async function told(...json: unknown[]): Promise<string> {
	const error = await parseTree(json, { where: "t.json", base: place.path }).catch((e) => e);
	expect(error).toMatchObject({ kind: "usage" });
	return error.message;
}

describe("what does not apply to a type is refused", () => {
	test.each<[Record<string, unknown>, string]>([
		[{ type: "tree", source: "folder", mode: "0755" }, "field mode: does not apply to a tree"],
		[{ type: "tree", source: "folder", uid: 1 }, "field uid: does not apply to a tree"],
		[{ type: "tree", source: "folder", gid: 1 }, "field gid: does not apply to a tree"],
		[{ type: "tree", source: "folder", mtime: 1 }, "field mtime: does not apply to a tree"],
		[{ type: "link", target: "b", mode: "0644" }, "field mode: does not apply to a link"],
		[{ type: "link", target: "b", uid: 0 }, "field uid: does not apply to a link"],
		[{ type: "directory", text: "x" }, "field text: does not apply to a directory"],
		[{ type: "block", major: 1, minor: 1, target: "x" }, "field target: does not apply to a block"],
		[{ type: "fifo", major: 1 }, "field major: does not apply to a fifo"],
		[{ target: "b", text: "x" }, "field text: does not apply to a symlink"],
		[{ type: "file", target: "b" }, "field target: does not apply to a file"],
	])("%j", async (item, message) => {
		expect(await told({ path: "a", ...item })).toContain(`t.json, entries[0] (a), ${message}`);
	});

	test("what says nothing is not there", async () => {
		expect(await parseTree([{ path: "a", type: "link", target: "b", uid: undefined }])).toEqual([
			{ kind: "link", name: Buffer.from("a"), target: Uint8Array.of(0x62) },
		]);
	});
});

test.each<[string, Record<string, unknown>]>([
	["text", { path: "a", text: "\ud800" }],
	["path", { path: "a\udc00", text: "" }],
	["target", { path: "a", target: "\ud83d" }],
	["source", { path: "a", source: "\ud83d" }],
])("half a character in %s is refused", async (field, item) => {
	expect(await told(item)).toMatch(
		new RegExp(`entries\\[0\\].*, field ${field}: .*UTF-8 can hold; found half of a character`),
	);
});

describe("what only planning would find is told with file and entry", () => {
	test.each<[Record<string, unknown>, string]>([
		[
			{ text: "", uid: -1 },
			"field uid: entry of the tree makes no sense; expected an integer from 0 to 4294967295; found -1",
		],
		[{ text: "", mtime: 2 ** 32 }, "field mtime: entry"],
		[{ type: "block", major: 4096, minor: 0 }, "field major: entry"],
		[{ type: "block", major: 0, minor: 2 ** 20 }, "field minor: entry"],
		[{ target: "\0" }, "field target: entry of the tree makes no sense; expected 1 to 4095 bytes"],
	])("%j", async (item, message) => {
		expect(await told({ path: "a", ...item })).toContain(`t.json, entries[0] (a), ${message}`);
	});

	test("a path that no archive can hold is called path", async () => {
		expect(await told({ path: "../x", text: "" })).toBe(
			"t.json, entries[0] (../x), field path: path cannot be written: it holds ..",
		);
		expect(await told({ path: "TRAILER!!!", text: "" })).toContain("field path: path cannot");
	});

	test("two entries of one name: both, and what to do", async () => {
		const twice = await told(
			{ path: "x", text: "" },
			{ path: "a", text: "1" },
			{ path: "./a", text: "2" },
		);
		expect(twice).toMatch(
			/^t\.json, entries\[2\] \(\.\/a\), field path: two entries have one name; found a in entries\[1\], too\. Leave one/,
		);
		const inTree = await told(
			{ path: "d", type: "tree", source: "folder" },
			{ path: "d/x", text: "" },
		);
		expect(inTree).toContain("found d/x in entries[0], too");
		const folders = [
			{ path: "d", type: "directory" },
			{ path: "d", type: "directory", mode: "0700" },
		];
		expect((await parseTree(folders)).length).toBe(2);
	});
});

describe("source", () => {
	test.each<[Record<string, unknown>, RegExp]>([
		[{ source: "no" }, /field source: .*expected a file; found nothing at .*\/no$/],
		[{ source: "folder/x/y" }, /field source: .*found ENOTDIR at .*part of its path is no folder/],
		[{ source: "folder" }, /found a folder at .*"type": "tree"/],
		[{ type: "tree", source: "no" }, /expected a folder; found nothing at/],
		[
			{ type: "tree", source: "folder/x" },
			/expected a folder, all of which is meant; found no folder at .*"type": "file"/,
		],
	])("%j", async (item, message) => {
		const said = await told({ path: "a", ...item });
		expect(said).toMatch(/^t\.json, entries\[0\] \(a\), field source: /);
		expect(said).toMatch(message);
	});
});

test("the file is named as the caller calls it; each entry with its place", async () => {
	const path = join(place.path, "t.json");
	const places: string[] = [];
	writeFileSync(path, '[{"path":"a","text":""},{"path":"d","type":"tree","source":"folder"}]');
	await readTree(path, undefined, {
		where: "t.json",
		onEntry: ({ name }, at) => places.push(`${name}: ${at}`),
	});
	expect(places).toEqual(["a: t.json, entries[0] (a)", "d/x: t.json, entries[1] (d)"]);
	expect(() => parseTreeJson(Buffer.from('["\xff"]', "latin1"), "t.json")).toThrow(
		"t.json: not JSON: no UTF-8",
	);
});
