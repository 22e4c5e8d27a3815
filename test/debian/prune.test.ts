import { mkdir, readdir, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { pruneCache } from "../../src/debian/index.ts";
import { now, scratch } from "./mini.ts";

const day = 24 * 3600_000;

/** A cache with files of these ages in days. */
async function cacheOf(ages: Readonly<Record<string, number>>): Promise<string> {
	const folder = await scratch();
	for (const [name, age] of Object.entries(ages)) {
		const path = join(folder, name);
		await mkdir(dirname(path), { recursive: true });
		await writeFile(path, "12345");
		const time = new Date(now - age * day);
		await utimes(path, time, time);
		if (name.startsWith("tools/")) await utimes(dirname(path), time, time);
	}
	return folder;
}

describe("pruning the cache", () => {
	const ages = {
		"sha256/ab/old": 31,
		"sha256/ab/new": 29,
		"partial/old.free": 40,
		"lists/old.packages": 31,
		"lists/new.InRelease": 1,
		"tools/old/file": 31,
		"tools/new/file": 1,
		"layers/of another room": 99,
	};
	const shown = (folder: string, paths: readonly string[]) =>
		paths.map((path) => path.slice(folder.length + 1));

	test("removes what was not used for a month, nothing of other rooms", async () => {
		const cache = await cacheOf(ages);
		const { removed, bytes } = await pruneCache({ cache, clock: () => now });
		expect(shown(cache, removed)).toEqual([
			"lists/old.packages",
			"partial/old.free",
			"sha256/ab/old",
			"tools/old",
		]);
		expect(bytes).toBe(15);
		const left = await readdir(cache, { recursive: true, withFileTypes: true });
		const files = left.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
		expect(shown(cache, files).sort()).toEqual([
			"layers/of another room",
			"lists/new.InRelease",
			"sha256/ab/new",
			"tools/new/file",
		]);
	});

	test("only says so when dry", async () => {
		const cache = await cacheOf(ages);
		const dry = await pruneCache({ cache, clock: () => now, unused: 0, dryRun: true });
		expect(dry.removed).toHaveLength(7);
		expect((await pruneCache({ cache, clock: () => now, unused: 0 })).removed).toEqual(dry.removed);
		expect((await pruneCache({ cache, clock: () => now, unused: 0 })).removed).toEqual([]);
	});

	test("no cache is nothing to prune", async () => {
		expect(await pruneCache({ cache: join(await scratch(), "none") })).toEqual({
			removed: [],
			bytes: 0,
		});
	});
});
