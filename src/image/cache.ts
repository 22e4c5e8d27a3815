import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** How long to wait for another process that makes the same; after that it is made twice. Milliseconds. */
const patience = 15 * 60_000;
const interval = 250;

/**
 * A folder that is either complete or not there: made aside, then renamed. Where several processes want the same, one
 * makes it and the others wait; `make` may be called in all of them without harm.
 */
export async function onceMade(
	folder: string,
	make: (draft: string) => Promise<void>,
	signal?: AbortSignal,
): Promise<{ readonly cached: boolean }> {
	if (await exists(folder)) return { cached: true };
	const draft = `${folder}.${process.pid}.${randomBytes(4).toString("hex")}`;
	await mkdir(draft, { recursive: true });
	try {
		const deadline = Date.now() + patience;
		while ((await isSecond(draft)) && Date.now() < deadline) {
			await sleep(interval, undefined, signal === undefined ? {} : { signal });
		}
		if (await exists(folder)) return { cached: true };
		await make(draft);
		await rename(draft, folder).catch(async (error: unknown) => {
			// Somebody else made the same meanwhile: the name is the digest of what is in it.
			if (!(await exists(folder))) throw error;
		});
	} finally {
		await rm(draft, { recursive: true, force: true });
	}
	return { cached: false };
}

/** Whether another living process is before us: of all drafts of one folder the first by age, then by name, goes on. */
async function isSecond(draft: string): Promise<boolean> {
	const own = basename(draft);
	const target = own.split(".", 1)[0] ?? own;
	const names = (await readdir(dirname(draft))).filter((name) => name.startsWith(`${target}.`));
	const drafts = await Promise.all(
		names.map(async (name) => {
			const made = await stat(join(dirname(draft), name)).catch(() => undefined);
			return { name, born: made?.birthtimeMs ?? Number.POSITIVE_INFINITY };
		}),
	);
	const first = drafts
		.filter(({ name }) => name === own || isAlive(Number(name.split(".")[1])))
		.sort((a, b) => a.born - b.born || (a.name < b.name ? -1 : 1))[0];
	return first !== undefined && first.name !== own;
}

function isAlive(pid: number): boolean {
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
