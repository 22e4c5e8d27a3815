import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { concat, utf8 } from "../../src/bytes/index.ts";
import { codecs } from "../../src/compress/index.ts";
import { type CpioEntry, packCpio } from "../../src/cpio/index.ts";
import { type DebEntry, dropRule, readControl, readDeb } from "../../src/debian/index.ts";
import { ar, deb, type TarMember, tar } from "./make.ts";
import { scratch } from "./mini.ts";

const shown = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
async function read(input: Uint8Array | string, drop?: string[]): Promise<DebEntry[]> {
	const entries: DebEntry[] = [];
	for await (const entry of readDeb(input, { where: "test.deb", drop })) entries.push(entry);
	return entries;
}
const names = (entries: readonly DebEntry[]) => entries.map((entry) => shown(entry.name));
const code = (code: string) => expect.objectContaining({ code });
const withData = async (data: Uint8Array, name = "data.tar.gz") =>
	ar([
		["debian-binary", "2.0\n"],
		["control.tar.gz", gzipSync(await tar([{ name: "./control", content: "Package: x\n" }]))],
		[name, data],
	]);

describe(".deb", () => {
	const members: TarMember[] = [
		{ name: "./", type: "directory", mode: 0o755 },
		{ name: "./usr/", type: "directory", mode: 0o755 },
		{ name: "./usr/bin/su", content: "su", mode: 0o4755, uid: 0, gid: 42 },
		{ name: "./usr/bin/sulogin", type: "link", linkname: "./usr/bin/su" },
		{ name: "./usr/sbin/x", type: "symlink", linkname: "../bin/su" },
		{ name: "./dev/null", type: "character-device", devmajor: 1, devminor: 3, mode: 0o666 },
		{ name: "./run/pipe", type: "fifo" },
	];

	test("entries of every kind", async () => {
		const entries = await read(await deb(members));
		const common = { uid: 0, gid: 0, mtime: 1_700_000_000 };
		expect(entries.map((entry) => ({ ...entry, name: shown(entry.name) }))).toEqual([
			{ ...common, kind: "directory", name: "usr", mode: 0o755 },
			{
				...common,
				kind: "file",
				name: "usr/bin/su",
				mode: 0o4755,
				gid: 42,
				content: utf8("su"),
			},
			{
				...common,
				kind: "link",
				name: "usr/bin/sulogin",
				mode: 0o644,
				target: utf8("usr/bin/su"),
			},
			{
				...common,
				kind: "symlink",
				name: "usr/sbin/x",
				mode: 0o644,
				target: utf8("../bin/su"),
			},
			{ ...common, kind: "character", name: "dev/null", mode: 0o666, major: 1, minor: 3 },
			{ ...common, kind: "fifo", name: "run/pipe", mode: 0o644 },
		]);
	});

	test("entries are what the cpio writer takes", async () => {
		const entries: CpioEntry<never>[] = await read(await deb(members));
		expect(packCpio(entries).length).toBeGreaterThan(0);
	});

	test("from a file, with its control file", async () => {
		const path = join(await scratch(), "x.deb");
		await writeFile(path, await deb(members, "Package: bash\nVersion: 5\nDepends: a,\n b\n"));
		expect(await read(path)).toHaveLength(6);
		expect((await readControl(path)).get("depends")).toBe("a,\nb");
	});

	test.each(["", "gz", "xz", "zst"])("data compressed as %j", async (suffix) => {
		const data = await tar([{ name: "./a", content: Buffer.alloc(100_000, "x") }]);
		const name = suffix === "" ? "data.tar" : `data.tar.${suffix}`;
		const codec =
			{ "": codecs.none, gz: codecs.gzip, xz: codecs.xz, zst: codecs.zstd }[suffix] ?? codecs.none;
		let packed: Uint8Array = data;
		if (suffix === "zst") packed = zstdOf(data);
		else {
			const parts: Uint8Array[] = [];
			for await (const part of codec.compress([data])) parts.push(part);
			packed = concat(parts);
		}
		const [entry] = await read(await withData(packed, name));
		expect(entry?.kind === "file" && entry.content.length).toBe(100_000);
	});

	test("members of later versions of the format are passed over", async () => {
		const [head, control, data] = [
			["debian-binary", "2.7\n"] as const,
			[
				"control.tar.gz",
				gzipSync(await tar([{ name: "control", content: "Package: x\n" }])),
			] as const,
			["data.tar.gz", gzipSync(await tar([{ name: "./a" }]))] as const,
		];
		const late = ar([
			head,
			["_gpgorigin", "x"],
			control,
			["_more", "xyz"],
			data,
			["anything", "y"],
		]);
		expect(names(await read(late))).toEqual(["a"]);
	});

	test("names longer than a header holds, of GNU and of pax; names that are no UTF-8", async () => {
		const long = `usr/share/${"n".repeat(200)}/${"ü".repeat(60)}`;
		// tar-stream writes pax for what does not fit, or is no ASCII.
		expect(names(await read(await deb([{ name: `./${long}` }])))).toEqual([
			Buffer.from(long).toString("latin1"),
		]);
		const gnu = concat([
			header("././@LongLink", 0x4c, long.length + 2 + 60),
			padded(Buffer.from(`./${long}\0`)),
			header("./cut", 0x30, 0),
			new Uint8Array(1024),
		]);
		expect(names(await read(await withData(gzipSync(gnu))))).toEqual([
			Buffer.from(long).toString("latin1"),
		]);
		const raw = concat([header("./caf\xe9", 0x30, 0), new Uint8Array(1024)]);
		expect(names(await read(await withData(gzipSync(raw))))).toEqual(["caf\xe9"]);
	});

	test("/usr is merged", async () => {
		const entries = await read(
			await deb([
				{ name: "./bin/", type: "directory" },
				{ name: "./bin/sh" },
				{ name: "./bin/dash", type: "link", linkname: "./bin/sh" },
				{ name: "./lib64/ld.so" },
				{ name: "./library/x" },
				{ name: "./sbin", type: "symlink", linkname: "usr/sbin" },
			]),
		);
		expect(names(entries)).toEqual([
			"usr/bin",
			"usr/bin/sh",
			"usr/bin/dash",
			"usr/lib64/ld.so",
			"library/x",
			"sbin",
		]);
		expect(entries[2]).toMatchObject({ kind: "link", target: utf8("usr/bin/sh") });
	});

	test("what rules leave out is left out; a hard link to it becomes the file", async () => {
		const files = [
			{ name: "./usr/share/doc/x/copyright" },
			{ name: "./usr/share/doc/x/NEWS" },
			{ name: "./usr/bin/gone", content: "kept", mode: 0o755 },
			{ name: "./usr/bin/one", type: "link" as const, linkname: "usr/bin/gone" },
			{ name: "./usr/bin/two", type: "link" as const, linkname: "usr/bin/gone" },
			{ name: "./usr/bin/z" },
		];
		const drop = ["usr/share/doc/**", "!usr/share/doc/*/copyright", "usr/bin/gone"];
		const entries = await read(await deb(files), drop);
		expect(names(entries)).toEqual([
			"usr/share/doc/x/copyright",
			"usr/bin/z",
			"usr/bin/one",
			"usr/bin/two",
		]);
		expect(entries.slice(2)).toMatchObject([
			{ kind: "file", content: utf8("kept"), mode: 0o755 },
			{ kind: "link", target: utf8("usr/bin/one") },
		]);
	});
});

