import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PackageRef } from "../../src/debian/index.ts";
import { onceMade } from "../../src/image/cache.ts";
import { indexModules, type KernelPackage, kernelBytes } from "../../src/image/kernel.ts";
import { bestPacking } from "../../src/image/layer.ts";
import { layerOf } from "../../src/image/layers.ts";

let home = "";
beforeEach(async () => {
	home = await mkdtemp(join(tmpdir(), "ekexec-once-"));
});
afterEach(async () => rm(home, { recursive: true }));

const read = async (folder: string): Promise<unknown> =>
	JSON.parse(await readFile(join(folder, "file"), "utf8"));
const put = async (draft: string): Promise<void> => writeFile(join(draft, "file"), '"content"');
const made = { cached: false, value: "content" };

test("of several who want the same at once, one makes it", async () => {
	let count = 0;
	const want = () =>
		onceMade(join(home, "abc"), read, async (draft) => {
			count += 1;
			await put(draft);
		});
	const answers = await Promise.all([want(), want(), want()]);
	expect(count).toBe(1);
	expect(answers.filter((answer) => answer.cached).length).toBe(2);
	expect(answers.map(({ value }) => value)).toEqual(["content", "content", "content"]);
	expect(await readdir(home)).toEqual(["abc"]);
});

test("what failed leaves nothing behind and is made again", async () => {
	const fails = onceMade(join(home, "abc"), read, async (draft) => {
		await writeFile(join(draft, "half"), "");
		throw new Error("no");
	});
	await expect(fails).rejects.toThrow("no");
	expect(await readdir(home)).toEqual([]);
	expect(await onceMade(join(home, "abc"), read, put)).toEqual(made);
});

test.each([
	["empty", ""],
	["cut", '"con'],
	["missing", undefined],
])("what a power failure left %s is made again", async (_name, content) => {
	await mkdir(join(home, "abc"));
	if (content !== undefined) await writeFile(join(home, "abc/file"), content);
	expect(await onceMade(join(home, "abc"), read, put)).toEqual(made);
	expect(await onceMade(join(home, "abc"), read, put)).toEqual({ ...made, cached: true });
	expect(await readdir(home)).toEqual(["abc"]);
});

test("what cannot be read for want of a right or a handle stays", async () => {
	await mkdir(join(home, "abc"));
	await put(join(home, "abc"));
	const fault = Object.assign(new Error("too many"), { code: "EMFILE", syscall: "open" });
	const denied = onceMade(join(home, "abc"), () => Promise.reject(fault), put);
	await expect(denied).rejects.toBe(fault);
	expect(await read(join(home, "abc"))).toBe("content");
});

test("a draft of a process that is gone does not block", async () => {
	// No process has this number: it is above the kernel's largest (4194304).
	await writeFile(join(home, "abc.4194305.00000000"), "");
	expect(await onceMade(join(home, "abc"), read, put)).toEqual(made);
});

test("nor does one whose process number another process has by now", async () => {
	const draft = join(home, `abc.${process.pid}.00000000`);
	await mkdir(draft);
	const long = new Date(Date.now() - 3600_000);
	await utimes(draft, long, long);
	expect(await onceMade(join(home, "abc"), read, put)).toEqual(made);
});

const kernel: KernelPackage = {
	release: "6.1",
	kernel: new Uint8Array(8),
	modules: new Map(),
	files: { order: "", builtin: "" },
};
const ref: PackageRef = {
	...{ name: "linux", version: "1", arch: "amd64", size: 1, sha256: "ab", path: "x" },
	archive: "main",
};
test.each<[string, (open: () => Promise<KernelPackage>, signal?: AbortSignal) => Promise<unknown>]>(
	[
		[
			"a layer",
			(open, signal) => {
				const shop = {
					cache: home,
					architecture: "amd64",
					packing: bestPacking(),
					signal,
				} as const;
				return layerOf(shop, "base", "base", [], async () => {
					await open();
					return { entries: [], contents: { files: [] }, packages: [] };
				});
			},
		],
		["the kernel", (open, signal) => kernelBytes(home, ref, open, signal)],
		[
			"the list of modules",
			(open, signal) => indexModules(join(home, "m"), open, signal === undefined ? {} : { signal }),
		],
	],
)("who waits for %s that another one makes hears an interrupt", async (_name, want) => {
	let give: (kernel: KernelPackage) => void = () => {};
	const given = new Promise<KernelPackage>((resolve) => {
		give = resolve;
	});
	let first: Promise<unknown> | undefined;
	await new Promise<void>((begun) => {
		first = want(() => {
			begun();
			return given;
		});
	});
	// Who was first is told by the file system's clock, which ticks every few milliseconds.
	await sleep(50);
	const stop = new AbortController();
	const second = want(() => Promise.reject(new Error("made twice")), stop.signal);
	stop.abort();
	await expect(second).rejects.toMatchObject({ name: "AbortError" });
	give(kernel);
	await first;
});
