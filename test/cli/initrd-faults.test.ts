import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { codecs } from "../../src/compress/index.ts";
import { packCpio } from "../../src/cpio/index.ts";
import { rawEntry, trailer } from "../initrd/raw-entry.ts";
import { scratch } from "../initrd/tree-on-disk.ts";
import { type RunOptions, runIn } from "./support/run.ts";

let place = scratch();
beforeEach(() => {
	place = scratch();
	mkdirSync(join(place.path, "tree/etc"), { recursive: true });
	writeFileSync(join(place.path, "tree/etc/motd"), "hello\n");
	writeFileSync(
		at("a.img"),
		packCpio([
			{ kind: "file", name: "etc/motd", content: "hello\n" },
			{ kind: "file", name: Uint8Array.of(0x62, 0xff), content: "odd" },
			{ kind: "file", name: "s\\x2dt", content: "unit" },
			{ kind: "symlink", name: "link", target: "etc/motd" },
			{ kind: "block", name: "sda", major: 8, minor: 1, mode: 0o660 },
		]),
	);
});
afterEach(() => {
	vi.restoreAllMocks();
	place.remove();
});
const at = (name: string) => join(place.path, name);
const run = (words: readonly string[], options?: RunOptions) =>
	runIn(place.path, ["initrd", ...words], options);
const json = (name: string, tree: unknown) => writeFileSync(at(name), JSON.stringify(tree));

/** Runs what must fail with this code; answers what it says. */
async function told(code: number, ...words: string[]): Promise<string> {
	const found = await run(words);
	expect(`${found.code}: ${found.stderr}`).toMatch(new RegExp(`^${code}: `));
	return found.stderr;
}

describe("pack", () => {
	test("a base that is not to be had is told as such, and the output is left alone", async () => {
		expect(await told(2, "pack", "tree", "-o", "x", "--append-to", "nope")).toBe(
			"--append-to nope: cannot read: ENOENT. There is no such file or folder.",
		);
		expect(await told(2, "pack", "tree", "-o", "x", "--append-to", "tree")).toBe(
			"--append-to tree: cannot read: EISDIR. It is a folder.",
		);
		expect(await told(4, "pack", "tree", "-o", "no/x", "--append-to", "a.img")).toMatch(
			/no\/x: cannot write: ENOENT/,
		);
		expect(existsSync(at("x"))).toBe(false);
	});

	test("that a base is being read is shown, and what is wrong with it is told of the option", async () => {
		let now = 0;
		vi.spyOn(performance, "now").mockImplementation(() => (now += 200));
		const words = ["pack", "tree", "-o", "x", "--append-to", "a.img"];
		expect((await run(words, { terminal: true })).stderr).toContain("reading a.img 100 %");
		writeFileSync(at("a.img"), "junk");
		expect(await told(2, ...words)).toMatch(
			/^--append-to a\.img, offset 0, .*cannot be appended to/,
		);
	});

	test("what only planning finds is told with the JSON tree's file and entry", async () => {
		json("t.json", [
			{ path: "d", text: "" },
			{ path: "l", type: "link", target: "nowhere" },
		]);
		expect(await told(2, "pack", "t.json", "-o", "x")).toMatch(
			/^t\.json, entries\[1\] \(l\), field target: hard link leads nowhere/,
		);
		json("t.json", [{ path: "etc/motd/x", text: "" }]);
		expect(await told(2, "pack", "tree", "t.json", "-o", "x")).toMatch(
			/^t\.json, entries\[0\] \(etc\/motd\/x\): entry lies below something that is no directory/,
		);
		const { stderr } = await run(["pack", "-", "-o", "x"], {
			stdin: Buffer.from('[{"path":"l","type":"link","target":"n"}]'),
		});
		expect(stderr).toMatch(/^standard input, entries\[0\] \(l\), field target/);
		writeFileSync(at("tree/TRAILER!!!"), "");
		expect(await told(2, "pack", "tree", "-o", "x")).toMatch(/^tree, TRAILER!!!, field name/);
	});

	test.each(["zstd", "gzip", "tgz", "lz", "bz", "XZ", "lz4", "tar.GZ"])(
		"-o x.%s is refused: it would not be what it says",
		async (ending) => {
			expect(await told(2, "pack", "tree", "-o", `x.${ending}`)).toMatch(
				/field --output: .*ending of what can be written/,
			);
			expect((await run(["pack", "tree", "-o", `x.${ending}`, "-c", "none"])).code).toBe(0);
		},
	);

	test("a level has a range, and needs something to be a level of", async () => {
		for (const level of ["-5", "10"]) {
			expect(await told(2, "pack", "tree", "-o", "x.xz", `--level=${level}`)).toBe(
				`field level: option out of range; expected an integer from 0 to 9; found ${level}`,
			);
		}
		expect(await told(2, "pack", "tree", "-o", "x", "-l", "9")).toMatch(
			/^field --level: it says nothing together with an archive that is not compressed/,
		);
		expect(await told(2, "pack", "tree", "-o", "x.xz", "--level=")).toMatch(/found an empty text/);
		expect(readdirSync(place.path).sort()).toEqual(["a.img", "tree"]);
	});

	test("a compression that this Node cannot write is the user's choice, and no damage", async () => {
		const kept = codecs.zstd;
		const without = { ...kept, cannotCompress: "Node 20 has no zstd" };
		vi.spyOn(codecs, "zstd", "get").mockReturnValue(without);
		expect(await told(2, "pack", "tree", "-o", "x", "-c", "zstd")).toMatch(
			/^field --compress: .*can write: none, gzip, xz; found zstd; Node 20 has no zstd$/,
		);
		expect(await told(2, "pack", "tree", "-o", "x.zst")).toMatch(/^field --output: /);
	});
});

