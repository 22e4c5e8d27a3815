import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "./cache.ts";

export interface PruneOptions {
	/** See {@link cacheFolder}. */
	readonly cache?: string | undefined;
	/** Milliseconds: what was not used for that long goes. 30 days by default; 0 is everything. */
	readonly unused?: number | undefined;
	/** Milliseconds since 1970; Date.now by default. */
	readonly clock?: (() => number) | undefined;
	/** Says what would go, and leaves it. */
	readonly dryRun?: boolean | undefined;
}

export interface Pruned {
	/** Paths that were removed: files, and folders of unpacked packages. */
	readonly removed: readonly string[];
	/** Bytes of the files among them; folders are not counted. */
	readonly bytes: number;
}

const month = 30 * 24 * 3600_000;

/** Removes downloads, lists and unpacked packages from the cache that were not used for some time. */
export async function pruneCache(options: PruneOptions = {}): Promise<Pruned> {
	const folder = options.cache ?? cacheFolder();
	const limit = (options.clock ?? Date.now)() - (options.unused ?? month);
	const removed: string[] = [];
	let bytes = 0;
	for (const path of await candidates(folder)) {
		// Every use sets the time anew.
		const found = await stat(path).catch(() => undefined);
		if (found === undefined || found.mtimeMs > limit) continue;
		removed.push(path);
		if (found.isFile()) bytes += found.size;
		if (!options.dryRun) await rm(path, { recursive: true, force: true });
	}
	return { removed, bytes };
}

async function candidates(folder: string): Promise<string[]> {
	const list = async (at: string) =>
		(await readdir(join(folder, at)).catch(() => [])).map((name) => join(at, name));
	const blobs = await Promise.all((await list("sha256")).map(list));
	const paths = [
		...blobs.flat(),
		...(await list("partial")),
		...(await list("lists")),
		...(await list("tools")),
	];
	return paths.sort().map((path) => join(folder, path));
}
