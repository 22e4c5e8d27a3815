import { lstat, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder, unusedDownloads } from "../debian/index.ts";
import { imagesFolder } from "./build.ts";
import { readJson } from "./cache.ts";
import { type Image, openImage } from "./open.ts";

/** An image in the cache; `made` is when it was built, or last taken instead of building it, in milliseconds since 1970. */
export interface StoredImage {
	readonly image: Image;
	readonly made: number;
}

/** The images in the cache, the newest first. What cannot be read is left out. */
export async function listImages(cache: string = cacheFolder()): Promise<StoredImage[]> {
	return imagesIn(imagesFolder(cache));
}

async function imagesIn(folder: string): Promise<StoredImage[]> {
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

/** What is younger may be a build at work, or its layers before the image is whole. Milliseconds. */
const settled = 3600_000;
/** Packages, lists of packages and unpacked tools that nobody used for so long go with every pruning. Milliseconds. */
const unusedMax = 30 * 24 * 3600_000;

/**
 * Removes images, those unpacked from tarballs too, and the layers, kernels, lists of modules and victims that no kept
 * image was made from or into: all but the newest `keep` of each kind. Of one kind are images of the same name, release
 * and architecture, made for any machine or each for one. Damaged ones and drafts go, too; nothing of the last hour
 * but whole images. Packages, lists of packages and unpacked tools go when nobody used them for 30 days; with `packages`,
 * all of them.
 */
export async function pruneCache(options: {
	readonly cache?: string;
	readonly keep: number;
	readonly packages?: boolean;
	readonly dryRun?: boolean;
	/** Milliseconds since 1970; Date.now by default. */
	readonly clock?: () => number;
}): Promise<PrunedCache> {
	const cache = options.cache ?? cacheFolder();
	const now = (options.clock ?? Date.now)();
	const before = now - settled;
	const removed: string[] = [];
	const inUse = new Set<string>();
	const digests = new Set<string>();
	const releases = new Set<string>();
	/** The entries of a folder that are not of the last hour, but for those that are `kept`. */
	const remove = async (at: string, kept: (name: string) => boolean | Promise<boolean>) => {
		for (const name of (await readdir(join(cache, at)).catch(() => [])).sort()) {
			const path = join(cache, at, name);
			const found = await stat(path).catch(() => undefined);
			if (found === undefined || found.mtimeMs > before || (await kept(name))) continue;
			removed.push(path);
		}
	};
	for (const at of ["images", "imported"]) {
		const all = await imagesIn(join(cache, at));
		const counts = new Map<string, number>();
		const whole = new Set<string>();
		for (const { image } of all) {
			whole.add(image.directory);
			const { name, architecture, source, madeFor, kernel } = image.manifest;
			const kind = JSON.stringify([name, architecture, source.suite, madeFor !== undefined]);
			const count = (counts.get(kind) ?? 0) + 1;
			counts.set(kind, count);
			if (count > options.keep) {
				removed.push(image.directory);
				continue;
			}
			digests.add(image.digest.slice(0, 16));
			releases.add(kernel.release);
			// An image's files are hard links to those of the cache: the same inode is the same layer.
			for (const file of [image.kernel, ...image.layers]) inUse.add(await inode(file.path));
		}
		await remove(at, (name) => whole.has(join(cache, at, name)));
	}
	await remove("layers", async (name) =>
		inUse.has(await inode(join(cache, "layers", name, "layer"))),
	);
	await remove("kernels", async (name) =>
		inUse.has(await inode(join(cache, "kernels", name, "kernel"))),
	);
	await remove("modules", async (name) =>
		releases.has(await releaseOf(join(cache, "modules", name))),
	);
	// A victim has the digest of the image that it was made of in its name; the key that opens all of them stays.
	await remove("victims", (name) => /^id_/.test(name) || digests.has(name.replace(/^.*-/, "")));
	removed.push(
		...(await unusedDownloads(cache, options.packages === true ? undefined : now - unusedMax)),
	);
	let freed = 0;
	const seen = new Set<string>();
	for (const path of removed) freed += await sizeOf(path, inUse, seen);
	if (options.dryRun !== true) {
		const aside = join(cache, ".removed");
		if (removed.length > 0) await mkdir(aside, { recursive: true });
		for (const [index, path] of removed.entries()) {
			// At once, or who looks meanwhile, or after an interruption, would find half of a folder and take it for whole.
			await rename(path, join(aside, `${process.pid}.${index}`)).catch(() =>
				rm(path, { recursive: true, force: true }),
			);
		}
		await rm(aside, { recursive: true, force: true });
	}
	return { removed, freed };
}

async function releaseOf(folder: string): Promise<string> {
	return readJson<{ release: string }>(folder, "modules.json").then(
		({ release }) => release,
		() => "",
	);
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
	const found = await lstat(path).catch(() => undefined);
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
