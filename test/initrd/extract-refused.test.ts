import {
	chownSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { packCpio } from "../../src/cpio/index.ts";
import { type ExtractOptions, extractInitrd } from "../../src/initrd/index.ts";
import { makeSpecial } from "../../src/initrd/special.ts";
import { rawEntry, trailer } from "./raw-entry.ts";
import { pathsBelow, scratch } from "./tree-on-disk.ts";

vi.mock("node:fs", async (original) => {
	const fs = await original<typeof import("node:fs")>();
	return { ...fs, symlinkSync: vi.fn(fs.symlinkSync) };
});

let place = scratch();
beforeEach(() => {
	place = scratch();
});
afterEach(() => {
	vi.unstubAllEnvs();
	place.remove();
});
const at = (name: string) => join(place.path, name);
const extract = (parts: readonly Uint8Array[], options: ExtractOptions = {}) =>
	extractInitrd([Buffer.concat(parts)], at("out"), options);

const symlink = { mode: 0o120777 };

describe("a symlink that cannot be made", () => {
	test("is skipped, with why; the others are made", async () => {
		// XFS has 1024 bytes for a target, the kernel's own tmpfs 4095.
		vi.mocked(symlinkSync).mockImplementationOnce(() => {
			throw Object.assign(new Error(), { code: "ENAMETOOLONG" });
		});
		const { skipped, extracted } = await extract([
			rawEntry("a", symlink, "t".repeat(2000)),
			rawEntry("b", symlink, "t"),
			trailer(),
		]);
		expect(skipped).toEqual([
			{
				path: Buffer.from("a"),
				reason: "its target or its name is longer than the file system takes",
			},
		]);
		expect([extracted, pathsBelow(at("out"))]).toEqual([1, ["b"]]);
	});

	test.each([
		["no target before its NUL", "\0abc"],
		["a target as long as PATH_MAX", "t".repeat(4096)],
	])("%s", async (_what, target) => {
		const { skipped } = await extract([
			rawEntry("a", symlink, target),
			rawEntry("b", symlink, "t"),
			trailer(),
		]);
		expect(skipped.map(({ path }) => Buffer.from(path))).toEqual([Buffer.from("a")]);
		expect(readlinkSync(at("out/b"))).toBe("t");
		expect(pathsBelow(at("out"))).toEqual(["b"]);
	});

	test("other errors end it", async () => {
		vi.mocked(symlinkSync).mockImplementationOnce(() => {
			throw Object.assign(new Error(), { code: "ENOSPC" });
		});
		await expect(extract([rawEntry("a", symlink, "t"), trailer()])).rejects.toThrow(
			"a: cannot make the symlink: ENOSPC",
		);
	});
});

describe("who is not root", () => {
	/** As somebody who may not write to whatever has permissions against it. */
	async function unprivileged<T>(run: () => Promise<T>): Promise<T> {
		if (process.geteuid?.() !== 0) return run();
		chownSync(place.path, 65534, 65534);
		process.setegid?.(65534);
		process.seteuid?.(65534);
		try {
			return await run();
		} finally {
			process.seteuid?.(0);
			process.setegid?.(0);
		}
	}
	const mode = (permissions: number) => ({ mode: 0o100000 + permissions });
	const linked = (permissions: number) => ({ ...mode(permissions), nlink: 3, ino: 7 });
	const file = (name: string) => {
		const { mode, nlink } = lstatSync(at(`out/${name}`));
		return [readFileSync(at(`out/${name}`), "utf8"), (mode % 0o10000).toString(8), nlink];
	};

	test.each(["0444", "0000", "0200"])("writes a file anew that had mode %s", async (closed) => {
		await unprivileged(() =>
			extract([
				rawEntry("f", mode(Number.parseInt(closed, 8)), "the longer one"),
				trailer(),
				rawEntry("f", mode(0o640), "two"),
				trailer(),
			]),
		);
		expect(file("f")).toEqual(["two", "640", 1]);
	});

	test("fills hard links of which the last has the data, and keeps them linked", async () => {
		await unprivileged(() =>
			extract([
				rawEntry("d", { mode: 0o40755 }),
				rawEntry("d/a", linked(0o444)),
				rawEntry("b", linked(0o444)),
				rawEntry("c", linked(0o444), "all"),
				trailer(),
			]),
		);
		expect(["d/a", "b", "c"].map(file)).toEqual(Array(3).fill(["all", "444", 3]));
	});

	test("has the content of a name that was asked for, wherever it stood", async () => {
		const bytes = [
			rawEntry("a", linked(0o444), "first"),
			rawEntry("b", linked(0o444), "second"),
			rawEntry("c", linked(0o444)),
			trailer(),
		];
		await unprivileged(() => extract(bytes, { patterns: ["c"] }));
		expect([readdirSync(at("out")), file("c")]).toEqual([["c"], ["second", "444", 1]]);
	});
});

describe("mknod's words", () => {
	const fifo = (path: string) =>
		makeSpecial({ kind: "fifo", permissions: 0o644 } as never, () => path);

	test("neither the path of a descriptor nor what a name holds comes with them", () => {
		const reason = fifo(`/proc/self/fd/9999/no: such \u001b]0;name\u0007`);
		expect(reason).toMatch(/^[^:/\]]+$/);
	});

	test("nor what could drive a terminal", () => {
		const words = JSON.stringify("mknod: \u001b]0;evil\u0007\n");
		const program = `#!${process.execPath}\nprocess.stderr.write(${words}); process.exitCode = 1;\n`;
		writeFileSync(at("mknod"), program, { mode: 0o755 });
		vi.stubEnv("PATH", place.path);
		expect(fifo(at("x"))).toBe("\\x1b]0;evil\\x07");
		writeFileSync(at("mknod"), program.replace(words, '""'));
		expect(fifo(at("x"))).toBe("mknod failed");
	});
});