describe("extract", () => {
	test("each pattern that means nothing is named; the others are extracted", async () => {
		const found = await run(["extract", "a.img", "-C", "out", "etc", "var", "n*", "--json"]);
		expect([found.code, found.stderr]).toEqual([
			1,
			"a.img, field var, n*: nothing in the initrd is meant by this. What the other patterns mean was extracted. See what there is with: ekexec initrd list",
		]);
		expect(JSON.parse(found.stdout.toString())).toMatchObject({ unmatched: ["var", "n*"] });
		expect(readFileSync(at("out/etc/motd"), "utf8")).toBe("hello\n");
		expect(await told(2, "extract", "a.img", "-C", "o", "")).toMatch(/field pattern: .*empty/);
		expect(existsSync(at("o"))).toBe(false);
	});

	test("names are taken as list shows them", async () => {
		expect((await run(["extract", "a.img", "-C", "out", "b\\xff", "s\\x2dt"])).code).toBe(0);
		expect(readdirSync(at("out"), "latin1").sort()).toEqual(["b\xff", "s\\x2dt"]);
	});

	test("owners without being root are refused before anything is made", async () => {
		vi.spyOn(process, "geteuid").mockReturnValue(1000);
		expect(await told(3, "extract", "a.img", "-C", "out", "-p")).toMatch(
			/^field --preserve: only root can give files other owners/,
		);
		expect(existsSync(at("out"))).toBe(false);
	});

	test("of a damaged one, what there is is said to be a part", async () => {
		writeFileSync(at("b.img"), readFileSync(at("a.img")).subarray(0, 600));
		expect(await told(1, "extract", "b.img", "-C", "out")).toMatch(
			/^out has a part of the initrd only: at most \d entries, from before the error\n/,
		);
		expect(readdirSync(at("out")).length).toBeGreaterThan(0);
	});

	test("nothing is made for an input of which nothing can be used", async () => {
		writeFileSync(at("junk"), "neither this nor that");
		writeFileSync(at("zeros"), Buffer.alloc(1024));
		expect(await told(4, "extract", "no", "-C", "out/a/b")).toMatch(/no: cannot read: ENOENT/);
		expect(await told(4, "extract", "tree", "-C", "out/a/b")).toMatch(/EISDIR. It is a folder/);
		expect(await told(1, "extract", "junk", "-C", "out/a/b")).toMatch(/neither an archive/);
		expect(await told(1, "extract", "zeros", "-C", "out/a/b")).toMatch(
			/^zeros: there is no archive in it; found an empty file, or nothing but NULs$/,
		);
		expect(existsSync(at("out"))).toBe(false);
		expect(await told(4, "extract", "a.img", "-C", "junk")).toMatch(
			/cannot extract to: EEXIST. Something else has this name already/,
		);
	});
});

