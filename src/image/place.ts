import {
	chmod,
	copyFile,
	link,
	mkdir,
	mkdtemp,
	readdir,
	readFile,
	rename,
	rm,
	stat,
	writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { touch } from "./cache.ts";
import { imageError } from "./errors.ts";
import { sha256OfFile } from "./open.ts";

type PlacedFile = readonly [string, Uint8Array | string];

/** Times to try again where others put images in the same place. */
const tries = 20;

/**
 * Makes the image directory from files and texts: complete, or not there. Within the cache, files are shared. One that
 * holds the same already stays as it is: another rescue may be reading it.
 */
export async function place(directory: string, files: readonly PlacedFile[]): Promise<void> {
	if (await holds(directory, files)) return touch(directory);
	await mkdir(dirname(directory), { recursive: true });
	const draft = await mkdtemp(`${directory}.`);
	try {
		await chmod(draft, 0o755);
		await mkdir(join(draft, "layers"));
		for (const [name, content] of files) {
			const path = join(draft, name);
			if (typeof content !== "string") await writeFile(path, content);
			// A hard link costs nothing; on another file system, copy.
			else await link(content, path).catch(() => copyFile(content, path));
		}
		for (let left = tries; ; left--) {
			const failed = await rename(draft, directory).then(
				() => undefined,
				(error: NodeJS.ErrnoException) => error,
			);
			if (failed === undefined) return;
			if (left === 0 || !["EEXIST", "ENOTEMPTY", "ENOTDIR"].includes(failed.code ?? ""))
				throw failed;
			if (await holds(directory, files)) return;
			await clear(directory, `${draft}.old`);
		}
	} finally {
		await rm(draft, { recursive: true, force: true });
	}
}

/** Takes an older image out of the way, at once. */
async function clear(directory: string, aside: string): Promise<void> {
	const names = await readdir(directory).catch(
		(error: NodeJS.ErrnoException): string[] | undefined => {
			// Another one took it away.
			if (error.code === "ENOENT") return undefined;
			if (error.code !== "ENOTDIR") throw error;
			return [];
		},
	);
	if (names === undefined) return;
	if (!names.includes("manifest.json")) {
		throw imageError("usage", "IMAGE_NOT_FOUND", "there is something else in this place", {
			where: directory,
			remedy: "Name a directory that does not exist yet, or an older image.",
		});
	}
	await rename(directory, aside).catch((error: NodeJS.ErrnoException) => {
		if (error.code !== "ENOENT") throw error;
	});
	await rm(aside, { recursive: true, force: true });
}

/** Whether the directory holds these: the texts by their bytes, the files of the cache as the same, or as a copy of it. */
async function holds(directory: string, files: readonly PlacedFile[]): Promise<boolean> {
	const same = await Promise.all(
		files.map(async ([name, content]) => {
			const path = join(directory, name);
			if (typeof content !== "string") return (await readFile(path)).equals(content);
			const [here, there] = await Promise.all([stat(path), stat(content)]);
			if (here.dev === there.dev && here.ino === there.ino) return true;
			// A copy may have been damaged.
			return (
				here.size === there.size && (await sha256OfFile(path)) === (await sha256OfFile(content))
			);
		}),
	).catch(() => [false]);
	return same.every(Boolean);
}
