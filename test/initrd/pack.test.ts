import { createHash } from "node:crypto";
import {
	appendFileSync,
	chmodSync,
	linkSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	statSync,
	symlinkSync,
	truncateSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { text } from "../../src/bytes/index.ts";
import { codecs } from "../../src/compress/index.ts";
import { type CpioEntry, packCpio, readCpio } from "../../src/cpio/index.ts";
import {
	type ContentRef,
	extractInitrd,
	initrdChunks,
	mergeEntries,
	microcodeOf,
	packInitrd,
	parseTree,
	readTree,
	scanInitrd,
	walk,
} from "../../src/initrd/index.ts";
import { deviceNumber } from "../../src/initrd/walk.ts";
import { scratch, snapshot } from "./tree-on-disk.ts";

let place: ReturnType<typeof scratch>;
beforeEach(() => {
	place = scratch();
});
afterEach(() => place.remove());
const at = (name: string) => join(place.path, name);
const digest = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

function plant(): string {
	const folder = at("tree");
	mkdirSync(join(folder, "sub/deep"), { recursive: true });
	writeFileSync(join(folder, "empty"), "");
	writeFileSync(join(folder, "small"), "small\n", { mode: 0o640 });
	writeFileSync(join(folder, "sub/big"), Buffer.alloc(3_000_001, "big"));
	writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.of(0xfe, 0x41)]), "odd name");
	linkSync(join(folder, "small"), join(folder, "sub/deep/linked"));
	symlinkSync("../small", join(folder, "sub/up"));
	symlinkSync("nowhere", join(folder, "dangling"));
	chmodSync(join(folder, "sub"), 0o750);
	return folder;
}

describe("a folder", () => {
	test("packed and extracted is the same tree", async () => {
		const folder = plant();
		const result = await packInitrd(await walk(folder), at("out.img"));
		expect(result.size).toBe(statSync(at("out.img")).size);
		await extractInitrd([readFileSync(at("out.img"))], at("out"));
		expect(snapshot(at("out"))).toEqual(snapshot(folder));
	});

	test("with preserve times and owners come along", async () => {
		const folder = plant();
		utimesSync(join(folder, "small"), 1e9, 1e9);
		utimesSync(join(folder, "sub"), 2e9, 2e9);
		await packInitrd(await walk(folder, { preserve: true }), at("out.img"));
		await extractInitrd([readFileSync(at("out.img"))], at("out"), { preserve: true });
		const how = { owners: true, times: "all" } as const;
		expect(snapshot(at("out"), how)).toEqual(snapshot(folder, how));
	});

	test("gives the same bytes another day, by another way, through any output", async () => {
		const folder = plant();
		await packInitrd(await walk(folder), at("a"), { mtime: 7 });
		utimesSync(join(folder, "small"), 3, 3);
		await packInitrd((await walk(folder)).reverse(), at("b"), { mtime: 7 });
		const parts: Uint8Array[] = [];
		for await (const chunk of initrdChunks(await walk(folder), { mtime: 7 }))
			parts.push(chunk.slice());
		expect(digest(at("b"))).toBe(digest(at("a")));
		expect(Buffer.concat(parts).equals(readFileSync(at("a")))).toBe(true);
	});

	test.each(["gzip", "xz"] as const)(
		"compressed with %s it holds the same archive",
		async (name) => {
			const folder = plant();
			await packInitrd(await walk(folder), at("plain"));
			const result = await packInitrd(await walk(folder), at("packed"), { codec: codecs[name] });
			const [segment] = await scanInitrd([readFileSync(at("packed"))]);
			expect([segment?.kind, segment?.unpackedSize, segment?.length]).toEqual([
				name,
				statSync(at("plain")).size,
				result.size,
			]);
		},
	);

	test("in the crc format sums are those of the files", async () => {
		await packInitrd(await walk(plant()), at("out.img"), { format: "crc" });
		const big = [...readCpio(readFileSync(at("out.img")))].find(
			({ name }) => text(name) === "sub/big",
		);
		expect(big?.check).toBe(1_000_000 * (98 + 105 + 103) + 98);
	});

	test("file data begins at multiples of the alignment, appended or not", async () => {
		const folder = plant();
		writeFileSync(at("base"), packCpio([{ kind: "file", name: "base", content: "xyz" }]));
		await packInitrd(await walk(folder), at("out.img"), { align: 4096, appendTo: at("base") });
		const bytes = readFileSync(at("out.img"));
		const big = [...readCpio(bytes)].find(({ name }) => text(name) === "sub/big");
		expect((big?.dataOffset ?? 1) % 4096).toBe(0);
	});
});