describe("cat", () => {
	test("takes a name as it is, or as list shows it", async () => {
		expect((await run(["cat", "a.img", "b\\xff"])).stdout.toString()).toBe("odd");
		expect((await run(["cat", "a.img", "s\\x2dt"])).stdout.toString()).toBe("unit");
		expect((await run(["cat", "a.img", "s\\\\x2dt"])).stdout.toString()).toBe("unit");
		expect(await told(1, "cat", "a.img", "c\\xff")).toMatch(/no such file in the initrd/);
		expect(await told(2, "cat", "a.img", "")).toMatch(/field path: .*found an empty text/);
	});

	test("letters that are no options ask for no help", async () => {
		expect(await told(2, "cat", "a.img", "-dash")).toMatch(/^field "-dash": unknown argument: -d/);
		expect(await told(2, "x", "a.img", "-dash")).toMatch(/^field "-dash": unknown argument: -d/);
		const help = await run(["list", "-sh", "a.img"]);
		expect([help.code, help.stdout.toString()]).toEqual([0, expect.stringMatching(/--segments/)]);
	});
});

describe("what a kernel goes on at is no whole initrd", () => {
	const good = packCpio([{ kind: "file", name: "f", content: "content" }]);
	const withData = rawEntry("d", { mode: 0o40755 }, "xx");
	const nuls = Buffer.concat([good.subarray(0, 120), Buffer.alloc(512)]);
	const hidden = rawEntry("n\0x");
	const commands = [
		["diff", "good.img", "bad.img"],
		["cat", "bad.img", "f"],
		["list", "--merged", "bad.img"],
		["list", "--merged", "--json", "bad.img"],
	];
	beforeEach(() => writeFileSync(at("good.img"), good));

	test.each(commands)("initrd %s %s %s %s", async (...words) => {
		for (const [bytes, told] of [
			[
				Buffer.concat([withData, good]),
				"bad.img, offset 54, field filesize: a directory has data (d); expected 0; found 2\n",
			],
			[
				nuls,
				"bad.img, offset 120, field magic: no newc header where one must be; expected another entry or TRAILER!!!; found NULs\n",
			],
		] as const) {
			writeFileSync(at("bad.img"), bytes);
			const { code, stdout, stderr } = await run(words);
			expect([code, stderr]).toEqual([1, told]);
			// What there is is shown all the same; both trees are equal.
			expect(stdout.toString()).toMatch(
				{ cat: /^content$/, diff: /^$/ }[words[0] ?? ""] ?? /\bf\b/,
			);
		}
	});

	test.each(commands)("initrd %s %s %s %s: what is odd but taken is well", async (...words) => {
		const same = Buffer.concat([hidden, good]);
		writeFileSync(
			at("good.img"),
			packCpio([
				{ kind: "file", name: "n" },
				{ kind: "file", name: "f", content: "content" },
			]),
		);
		writeFileSync(at("bad.img"), same);
		const { code, stderr } = await run(words);
		expect([code, stderr]).toEqual([
			0,
			expect.stringMatching(/^bad\.img, offset 112, field name: something is hidden .*\n$/),
		]);
	});

	test("a missing trailer is nothing, and a thousand faults are no flood", async () => {
		writeFileSync(at("bad.img"), good.subarray(0, 120));
		for (const words of commands) {
			const { code, stderr } = await run(words);
			expect([code, stderr]).toEqual([0, ""]);
		}
		writeFileSync(at("bad.img"), Buffer.concat([...Array(1000).fill(withData), good]));
		const { stderr } = await run(["diff", "bad.img", "good.img"]);
		expect(stderr.split("\n").slice(19)).toEqual([
			expect.stringMatching(/^bad\.img, /),
			"and 980 more",
			"",
		]);
	});

	test("a name as list shows it: told once", async () => {
		writeFileSync(at("bad.img"), Buffer.concat([withData, rawEntry("\u0001"), good]));
		const { code, stderr } = await run(["cat", "bad.img", "\\x01"]);
		expect([code, stderr.split("\n").length]).toEqual([1, 2]);
	});

	test("extract: NULs in place of entries are the loss of the rest", async () => {
		writeFileSync(at("bad.img"), nuls);
		const { code, stdout, stderr } = await run(["extract", "bad.img", "-C", "out", "--json", "f"]);
		expect(code).toBe(1);
		expect(stderr).toMatch(
			/^skipped segment 0, offset 120: no newc header .*\nout has a part of the initrd only: .*NULs.*\n$/,
		);
		expect(JSON.parse(stdout.toString())).toMatchObject({
			extracted: 1,
			damaged: true,
			skipped: [{ path: "", segment: 0, offset: 120 }],
		});
		expect(readFileSync(at("out/f"), "utf8")).toBe("content");
		// What is only skipped is told, and no failure.
		writeFileSync(
			at("bad.img"),
			Buffer.concat([withData, rawEntry("", { namesize: 0 }), trailer()]),
		);
		const other = await run(["extract", "bad.img", "-C", "other"]);
		expect([other.code, other.stderr.split("\n").map((line) => line.split(":")[0])]).toEqual([
			0,
			["skipped d", "skipped segment 0, offset 116", ""],
		]);
	});
});

