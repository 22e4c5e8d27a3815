import { describe, expect, test } from "vitest";
import { type ParsedEntry, readCpio } from "../../src/cpio/index.ts";
import { verifyInitrd } from "../../src/initrd/index.ts";
import { maxNodes, Root } from "../../src/initrd/root.ts";
import { rawEntry, trailer } from "./raw-entry.ts";

const folder = 0o40755;
const symlink = 0o120777;
const fifo = 0o10644;
/** Problems as `CODE path`, and the tree as `path type size`. */
async function read(...entries: Uint8Array[]): Promise<{ problems: string[]; tree: string[] }> {
	const whole = Buffer.concat([...entries, trailer()]);
	const { problems, found } = await verifyInitrd([whole], { init: false });
	return {
		problems: problems.map(({ code, path }) => `${code} ${path}`),
		tree: found.entries.map((e) => `${e.path} ${e.type} ${e.target ?? e.size ?? e.mode ?? ""}`),
	};
}

describe("a slash behind a name", () => {
	test.each<[string, Buffer]>([
		["file", rawEntry("a/", {}, "x")],
		["fifo", rawEntry("a/", { mode: fifo })],
		["symlink", rawEntry("a//", { mode: symlink }, "t")],
		["name of one file with two", rawEntry("a/", { nlink: 2, ino: 9 }, "x")],
	])("no %s can be made, and an empty folder goes", async (_what, entry) => {
		expect(await read(entry)).toEqual({ problems: [expect.stringMatching(/SLASH a/)], tree: [] });
		expect((await read(rawEntry("a", { mode: folder }), entry)).tree).toEqual([]);
		const full = [rawEntry("a", { mode: folder }), rawEntry("a/b", { mode: fifo }), entry];
		expect((await read(...full)).tree).toEqual(["a directory 0755", "a/b fifo 0644"]);
		expect((await read(rawEntry("a", {}, "old"), entry)).tree).toEqual(["a file 3"]);
		const linked = [rawEntry("d", { mode: folder }), rawEntry("a", { mode: symlink }, "d"), entry];
		expect((await read(...linked)).tree).toEqual(["a symlink d", "d directory 0755"]);
	});

	test("a folder is made with it, but nothing is replaced, and a symlink is followed", async () => {
		expect(await read(rawEntry("a//", { mode: folder }))).toEqual({
			problems: [],
			tree: ["a directory 0755"],
		});
		const other = rawEntry("l/", { mode: 0o40700 });
		const to = (target: string) => rawEntry("l", { mode: symlink }, target);
		const made = rawEntry("d", { mode: folder });
		for (const target of ["d", "d//", "./d/../d"]) {
			expect(await read(made, to(target), other)).toEqual({
				problems: [],
				tree: ["d directory 0700", `l symlink ${target}`],
			});
		}
		expect(await read(to("d"), other)).toEqual({
			problems: ["VERIFY_TRAILING_SLASH l/"],
			tree: ["l symlink d"],
		});
		expect(await read(rawEntry("l"), other)).toEqual({
			problems: ["VERIFY_TRAILING_SLASH l/"],
			tree: ["l file 0"],
		});
	});

	test("what cannot be made takes a folder away, not what is no folder", async () => {
		const empty = rawEntry("a/", { mode: symlink });
		expect((await read(rawEntry("a"), empty)).tree).toEqual(["a file 0"]);
		expect((await read(rawEntry("a", { mode: folder }), empty)).tree).toEqual([]);
	});

	test("of what a symlink leads to", async () => {
		const root = new Root();
		for (const bytes of [rawEntry("f"), rawEntry("d", { mode: folder })])
			root.apply(parsed(bytes), 0);
		for (const [name, target] of [
			["s", "f/"],
			["t", "d/"],
			["u", "t/"],
		] as const)
			root.apply(parsed(rawEntry(name, { mode: symlink }, target)), 0);
		const found = (path: string) => root.find(Buffer.from(path), true)?.key;
		expect(["s", "f/", "t", "u", "u/", "u/."].map(found)).toEqual([
			undefined,
			undefined,
			"d",
			"d",
			"d",
			"d",
		]);
		expect(root.find(Buffer.from("u"))?.key).toBe("u");
	});
});

function parsed(record: Uint8Array): ParsedEntry {
	for (const entry of readCpio(Buffer.concat([record, trailer()]))) return entry;
	throw new Error("no entry");
}

