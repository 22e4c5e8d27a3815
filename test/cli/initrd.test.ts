import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { packCpio } from "../../src/cpio/index.ts";
import { scratch } from "../initrd/tree-on-disk.ts";
import { type RunOptions, runIn } from "./support/run.ts";

let place: ReturnType<typeof scratch>;
beforeEach(() => {
	place = scratch();
	mkdirSync(join(place.path, "tree/etc"), { recursive: true });
	writeFileSync(join(place.path, "tree/init"), "#!/bin/sh\n", { mode: 0o755 });
	writeFileSync(join(place.path, "tree/etc/motd"), "hello\n");
});
afterEach(() => place.remove());
const at = (name: string) => join(place.path, name);

const run = (words: readonly string[], options?: RunOptions) => runIn(place.path, words, options);
const initrd = (...words: string[]) => run(["initrd", ...words]);
const text = async (...words: string[]) => (await initrd(...words)).stdout.toString();

describe("initrd pack", () => {
	test("says nothing unasked, writes the file, by its name compressed", async () => {
		expect(await initrd("pack", "tree", "-o", "out.gz")).toEqual({
			code: 0,
			stdout: Buffer.alloc(0),
			stderr: "",
		});
		expect(readFileSync(at("out.gz")).subarray(0, 2).toString("hex")).toBe("1f8b");
		expect(await text("list", "out.gz")).toBe("etc\netc/motd\ninit\n");
	});

	test("--json says what was written", async () => {
		const { stdout } = await initrd("pack", "tree", "-o", "out.img", "--json");
		const size = readFileSync(at("out.img")).length;
		expect(JSON.parse(stdout.toString())).toEqual({
			path: "out.img",
			entries: 3,
			unpackedSize: size,
			size,
		});
	});

	test("- is standard input for a tree and standard output for the archive", async () => {
		const tree = JSON.stringify([
			{ path: "etc/motd", text: "later\n" },
			{ path: "dev/null", type: "character", major: 1, minor: 3 },
		]);
		const { stdout, code } = await run(["initrd", "pack", "tree", "-", "-o", "-"], {
			stdin: Buffer.from(tree),
		});
		expect(code).toBe(0);
		writeFileSync(at("out.img"), stdout);
		expect(await text("list", "out.img")).toBe("dev\ndev/null\netc\netc/motd\ninit\n");
		expect(await text("cat", "out.img", "/etc/motd")).toBe("later\n");
	});

	test("the time is that of --mtime, SOURCE_DATE_EPOCH, or 1970", async () => {
		const mtime = async (words: string[], env = {}) => {
			const { stdout } = await run(["initrd", "pack", "tree", "-o", "-", ...words], { env });
			return Number.parseInt(stdout.subarray(46, 54).toString(), 16);
		};
		expect(await mtime([])).toBe(0);
		expect(await mtime([], { SOURCE_DATE_EPOCH: "77" })).toBe(77);
		expect(await mtime(["--mtime", "2020-01-01T00:00:00Z"], { SOURCE_DATE_EPOCH: "77" })).toBe(
			1_577_836_800,
		);
	});

	test("its own earlier output inside the folder is left out", async () => {
		await initrd("pack", "tree", "-o", "tree/out.img");
		await initrd("pack", "tree", "-o", "tree/out.img");
		expect(await text("list", "tree/out.img")).toBe("etc\netc/motd\ninit\n");
	});

	test("appends to what is there", async () => {
		await initrd("pack", "tree", "-o", "out.img");
		writeFileSync(at("more.json"), JSON.stringify([{ path: "etc/motd", text: "appended\n" }]));
		await initrd("pack", "more.json", "-o", "out.img", "--append-to", "out.img", "-c", "xz");
		const table = (await text("list", "out.img", "--segments"))
			.split("\n")
			.map((line) => line.trim().split(/\s+/).slice(0, 2).join(" "));
		expect(table).toEqual(["segment kind", "0 cpio", "1 xz", ""]);
		expect(await text("cat", "out.img", "etc/motd")).toBe("appended\n");
	});

	test.each<[string[], number, RegExp]>([
		[
			["pack", "nowhere", "-o", "x"],
			2,
			/field source: cannot be used; expected a folder or a JSON tree; found nothing at nowhere/,
		],
		[["pack", "tree"], 2, /Missing required argument: output/],
		[["pack", "tree", "-o", "no/such/x"], 4, /no\/such\/x: cannot write: ENOENT/],
		[["pack", "tree", "-o", "x", "--mtime", "yesterday"], 2, /field --mtime/],
		[["pack", "tree", "-o", "x", "--level", "high"], 2, /field --level/],
		[["pack", "tree", "-o", "x", "--microcode", "tree/init"], 2, /not microcode of Intel or AMD/],
		[["pack", "tree", "-o", "-", "--json"], 2, /field --json/],
		[["pack", "tree", "-o", "x.lz4"], 2, /field --output.*found \.lz4/],
		[["pack", "tree", "-o", "x", "--compress", "rar"], 2, /Choices: "none", "gzip", "xz", "zstd"/],
	])("%j: exit %i", async (words, code, message) => {
		const found = await initrd(...words);
		expect(found.code).toBe(code);
		expect(found.stderr).toMatch(message);
		expect(readdirSync(place.path)).toEqual(["tree"]);
	});
});

