import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pruneCache } from "../../src/image/store.ts";

const now = Date.parse("2030-01-10T12:00:00Z");
const day = 24 * 3600_000;
const ages = {
	"sha256/ab/old": 31,
	"sha256/ab/new": 29,
	"partial/old.free": 40,
	"lists/old.packages": 31,
	"lists/new.packages": 1,
	"tools/old/file": 31,
	"tools/new/file": 1,
	"victims/id_ed25519": 99,
	"layers/unused/layer": 1,
};

let cache = "";
beforeEach(async () => {
	cache = await mkdtemp(join(tmpdir(), "ekexec-store-"));
	for (const [name, age] of Object.entries(ages)) {
		const path = join(cache, name);
		await mkdir(dirname(path), { recursive: true });
		await writeFile(path, "12345");
		const time = new Date(now - age * day);
		for (const one of [path, dirname(path)]) await utimes(one, time, time);
	}
});
afterEach(async () => rm(cache, { recursive: true }));

const prune = async (more: { packages?: boolean; dryRun?: boolean } = {}) => {
	const { removed, freed } = await pruneCache({ cache, keep: 1, clock: () => now, ...more });
	return { removed: removed.map((path) => path.slice(cache.length + 1)), freed };
};
async function left(): Promise<string[]> {
	const found = await readdir(cache, { recursive: true, withFileTypes: true });
	const files = found.filter((one) => !one.isDirectory());
	return files.map((one) => join(one.parentPath, one.name).slice(cache.length + 1)).sort();
}

describe("pruning the cache", () => {
	const old = [
		"layers/unused",
		"lists/old.packages",
		"partial/old.free",
		"sha256/ab/old",
		"tools/old",
	];

	test("removes what was not used for a month, and what no image needs", async () => {
		const { removed, freed } = await prune();
		expect([...removed].sort()).toEqual(old);
		expect(freed).toBe(25);
		expect(await left()).toEqual([
			"lists/new.packages",
			"sha256/ab/new",
			"tools/new/file",
			"victims/id_ed25519",
		]);
		expect(existsSync(join(cache, ".removed"))).toBe(false);
	});

	test("removes all of it if told, but the login key", async () => {
		await prune({ packages: true });
		expect(await left()).toEqual(["victims/id_ed25519"]);
	});

	test("removes nothing when dry", async () => {
		const before = await left();
		const dry = await prune({ dryRun: true });
		expect(await left()).toEqual(before);
		expect(await prune()).toEqual(dry);
	});

	test("of a mirror's signed list, the time of access is when it was used", async () => {
		for (const [name, age] of [
			["used", 1],
			["unused", 31],
		] as const) {
			const path = join(cache, "lists", `${name}.InRelease`);
			await writeFile(path, "");
			await utimes(path, new Date(now - age * day), 0);
		}
		const { removed } = await prune();
		expect(removed).toContain("lists/unused.InRelease");
		expect(removed).not.toContain("lists/used.InRelease");
	});

	test("does not follow links of unpacked packages", async () => {
		await symlink("..", join(cache, "tools/old/up"));
		await utimes(join(cache, "tools/old"), 0, 0);
		const { freed } = await prune();
		expect(freed).toBeLessThan(100);
		expect(await left()).toContain("tools/new/file");
	});

	test("takes away what an interrupted one left", async () => {
		await mkdir(join(cache, ".removed/1.0/half"), { recursive: true });
		await prune();
		expect(existsSync(join(cache, ".removed"))).toBe(false);
	});
});

test("no cache is nothing to prune", async () => {
	const none = join(cache, "none");
	expect(await pruneCache({ cache: none, keep: 1 })).toMatchObject({ freed: 0 });
});