describe("rules", () => {
	test.each([
		["a/*", "a/b", true],
		["a/*", "a/b/c", false],
		["a/**", "a/b/c", true],
		["a/**", "a", false],
		["a/**", "ab/c", false],
		["**/x.py", "a/b/x.py", true],
		["/a/?.so", "a/b.so", true],
		["a/?.so", "a/bb.so", false],
		["a.b", "axb", false],
		["a[b]+(c)", "a[b]+(c)", true],
	])("%s on %s: %s", (pattern, path, dropped) => {
		expect(dropRule([pattern])(path)).toBe(dropped);
	});

	test("the last that fits decides", () => {
		const rule = dropRule(["a/**", "!a/b/**", "a/b/c"]);
		expect(["a/x", "a/b/x", "a/b/c"].map(rule)).toEqual([true, false, true]);
	});
});

describe("hostile packages are refused", () => {
	test.each<[string, TarMember[]]>([
		["a way up", [{ name: "./usr/../../etc/passwd" }]],
		["a way up at the start", [{ name: "../x" }]],
		["a path from the root", [{ name: "/etc/passwd" }]],
		["the root of the machine", [{ name: "/", type: "directory" }]],
		["a doubled slash", [{ name: "./usr//bin" }]],
		["a dot within", [{ name: "./usr/./bin" }]],
		[
			"a file below a link",
			[{ name: "./a", type: "symlink", linkname: "/etc" }, { name: "./a/passwd" }],
		],
		[
			"a file in a folder in place of a link",
			[
				{ name: "./a", type: "symlink", linkname: "/etc" },
				{ name: "./a/", type: "directory" },
				{ name: "./a/passwd" },
			],
		],
		[
			"a link in place of a folder in use",
			[{ name: "./a/b" }, { name: "./a", type: "symlink", linkname: "/etc" }],
		],
		["a hard link out of the package", [{ name: "./x", type: "link", linkname: "/etc/shadow" }]],
		["a hard link up", [{ name: "./x", type: "link", linkname: "../etc/shadow" }]],
		["a hard link to nothing", [{ name: "./x", type: "link", linkname: "./y" }]],
		[
			"a hard link to a symlink",
			[
				{ name: "./y", type: "symlink", linkname: "/etc" },
				{ name: "./x", type: "link", linkname: "./y" },
			],
		],
		["a symlink to nowhere", [{ name: "./x", type: "symlink", linkname: "" }]],
		["a name no system can hold", [{ name: `./${"n".repeat(300)}` }]],
	])("%s", async (_, files) => {
		await expect(read(await deb(files))).rejects.toEqual(code("DEBIAN_PATH"));
	});

	test.each<[string, () => Promise<Uint8Array> | Uint8Array]>([
		["nothing", () => new Uint8Array()],
		["an archive of another kind", () => Buffer.from("PK\x03\x04".padEnd(100))],
		["another format version", () => ar([["debian-binary", "3.0\n"]])],
		[
			"no data",
			() =>
				ar([
					["debian-binary", "2.0\n"],
					["control.tar.gz", ""],
				]),
		],
		[
			"data before control",
			() =>
				ar([
					["debian-binary", "2.0\n"],
					["data.tar.gz", ""],
					["control.tar.gz", ""],
				]),
		],
		["an unknown compression", () => withData(new Uint8Array(10), "data.tar.lzma")],
		[
			"a member that claims too much",
			() => ar([["debian-binary", "2.0\n"]]).map((byte, at) => (at === 8 + 48 ? 0x39 : byte)),
		],
		[
			"a size that is no number",
			() => ar([["debian-binary", "2.0\n"]]).map((byte, at) => (at === 8 + 48 ? 0x2d : byte)),
		],
		["too many members", () => ar(Array.from({ length: 100 }, (_, at) => [`m${at}`, ""] as const))],
		[
			"a tar header with a wrong sum",
			async () =>
				withData(gzipSync((await tar([{ name: "./a" }])).map((b, at) => (at === 3 ? 0x62 : b)))),
		],
		[
			"a tar archive cut off",
			async () =>
				withData(
					gzipSync((await tar([{ name: "./a", content: "x".repeat(2000) }])).subarray(0, 1500)),
				),
		],
		[
			"a sparse file",
			() => withData(gzipSync(concat([header("./a", 0x53, 0), new Uint8Array(1024)]))),
		],
		[
			"a file of nearly endless size",
			() => withData(gzipSync(concat([header("./a", 0x30, 0o77777777777), new Uint8Array(2048)]))),
		],
	])("%s", async (_, make) => {
		await expect(read(await make())).rejects.toEqual(code("DEBIAN_ARCHIVE"));
	});

	test("a bomb", async () => {
		const bomb = await deb([{ name: "./zeros", content: Buffer.alloc(10 << 20) }]);
		const all = async (limits: object) => {
			for await (const _ of readDeb(bomb, limits));
		};
		await expect(all({ maxUnpacked: 1 << 20 })).rejects.toEqual(code("COMPRESS_LIMIT"));
		await expect(all({ maxFile: 1 << 20 })).rejects.toEqual(code("DEBIAN_ARCHIVE"));
		await all({});
	});

	test("damaged compressed data", async () => {
		const whole = await withData(gzipSync(await tar([{ name: "./a", content: "x".repeat(5000) }])));
		await expect(
			read(
				whole.map((byte, at) => (at > whole.length - 40 && at < whole.length - 20 ? 0xff : byte)),
			),
		).rejects.toEqual(expect.objectContaining({ name: "EkexecError" }));
	});

	test("a control archive without control", async () => {
		const empty = ar([
			["debian-binary", "2.0\n"],
			["control.tar.gz", gzipSync(await tar([{ name: "./md5sums", content: "" }]))],
			["data.tar.gz", gzipSync(await tar([]))],
		]);
		await expect(readControl(empty)).rejects.toEqual(code("DEBIAN_ARCHIVE"));
	});
});