describe("a hard link to what could not be made is lost", () => {
	const link = { nlink: 2, ino: 9 };
	test.each<[string, string, Buffer[], string]>([
		["its folder is missing", "gone/a", [], "VERIFY_NO_PARENT"],
		["its folder is a file", "f/a", [rawEntry("f")], "VERIFY_PARENT"],
		["its name is too long", "n".repeat(256), [], "VERIFY_NAME_TOO_LONG"],
		["its name ends in a slash", "a/", [], "VERIFY_TRAILING_SLASH"],
	])("%s", async (_what, name, before, code) => {
		const { problems, tree } = await read(
			...before,
			rawEntry(name, link),
			rawEntry("init", link, "content"),
		);
		expect(problems).toEqual([`${code} ${name}`, "VERIFY_LINK init"]);
		expect(tree.filter((line) => line.startsWith("init"))).toEqual([]);
	});

	test("in a tree that makes folders it is not", () => {
		const root = new Root({ lenient: true });
		const [one, two] = [rawEntry("gone/a", link), rawEntry("init", link, "x")].map(parsed);
		if (one === undefined || two === undefined) throw new Error("no entries");
		expect(root.apply(one, 0).troubles).toEqual(["no-parent"]);
		expect(root.apply(two, 0)).toMatchObject({ takesData: true, troubles: [] });
	});
});

describe("limits", () => {
	const entry = parsed(rawEntry("x/y", { nlink: 2 }));

	test("of first names that became nothing", () => {
		const root = new Root();
		const fill = (from: number, count: number) => {
			for (let ino = from; ino < from + count; ino++) root.apply({ ...entry, ino }, 0);
		};
		fill(0, maxNodes);
		expect(() => fill(maxNodes, 1)).toThrow(expect.objectContaining({ code: "INITRD_LIMIT" }));
		root.trailer();
		fill(0, 10);
	});

	test("of the bytes of first names, and of symlinks' targets", () => {
		const name = Buffer.from(`x/${"y".repeat(4000)}`);
		const root = new Root();
		const fill = (count: number) => {
			for (let ino = 0; ino < count; ino++) root.apply({ ...entry, name, ino }, 0);
		};
		expect(() => fill(17_000)).toThrow(expect.objectContaining({ code: "INITRD_LIMIT" }));
		root.trailer();
		fill(16_000);
		root.trailer();
		const target = Buffer.alloc(4000, "t");
		const link = { ...entry, kind: "symlink", target } as const;
		const symlinks = (names: number, count: number) => {
			for (let i = 0; i < count; i++)
				root.apply({ ...link, name: Buffer.from(String(i % names)) }, 0);
		};
		symlinks(10, 20_000);
		expect(() => symlinks(17_000, 17_000)).toThrow(
			expect.objectContaining({ code: "INITRD_LIMIT" }),
		);
	});
});

// No clock is asked, but what looks at all slashes for every part of the way takes minutes here. (A name has 4095 bytes at most;
// an archive has many.)
test("slashes behind a name cost nothing, however many parts the way has", () => {
	const root = new Root();
	const symlinkTo = (name: string, target: string) =>
		root.apply(parsed(rawEntry(name, { mode: symlink }, target)), 0);
	root.apply(parsed(rawEntry("a", { mode: folder })), 0);
	const around = "a/../".repeat(800);
	for (let i = 0; i < 39; i++) symlinkTo(`s${i}`, `${around}s${i + 1}`);
	symlinkTo("s39", "a");
	const name = Buffer.from(`s0/x${"/".repeat(1_000_000)}`);
	const entry = { ...parsed(rawEntry("x", { mode: folder })), name };
	expect(root.apply(entry, 0).node?.key).toBe("a/x");
	root.apply(
		{
			...parsed(rawEntry("t", { mode: symlink }, "x")),
			target: Buffer.from(`${around}a${"/".repeat(95)}`),
		},
		0,
	);
	expect(root.find(Buffer.from("t/x"))?.key).toBe("a/x");
});

test("symlinks that lead in and out of folders, entry after entry, meet a limit", async () => {
	const links = Array.from({ length: 39 }, (_, i) => {
		const target = `${"d/../".repeat(800)}${i === 38 ? "d" : `s${i + 1}`}`;
		return rawEntry(`s${i}`, { mode: symlink }, target);
	});
	const through = Array.from({ length: 200 }, () => rawEntry("s0/x"));
	const whole = Buffer.concat([rawEntry("d", { mode: folder }), ...links, ...through, trailer()]);
	const { problems } = await verifyInitrd([whole], { init: false });
	expect(problems.map(({ code }) => code)).toEqual(["INITRD_LIMIT"]);
});
