import { chmod, copyFile, link, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { exists } from "./cache.ts";
import { imageError } from "./errors.ts";

/** Makes the image directory from files and texts: complete, or not there. Within the cache, files are shared. */
export async function place(
	directory: string,
	files: readonly (readonly [string, Uint8Array | string])[],
): Promise<void> {
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
		if (await exists(directory)) {
			if (!(await exists(join(directory, "manifest.json")))) {
				throw imageError("usage", "IMAGE_NOT_FOUND", "there is something else in this place", {
					where: directory,
					remedy: "Name a directory that does not exist yet, or an older image.",
				});
			}
			await rm(directory, { recursive: true });
		}
		await rename(draft, directory);
	} finally {
		await rm(draft, { recursive: true, force: true });
	}
}
