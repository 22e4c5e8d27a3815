import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { onceMade } from "../../src/image/cache.ts";

let home = "";
beforeEach(async () => {
	home = await mkdtemp(join(tmpdir(), "ekexec-once-"));
});
afterEach(async () => rm(home, { recursive: true }));

test("of several who want the same at once, one makes it", async () => {
	let made = 0;
	const want = () =>
		onceMade(join(home, "abc"), async (draft) => {
			made += 1;
			await writeFile(join(draft, "file"), "content");
		});
	const answers = await Promise.all([want(), want(), want()]);
	expect(made).toBe(1);
	expect(answers.filter((answer) => answer.cached).length).toBe(2);
	expect(await readFile(join(home, "abc/file"), "utf8")).toBe("content");
	expect(await readdir(home)).toEqual(["abc"]);
});

test("what failed leaves nothing behind and is made again", async () => {
	const fails = onceMade(join(home, "abc"), async (draft) => {
		await writeFile(join(draft, "half"), "");
		throw new Error("no");
	});
	await expect(fails).rejects.toThrow("no");
	expect(await readdir(home)).toEqual([]);
	expect(await onceMade(join(home, "abc"), async () => {})).toEqual({ cached: false });
});

test("a draft of a process that is gone does not block", async () => {
	// No process has this number: it is above the kernel's largest (4194304).
	await writeFile(join(home, "abc.4194305.00000000"), "");
	expect(await onceMade(join(home, "abc"), async () => {})).toEqual({ cached: false });
});
