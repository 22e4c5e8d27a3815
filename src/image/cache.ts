import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** A folder that is either complete or not there: made aside, then renamed. Many processes may do so at once. */
export async function onceMade(
	folder: string,
	make: (draft: string) => Promise<void>,
): Promise<{ readonly cached: boolean }> {
	if (await exists(folder)) return { cached: true };
	const draft = `${folder}.${process.pid}.${randomBytes(4).toString("hex")}`;
	await mkdir(draft, { recursive: true });
	try {
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

export async function exists(path: string): Promise<boolean> {
	return stat(path).then(
		() => true,
		() => false,
	);
}

export async function readJson<T>(folder: string, name: string): Promise<T> {
	return JSON.parse(await readFile(join(folder, name), "utf8")) as T;
}