describe("files that change meanwhile", () => {
	const pack = async (change: (path: string) => void) => {
		const path = join(plant(), "sub/big");
		const entries = await walk(at("tree"));
		change(path);
		writeFileSync(at("out.img"), "what was there");
		await expect(packInitrd(entries, at("out.img"))).rejects.toMatchObject({
			code: "INITRD_CHANGED",
			kind: "failed",
		});
		// The output is as it was, and nothing else lies about.
		expect(readFileSync(at("out.img"), "utf8")).toBe("what was there");
		expect(readdirSync(place.path).sort()).toEqual(["out.img", "tree"]);
	};
	test("shorter", () => pack((path) => truncateSync(path, 5)));
	test("longer by a byte", () => pack((path) => appendFileSync(path, "x")));

	test("a stream of another length than said", async () => {
		const entry = (size: number): CpioEntry<ContentRef> => ({
			kind: "file",
			name: "s",
			content: { size, ref: { stream: () => [Buffer.from("abc")] } },
		});
		await packInitrd([entry(3)], at("right"));
		expect(text([...readCpio(readFileSync(at("right")))][0]?.data ?? new Uint8Array(0))).toBe(
			"abc",
		);
		for (const size of [2, 4]) {
			await expect(packInitrd([entry(size)], at("wrong"))).rejects.toMatchObject({
				code: "INITRD_CHANGED",
			});
		}
		expect(readdirSync(place.path)).toEqual(["right"]);
	});

	test("a stretch of a larger file", async () => {
		writeFileSync(at("pool"), "0123456789");
		await packInitrd(
			[{ kind: "file", name: "s", content: { size: 4, ref: { path: at("pool"), offset: 3 } } }],
			at("x"),
		);
		expect(text([...readCpio(readFileSync(at("x")))][0]?.data ?? new Uint8Array(0))).toBe("3456");
	});
});

describe("appending and early archives", () => {
	test("a segment behind another, at a multiple of four; the output may be the base", async () => {
		writeFileSync(
			at("base"),
			Buffer.concat([packCpio([{ kind: "file", name: "a" }]), Buffer.alloc(3)]),
			{ mode: 0o600 },
		);
		const size = statSync(at("base")).size;
		await packInitrd([{ kind: "file", name: "b" }], at("base"), {
			appendTo: at("base"),
			codec: codecs.gzip,
		});
		const segments = await scanInitrd([readFileSync(at("base"))]);
		expect(segments.map(({ kind, offset }) => [kind, offset])).toEqual([
			["none", 0],
			["gzip", size + 1],
		]);
		expect(statSync(at("base")).mode & 0o777).toBe(0o600);
	});

	test("microcode is told by its head and comes first, uncompressed", async () => {
		const intel = Buffer.alloc(2048);
		intel[0] = 1;
		const amd = Buffer.from("DMA\0rest");
		const early = microcodeOf([
			{ where: "i", bytes: intel },
			{ where: "a", bytes: amd },
		]);
		await packInitrd([{ kind: "file", name: "init" }], at("x"), { early, codec: codecs.xz });
		const segments = await scanInitrd([readFileSync(at("x"))]);
		expect(segments.map(({ kind }) => kind)).toEqual(["none", "xz"]);
		expect(() => microcodeOf([{ where: "text", bytes: Buffer.from("text") }])).toThrow(
			/text, offset 0: not microcode/,
		);
		await expect(packInitrd([], at("y"), { early, appendTo: at("x") })).rejects.toMatchObject({
			code: "INITRD_OPTION",
		});
	});
});

describe("laid over one another", () => {
	const show = (entries: CpioEntry<never>[]) =>
		[...readCpio(packCpio(entries))].map((e) => `${text(e.name)} ${e.ino} ${text(e.data)}`.trim());

	test("the later wins, links to what is replaced keep the old", () => {
		const merged = mergeEntries<never>([
			[
				{ kind: "file", name: "a", content: "old" },
				{ kind: "link", name: "b", target: "a" },
				{ kind: "link", name: "c", target: "b" },
				{ kind: "file", name: "d", content: "stays" },
			],
			[{ kind: "file", name: "./a", content: "new" }],
		]);
		expect(show(merged)).toEqual(["a 1 new", "b 2", "c 2 old", "d 3 stays"]);
	});

	test("a link that is replaced leaves its chain whole", () => {
		const merged = mergeEntries<never>([
			[
				{ kind: "file", name: "a", content: "old" },
				{ kind: "link", name: "b", target: "a" },
				{ kind: "link", name: "c", target: "b" },
			],
			[{ kind: "file", name: "b", content: "new" }],
		]);
		expect(show(merged)).toEqual(["a 1", "b 2 new", "c 1 old"]);
	});
});