describe("list", () => {
	test("--merged --long tells of the tree what --long tells of entries", async () => {
		const long = await run(["list", "--long", "--merged", "a.img"], { terminal: true });
		expect(long.stdout.toString()).toBe(
			[
				"-rw-r--r--   1     0     0          3 1970-01-01 00:00:00 b\\xff",
				"drwxr-xr-x   1     0     0          0 1970-01-01 00:00:00 etc",
				"-rw-r--r--   1     0     0          6 1970-01-01 00:00:00 etc/motd",
				"lrwxrwxrwx   1     0     0          8 1970-01-01 00:00:00 link -> etc/motd",
				"-rw-r--r--   1     0     0          4 1970-01-01 00:00:00 s\\\\x2dt",
				"brw-rw----   1     0     0       8, 1 1970-01-01 00:00:00 sda",
				"",
			].join("\n"),
		);
	});

	test.each<[string[], string]>([
		[["-l", "-s"], "--long"],
		[["-m", "-s"], "--merged"],
		[["-0", "-s"], "--null"],
		[["-0", "--json"], "--null"],
		[["-0", "-l"], "--null"],
	])("%j says nothing together", async (options, field) => {
		expect(await told(2, "list", "a.img", ...options)).toMatch(
			`field ${field}: it says nothing together with`,
		);
	});

	test("JSON of a damaged one is JSON, with what is wrong", async () => {
		const whole = packCpio([{ kind: "file", name: "x" }]);
		writeFileSync(at("b.img"), Buffer.concat([whole, readFileSync(at("a.img")).subarray(0, 200)]));
		const { code, stdout } = await run(["list", "--json", "b.img"]);
		const found = JSON.parse(stdout.toString());
		expect([code, found.entries[0].path, found.segments.length]).toEqual([1, "x", 1]);
		expect(found.error).toMatchObject({ message: expect.stringMatching(/^b\.img, offset /) });
		const segments = await run(["list", "--json", "-s", "b.img"]);
		expect(JSON.parse(segments.stdout.toString())).toMatchObject({
			segments: [{ index: 0 }],
			error: { code: found.error.code },
		});
		expect((await run(["list", "-s", "b.img"])).stdout.toString()).toMatch(
			/^segment .*\n +0 +cpio/,
		);
	});

	test("names that are not ASCII, in the JSON of the tree", async () => {
		writeFileSync(at("b.img"), packCpio([{ kind: "file", name: "grün" }]));
		const { stdout } = await run(["list", "--json", "--merged", "b.img"]);
		expect(JSON.parse(stdout.toString()).entries[0].path).toBe("grün");
	});

	test.each([0, 512])("%i NULs are no initrd", async (length) => {
		writeFileSync(at("b.img"), Buffer.alloc(length));
		for (const option of ["--long", "--merged", "--segments", "--json"])
			expect(await told(1, "list", "b.img", option)).toMatch(/b\.img: there is no archive in it/);
	});
});

describe("verify and diff", () => {
	test("a manifest is written before all is said to be well, or not at all", async () => {
		const nowhere = await run(["verify", "a.img", "--no-init", "--write-manifest", "no/m.json"]);
		expect([nowhere.code, nowhere.stdout.toString(), nowhere.stderr]).toEqual([
			4,
			"",
			"no/m.json: cannot write the manifest: ENOENT. There is no such file or folder.",
		]);
		for (const target of ["m.json", "-"]) {
			expect(await told(1, "verify", "a.img", "--write-manifest", target)).toMatch(
				/manifest not written to /,
			);
		}
		expect(existsSync(at("m.json"))).toBe(false);
	});

	test("a manifest that is not there: in words", async () => {
		expect(await told(2, "verify", "a.img", "--manifest", "no")).toBe(
			"no: cannot read: ENOENT. There is no such file or folder.",
		);
		expect(await told(2, "verify", "a.img", "--sha256=")).toMatch(/found an empty text/);
	});

	test("standard input can be compared with something else only", async () => {
		expect(await told(2, "diff", "-", "-")).toMatch(/^field b: .*read once; found - for both$/);
	});
});
