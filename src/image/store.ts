import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder } from "../debian/index.ts";
import { imagesFolder } from "./build.ts";
import { type Image, openImage } from "./open.ts";

/** An image in the cache; `used` is when it was made, in milliseconds since 1970. */
export interface StoredImage {
	readonly image: Image;
	readonly made: number;
}

/** The images in the cache, the newest first. What cannot be read is left out. */
export async function listImages(cache: string = cacheFolder()): Promise<StoredImage[]> {
	const folder = imagesFolder(cache);
	const names = await readdir(folder).catch(() => []);
	const found = await Promise.all(
		names.map(async (name) => {
			const directory = join(folder, name);
			const image = await openImage(directory).catch(() => undefined);
			return image === undefined ? [] : [{ image, made: (await stat(directory)).mtimeMs }];
		}),
	);
	return found.flat().sort((a, b) => b.made - a.made);
}

/** What {@link pruneCache} took away. */
export interface PrunedCache {
	readonly removed: readonly string[];
	/** Bytes; files with several names count once they are all gone. */
	readonly freed: number;
}

/**
 * Removes images, and the layers, kernels and lists of modules that no kept image was made from: all but the newest
 * `keep` images of each architecture. With `packages`, downloaded packages go, too.
 */
export async function pruneCache(options: {
	readonly cache?: string;
	readonly keep: number;
	readonly packages?: boolean;
	readonly dryRun?: boolean;
}): Promise<PrunedCache> {
	const cache = options.cache ?? cacheFolder();
	const images = await listImages(cache);
	const kept = new Map<string, number>();
	const removed: string[] = [];
	const inUse = new Set<string>();
	for (const { image } of images) {
		const { architecture } = image.manifest;
		const count = kept.get(architecture) ?? 0;
		if (count >= options.keep) {
			removed.push(image.directory);
			continue;
		}
		kept.set(architecture, count + 1);
		// An image's files are hard links to those of the cache: the same inode is the same layer.
		for (const file of [image.kernel, ...image.layers]) inUse.add(await inode(file.path));
	}
	for (const [folder, file] of [
		["layers", "layer"],
		["kernels", "kernel"],
	] as const) {
		for (const name of await readdir(join(cache, folder)).catch(() => [])) {
			const path = join(cache, folder, name);
			if (!inUse.has(await inode(join(path, file)))) removed.push(path);
		}
	}
	if (kept.size === 0) removed.push(join(cache, "modules"));
	if (options.packages === true) removed.push(join(cache, "sha256"), join(cache, "partial"));
	let freed = 0;
	const seen = new Set<string>();
	for (const path of removed) freed += await sizeOf(path, inUse, seen);
	if (options.dryRun !== true) {
		for (const path of removed) await rm(path, { recursive: true, force: true });
	}
	return { removed, freed };
}

async function inode(path: string): Promise<string> {
	return stat(path).then(
		(found) => `${found.dev}:${found.ino}`,
		() => "",
	);
}

async function sizeOf(
	path: string,
	inUse: ReadonlySet<string>,
	seen: Set<string>,
): Promise<number> {
	const found = await stat(path).catch(() => undefined);
	if (found === undefined) return 0;
	if (found.isDirectory()) {
		let sum = 0;
		for (const name of await readdir(path)) sum += await sizeOf(join(path, name), inUse, seen);
		return sum;
	}
	const id = `${found.dev}:${found.ino}`;
	if (inUse.has(id) || seen.has(id)) return 0;
	seen.add(id);
	return found.size;
}