describe("what has no name is told with its place", () => {
	const nameless = rawEntry("", { namesize: 0 });
	const good = packCpio([{ kind: "file", name: "good" }]);

	test("in the file, or in what a segment unpacks to", async () => {
		const archive = Buffer.concat([nameless, good]);
		const { skipped, damaged } = await extract([archive, gzipSync(archive)], { overwrite: true });
		const reason = expect.stringMatching(/^name has no possible size; expected 1 to 4096; found 0/);
		expect(skipped.map((remark) => ({ ...remark, path: remark.path.length }))).toEqual([
			{ path: 0, reason, segment: 0, offset: 0 },
			{ path: 0, reason, segment: 1, offset: 0, unpacked: true },
		]);
		expect(damaged).toBe(false);
	});

	test("NULs in place of entries are a damage, whatever was asked for", async () => {
		const cut = good.subarray(0, 116);
		const { skipped, damaged } = await extract([cut, Buffer.alloc(512)], { patterns: ["good"] });
		expect(skipped.map(({ offset, segment }) => [segment, offset])).toEqual([[0, 116]]);
		expect(damaged).toBe(true);
		expect((await extract([rawEntry("a")], { patterns: ["good"] })).damaged).toBe(false);
	});
});

test("folders made on the way are counted, with patterns, too", async () => {
	const bytes = packCpio([
		{ kind: "file", name: "a/b/c" },
		{ kind: "file", name: "a/d" },
	]);
	expect((await extract([bytes], { patterns: ["a/b/c"] })).extracted).toBe(3);
});

test("errors name what is in the way as it is called", async () => {
	mkdirSync(at("out"));
	writeFileSync(at("out/grün"), "");
	const file = (name: string) => packCpio([{ kind: "file", name }]);
	await expect(extract([file("grün")])).rejects.toThrow(/^grün: something of this name/);
	await expect(extract([file("grün/x")])).rejects.toThrow(/^grün: something that is no folder/);
});