describe("leaving early", () => {
	test("a loop that ends before the package does", async () => {
		const many = await deb(
			Array.from({ length: 50 }, (_, at) => ({ name: `./f${at}`, content: "x".repeat(9000) })),
		);
		for await (const entry of readDeb(many)) {
			expect(shown(entry.name)).toBe("f0");
			break;
		}
	});

	test("an abort", async () => {
		const abort = new AbortController();
		const reason = new Error("enough");
		const data = await deb(
			Array.from({ length: 50 }, (_, at) => ({
				name: `./f${at}`,
				content: Buffer.alloc(1 << 18, at),
			})),
		);
		const all = async () => {
			for await (const _ of readDeb(data, { signal: abort.signal })) abort.abort(reason);
		};
		await expect(all()).rejects.toBe(reason);
	});
});

/** A tar header field by field (ustar), for what no writer would write. */
function header(name: string, type: number, size: number): Uint8Array {
	const block = Buffer.alloc(512);
	block.write(name, 0, "latin1");
	block.write("0000644\0", 100);
	block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
	block.write("00000000000\0", 136);
	block.write("        ", 148);
	block[156] = type;
	block.write("ustar\0" + "00", 257);
	const sum = block.reduce((total, byte) => total + byte, 0);
	block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
	return block;
}

function padded(bytes: Uint8Array): Uint8Array {
	return concat([bytes, new Uint8Array((512 - (bytes.length % 512)) % 512)]);
}

/** One zstd frame of raw and RLE blocks (RFC 8878), which every Node can make. */
function zstdOf(data: Uint8Array): Uint8Array {
	const parts: Uint8Array[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58])];
	for (let at = 0; at < data.length; at += 65536) {
		const block = data.subarray(at, at + 65536);
		const last = at + 65536 >= data.length ? 1 : 0;
		const head = Buffer.alloc(3);
		head.writeUIntLE(block.length * 8 + last, 0, 3);
		parts.push(head, block);
	}
	return concat(parts);
}
