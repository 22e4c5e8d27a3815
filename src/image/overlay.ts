import { createHash } from "node:crypto";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { CpioEntry } from "../cpio/index.ts";
import type { Contents, ContentsFile } from "./contents.ts";
import { imageError } from "./errors.ts";
import type { FileRef } from "./layer.ts";
import { sha256OfFile } from "./open.ts";
import { toBytes, toKey } from "./tree.ts";

/**
 * The user's own files, as they lie in a folder: permissions kept, owned by root, times left out. `digest` changes
 * with any of it. Throws `IMAGE_OVERLAY` for what is no file, directory or symlink.
 */
export async function readOverlay(folder: string): Promise<{
	readonly entries: CpioEntry<FileRef>[];
	readonly contents: Contents;
	readonly digest: string;
}> {
	const entries: CpioEntry<FileRef>[] = [];
	const files: ContentsFile[] = [];
	const hash = createHash("sha256");
	const walk = async (below: string): Promise<void> => {
		const names = await readdir(join(folder, below), { encoding: "buffer" }).catch(
			(cause: unknown) => {
				throw imageError("usage", "IMAGE_OVERLAY", "the overlay cannot be read", {
					where: join(folder, below),
					cause,
				});
			},
		);
		for (const name of names.map((bytes) => toKey(bytes)).sort()) {
			const path = below === "" ? name : `${below}/${name}`;
			const place = Buffer.concat([Buffer.from(`${folder}/`), toBytes(path)]);
			const found = await lstat(place);
			const mode = found.mode % 0o10000;
			if (found.isDirectory()) {
				entries.push({ kind: "directory", name: toBytes(path), mode });
				hash.update(JSON.stringify([path, mode]));
				await walk(path);
			} else if (found.isSymbolicLink()) {
				const target = await readlink(place, { encoding: "buffer" });
				entries.push({ kind: "symlink", name: toBytes(path), target });
				files.push({ path, size: 0, layer: "overlay" });
				hash.update(JSON.stringify([path, toKey(target)]));
			} else if (found.isFile()) {
				const ref = { path: place.toString() };
				entries.push({
					kind: "file",
					name: toBytes(path),
					mode,
					content: { size: found.size, ref },
				});
				files.push({ path, size: found.size, layer: "overlay" });
				hash.update(JSON.stringify([path, mode, await sha256OfFile(ref.path)]));
			} else {
				throw imageError("usage", "IMAGE_OVERLAY", "the overlay holds something that is no file", {
					where: place.toString(),
					expected: "files, directories and symlinks",
				});
			}
		}
	};
	await walk("");
	return { entries, contents: { files }, digest: hash.digest("hex") };
}
