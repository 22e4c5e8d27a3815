import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { onceMade } from "../../src/image/cache.ts";

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

test("while another process makes it, an interrupt is heard", async () => {
	const other = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
	onTestFinished(() => void other.kill());
	await mkdir(join(home, `abc.${other.pid}.00000000`));
	const stop = new AbortController();
	const waiting = onceMade(join(home, "abc"), read, put, stop.signal);
	stop.abort();
	await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
});
