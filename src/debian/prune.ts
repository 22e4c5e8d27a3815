import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

const folders = ["partial", "lists", "tools"];

/**
 * What the cache holds of downloads, lists and unpacked packages that was last used before a time (in milliseconds
 * since 1970): paths, sorted. Without a time, all of it.
 */
export async function unusedDownloads(cache: string, before?: number): Promise<string[]> {
	if (before === undefined) return ["sha256", ...folders].map((name) => join(cache, name)).sort();
	const list = async (at: string) =>
		(await readdir(at).catch(() => [])).map((one) => join(at, one));
	const blobs = await Promise.all((await list(join(cache, "sha256"))).map(list));
	const others = await Promise.all(folders.map((name) => list(join(cache, name))));
	const unused: string[] = [];
	for (const path of [...blobs, ...others].flat().sort()) {
		const found = await stat(path).catch(() => undefined);
		if (found === undefined) continue;
		// Every use sets the time anew; the other time of an InRelease file is the mirror's.
		const used = path.endsWith(".InRelease") ? found.atimeMs : found.mtimeMs;
		if (used < before) unused.push(path);
	}
	return unused;
}
