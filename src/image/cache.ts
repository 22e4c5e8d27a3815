import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** How long to wait for another process that makes the same; after that it is made twice. Milliseconds. */
const patience = 15 * 60_000;
const interval = 250;
/** A draft of a living process is touched this often; one left alone for {@link stale} is nobody's. Milliseconds. */
const heartbeat = 5_000;
const stale = 60_000;

/**
 * A folder of the cache that is either complete or not there: made aside, written out to the disk, then renamed. Where
 * several processes want the same, one makes it and the others wait; `make` may be called in all of them without harm.
 * `read` gives what is in the folder and rejects for one that is damaged: that is put away and made again.
 */
export async function onceMade<T>(
	folder: string,
	read: (folder: string) => Promise<T>,
	make: (draft: string) => Promise<void>,
	signal?: AbortSignal,
): Promise<{ readonly cached: boolean; readonly value: T }> {
	const found = await readWhole(folder, read, signal);
	if (found !== undefined) return found;
	const draft = `${folder}.${process.pid}.${randomBytes(4).toString("hex")}`;
	await mkdir(draft, { recursive: true });
	const beat = setInterval(() => void touch(draft), heartbeat).unref();
	try {
		const deadline = Date.now() + patience;
		while ((await isSecond(draft)) && Date.now() < deadline) {
			await sleep(interval, undefined, signal === undefined ? {} : { signal });
		}
		const meanwhile = await readWhole(folder, read, signal);
		if (meanwhile !== undefined) return meanwhile;
		await make(draft);
		await writeOut(draft);
		await rename(draft, folder).catch(async (error: unknown) => {
			if (!(await exists(folder))) throw error;
			// Somebody else made the same meanwhile, or what is there is damaged.
			if ((await readWhole(folder, read, signal)) !== undefined) return;
			await rename(folder, `${draft}.old`);
			await rename(draft, folder);
		});
	} finally {
		clearInterval(beat);
		for (const path of [draft, `${draft}.old`]) await rm(path, { recursive: true, force: true });
	}
	return { cached: false, value: await read(folder) };
}

/** What the folder holds, or undefined where it is not there or damaged. */
async function readWhole<T>(
	folder: string,
	read: (folder: string) => Promise<T>,
	signal: AbortSignal | undefined,
): Promise<{ readonly cached: true; readonly value: T } | undefined> {
	if (!(await exists(folder))) return undefined;
	try {
		const value = await read(folder);
		await touch(folder);
		return { cached: true, value };
	} catch (error) {
		signal?.throwIfAborted();
		// That this machine has no handles left, or no right to read, says nothing about the folder.
		const { syscall, code } = error as NodeJS.ErrnoException;
		if (syscall !== undefined && code !== "ENOENT") throw error;
		return undefined;
	}
}

/** The time of a folder tells when it was last used: what was not for long is the first to be pruned. */
export async function touch(folder: string): Promise<void> {
	const now = new Date();
	await utimes(folder, now, now).catch(() => {});
}

/** Without this a power failure may leave the folder under its name, and in it empty files. */
async function writeOut(folder: string): Promise<void> {
	for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
		if (!entry.isFile()) continue;
		const file = await open(join(entry.parentPath, entry.name));
		await file.sync().finally(() => file.close());
	}
}

/** Whether another living process is before us: of all drafts of one folder the first by age, then by name, goes on. */
async function isSecond(draft: string): Promise<boolean> {
	const own = basename(draft);
	const target = own.split(".", 1)[0] ?? own;
	const names = (await readdir(dirname(draft))).filter((name) => name.startsWith(`${target}.`));
	const drafts = await Promise.all(
		names.map(async (name) => {
			const made = await stat(join(dirname(draft), name)).catch(() => undefined);
			return {
				name,
				born: made?.birthtimeMs ?? Number.POSITIVE_INFINITY,
				beat: made?.mtimeMs ?? 0,
			};
		}),
	);
	const first = drafts
		.filter(({ name, beat }) => name === own || isAlive(Number(name.split(".")[1]), beat))
		.sort((a, b) => a.born - b.born || (a.name < b.name ? -1 : 1))[0];
	return first !== undefined && first.name !== own;
}

/** A process of that number may be another one by now: that one does not touch the draft. */
function isAlive(pid: number, beat: number): boolean {
	if (Date.now() - beat > stale) return false;
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "EPERM";
	}
}

export async function exists(path: string): Promise<boolean> {
	return stat(path).then(
		() => true,
		() => false,
	);
}

export async function readJson<T>(folder: string, name: string): Promise<T> {
	return JSON.parse(await readFile(join(folder, name), "utf8")) as T;
}