describe("JSON trees", () => {
	test("say everything an archive can hold", async () => {
		mkdirSync(at("more"));
		writeFileSync(at("more/file"), "from disk");
		writeFileSync(
			at("tree.json"),
			JSON.stringify({
				entries: [
					{ path: "dev/console", type: "character", major: 5, minor: 1, mode: "0600" },
					{ path: "etc/motd", text: "hi\n", uid: 1, gid: 2, mtime: 9 },
					{ path: "etc/bin", base64: "AP8=" },
					{ path: "etc/file", source: "more/file", mode: "755" },
					{ path: "etc/more", type: "link", target: "etc/file" },
					{ path: "sh", target: "bin/\\xff" },
					{ path: "copy", type: "tree", source: "more" },
					{ path: "run", type: "directory", mode: "1777" },
					{ path: "pipe", type: "fifo" },
				],
			}),
		);
		await packInitrd(await readTree(at("tree.json")), at("x"));
		const read = [...readCpio(readFileSync(at("x")))].map((e) => [
			text(e.name),
			e.mode.toString(8),
			e.uid,
			e.mtime,
			e.rdevminor,
			e.kind === "symlink" ? e.data.join() : text(e.data),
		]);
		expect(read).toEqual([
			["copy", "40755", 0, 0, 0, ""],
			["copy/file", "100644", 0, 0, 0, "from disk"],
			["dev", "40755", 0, 0, 0, ""],
			["dev/console", "20600", 0, 0, 1, ""],
			["etc", "40755", 0, 0, 0, ""],
			["etc/bin", "100644", 0, 0, 0, "\0\ufffd"],
			["etc/file", "100755", 0, 0, 0, ""],
			["etc/more", "100755", 0, 0, 0, "from disk"],
			["etc/motd", "100644", 1, 9, 0, "hi\n"],
			["pipe", "10644", 0, 0, 0, ""],
			["run", "41777", 0, 0, 0, ""],
			["sh", "120777", 0, 0, 0, "98,105,110,47,255"],
		]);
	});

	test.each<[unknown, string]>([
		[{}, 'not a tree description; expected a list of entries, or an object with a list "entries"'],
		[["x"], "entries[0]: entry of the tree makes no sense; expected an object; found string"],
		[
			[{ path: "a", type: "file", mod: "0644" }],
			"entries[0] (a), field mod: entry of the tree makes no sense; expected one of path, type, mode, uid, gid, mtime, text, base64, source, target, major, minor; found an unknown key",
		],
		[
			[{ path: "a" }],
			"entries[0] (a), field type: entry of the tree makes no sense; expected file, directory, symlink, character, block, fifo, socket, link, tree; found undefined",
		],
		[
			[{ path: "a", text: "", mode: 644 }],
			'entries[0] (a), field mode: entry of the tree makes no sense; expected permissions as octal text, such as "0755"; found 644',
		],
		[
			[{ path: "a", text: "x", base64: "" }],
			"entries[0] (a), field base64: entry of the tree makes no sense; expected either text or base64; found both",
		],
		[
			[{ path: "a", base64: "!" }],
			"entries[0] (a), field base64: entry of the tree makes no sense; expected base64 text without blanks; found something else",
		],
		[
			[{ path: "a", type: "block", major: 1 }],
			"entries[0] (a), field minor: entry of the tree makes no sense; expected an integer; found nothing",
		],
	])("%j: refused", async (json, message) => {
		await expect(parseTree(json)).rejects.toThrow(message);
	});
});

test("device numbers of Linux and macOS", () => {
	expect(deviceNumber(0x801, "linux")).toEqual({ major: 8, minor: 1 });
	expect(deviceNumber(0x1234_5678, "linux")).toEqual({ major: 0x456, minor: 0x12378 });
	expect(deviceNumber(0x1000_0002, "darwin")).toEqual({ major: 16, minor: 2 });
});

test("an abort leaves nothing behind", async () => {
	const entries = await walk(plant());
	const abort = new AbortController();
	const packing = packInitrd(entries, at("out.img"), {
		signal: abort.signal,
		onProgress: () => abort.abort(new Error("enough")),
	});
	await expect(packing).rejects.toThrow("enough");
	expect(readdirSync(place.path)).toEqual(["tree"]);
});