describe("initrd list", () => {
	beforeEach(() => {
		writeFileSync(
			at("a.img"),
			packCpio([
				{ kind: "file", name: Uint8Array.of(0x1b, 0x5b, 0xff), content: "x", mtime: 86_400 },
				{ kind: "symlink", name: "s", target: "t" },
				{ kind: "block", name: "sda", major: 8, minor: 1, mode: 0o660, gid: 6 },
			]),
		);
	});

	test("bytes as they are for programs, harmless for terminals", async () => {
		expect((await initrd("list", "a.img")).stdout.subarray(0, 4).toString("hex")).toBe("1b5bff0a");
		expect((await run(["initrd", "list", "a.img"], { terminal: true })).stdout.toString()).toMatch(
			/^\\x1b\[\\xff\n/,
		);
		expect((await initrd("list", "-0", "a.img")).stdout.subarray(0, 6).toString("hex")).toBe(
			"1b5bff007300",
		);
	});

	test("--long has all of it", async () => {
		expect(
			(await run(["initrd", "list", "--long", "a.img"], { terminal: true })).stdout.toString(),
		).toBe(
			[
				"-rw-r--r--   1     0     0          1 1970-01-02 00:00:00 \\x1b[\\xff",
				"lrwxrwxrwx   1     0     0          1 1970-01-01 00:00:00 s -> t",
				"brw-rw----   1     0     6       8, 1 1970-01-01 00:00:00 sda",
				"",
			].join("\n"),
		);
	});

	test("--json, of the archive and of the merged tree", async () => {
		const listed = JSON.parse(await text("list", "--json", "a.img"));
		expect(listed.entries.map((e: { path: string; type: string }) => [e.path, e.type])).toEqual([
			["\\x1b[\\xff", "file"],
			["s", "symlink"],
			["sda", "block"],
		]);
		expect(listed.segments).toMatchObject([{ index: 0, kind: "none", offset: 0, entries: 3 }]);
		const merged = JSON.parse(await text("list", "--json", "--merged", "a.img"));
		expect(merged.entries[0].sha256).toBe(createHash("sha256").update("x").digest("hex"));
	});

	test("what is whole of a broken one is listed, then the error told", async () => {
		writeFileSync(at("b.img"), readFileSync(at("a.img")).subarray(0, 300));
		const { code, stdout, stderr } = await initrd("list", "b.img");
		expect([code, stdout.length > 0]).toEqual([1, true]);
		expect(stderr).toMatch(/b\.img, offset 300, field header: input ends within a header/);
	});

	test("from standard input", async () => {
		const { stdout } = await run(["initrd", "ls", "-"], { stdin: readFileSync(at("a.img")) });
		expect(stdout.toString("latin1").split("\n").length).toBe(4);
	});
});

describe("initrd extract, cat, verify, diff", () => {
	beforeEach(async () => {
		await initrd("pack", "tree", "-o", "a.img");
	});

	test("extract makes the folder; what is there is not overwritten", async () => {
		const { stdout } = await initrd("extract", "a.img", "-C", "out", "--json");
		// Whoever is not root becomes the owner of all that it extracts.
		const lost = { setId: 0, owner: process.geteuid?.() === 0 ? 0 : 3 };
		const told = {
			extracted: 3,
			skipped: [],
			notes: [],
			omitted: 0,
			damaged: false,
			lost,
			unmatched: [],
		};
		expect(JSON.parse(stdout.toString())).toEqual(told);
		expect(readFileSync(at("out/etc/motd"), "utf8")).toBe("hello\n");
		expect((await initrd("x", "a.img", "-C", "out")).code).toBe(3);
		expect((await initrd("x", "a.img", "-C", "out", "--overwrite")).code).toBe(0);
		const none = await initrd("extract", "a.img", "-C", "out", "var/*");
		expect([none.code, none.stderr]).toEqual([
			1,
			expect.stringMatching(/field var\/\*: nothing in the initrd is meant/),
		]);
	});

	test("cat reads standard input, too", async () => {
		const { stdout } = await run(["initrd", "cat", "-", "etc/motd"], {
			stdin: readFileSync(at("a.img")),
		});
		expect(stdout.toString()).toBe("hello\n");
		expect((await initrd("cat", "a.img", "etc/nothing")).code).toBe(1);
	});

	test("verify: exit 0 and what it is, or exit 1 and what is wrong where", async () => {
		expect(await text("verify", "a.img", "--no-init")).toMatch(
			/^ok: 1 segment, 3 names, SHA-256 [0-9a-f]{64}\n$/,
		);
		writeFileSync(
			at("b.img"),
			Buffer.concat([packCpio([{ kind: "file", name: "x" }]), Buffer.from("junk")]),
		);
		const { code, stdout } = await initrd("verify", "b.img");
		expect([code, stdout.toString()]).toEqual([
			1,
			expect.stringMatching(
				/^error: b\.img, offset 236, field magic: neither an archive nor compressed data/,
			),
		]);
		const json = JSON.parse(await text("verify", "b.img", "--json"));
		expect(json).toMatchObject({
			ok: false,
			problems: [{ level: "error", code: "INITRD_SEGMENT", offset: 236 }],
		});
		expect((await initrd("verify", "a.img", "--sha256", "0".repeat(64))).code).toBe(1);
		expect((await initrd("verify", "a.img", "--sha256", "short")).code).toBe(2);
	});

	test("a manifest written is a manifest kept; a change shows", async () => {
		expect((await initrd("verify", "a.img", "--no-init", "--write-manifest", "m.json")).code).toBe(
			0,
		);
		expect((await initrd("verify", "a.img", "--no-init", "--manifest", "m.json")).code).toBe(0);
		expect(
			JSON.parse(await text("verify", "a.img", "--no-init", "--write-manifest", "-")).entries
				.length,
		).toBe(3);
		writeFileSync(at("tree/etc/motd"), "changed");
		await initrd("pack", "tree", "-o", "b.img");
		const { code, stdout } = await initrd("verify", "b.img", "--no-init", "--manifest", "m.json");
		expect([code, stdout.toString()]).toEqual([1, "~ etc/motd: size 6 → 7, content\n"]);
		writeFileSync(at("m.json"), "{}");
		expect((await initrd("verify", "a.img", "--no-init", "--manifest", "m.json")).code).toBe(2);
	});

	test("diff: exit 0 and nothing, or exit 1 and the differences", async () => {
		expect(await initrd("diff", "a.img", "a.img")).toMatchObject({
			code: 0,
			stdout: Buffer.alloc(0),
		});
		writeFileSync(
			at("t.json"),
			JSON.stringify([
				{ path: "new", text: "" },
				{ path: "init", text: "#!/bin/sh\n", mode: "0700" },
			]),
		);
		await initrd("pack", "t.json", "-o", "b.img");
		const { code, stdout } = await initrd("diff", "a.img", "b.img");
		expect([code, stdout.toString()]).toEqual([
			1,
			"- etc\n- etc/motd\n~ init: mode 0755 → 0700\n+ new\n",
		]);
		expect(JSON.parse(await text("diff", "a.img", "b.img", "--json")).changes[2]).toEqual({
			path: "init",
			change: "changed",
			fields: [{ field: "mode", from: "0755", to: "0700" }],
		});
	});

	test("a file that is not there", async () => {
		for (const words of [
			["list", "no"],
			["extract", "no", "-C", "o"],
			["cat", "no", "x"],
			["verify", "no"],
			["diff", "no", "no"],
		]) {
			const { code, stderr } = await initrd(...words);
			expect([code, stderr]).toEqual([4, expect.stringMatching(/no: cannot read: ENOENT/)]);
		}
	});
});
