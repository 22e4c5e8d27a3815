import { createHash } from "node:crypto";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import { showBytes } from "../bytes/index.ts";
import type { CpioEntry } from "../cpio/index.ts";
import { mergedFolders } from "../debian/index.ts";
import type { Contents, ContentsFile } from "./contents.ts";
import { imageError } from "./errors.ts";
import type { FileRef } from "./layer.ts";
import { sha256OfFile } from "./open.ts";
import { toBytes, toKey } from "./tree.ts";

/** The user's own files. */
export interface Overlay {
	readonly folder: string;
	readonly entries: readonly CpioEntry<FileRef>[];
	readonly contents: Contents;
	/** Changes with any of it. */
	readonly digest: string;
}

/**
 * The user's own files, as they lie in a folder: permissions kept, owned by root, times left out. What lies in `lib`,
 * `bin` and the like goes to where these lead in the image, to `usr/lib`: a folder in the place of such a link leaves
 * no program its libraries. Throws `IMAGE_OVERLAY` for what is no file, directory or symlink.
 */
export async function readOverlay(folder: string): Promise<Overlay> {
	const entries: CpioEntry<FileRef>[] = [];
	const files: ContentsFile[] = [];
	const hash = createHash("sha256");
	const taken = new Map<string, string>();
	/** Where it goes; undefined for what is there already. */
	const placed = (path: string, kind: string): string | undefined => {
		const name = path.replace(merged, "usr/$&");
		const before = taken.get(name);
		if (before === kind && kind === "directory") return undefined;
		taken.set(name, kind);
		if (before === undefined) return name;
		throw imageError("usage", "IMAGE_OVERLAY", "two things of the overlay go to the same place", {
			where: folder,
			field: show(path),
			found: `also ${show(name)}`,
		});
	};
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
				const at = placed(path, "directory");
				if (at !== undefined) entries.push({ kind: "directory", name: toBytes(at), mode });
				hash.update(JSON.stringify([path, mode]));
				await walk(path);
			} else if (found.isSymbolicLink()) {
				const target = await readlink(place, { encoding: "buffer" });
				if (mergedFolders.includes(path)) {
					// A whole system's root was given: its link is the one that the image has.
					if (toKey(target).replace(/^\/|\/$/g, "") === `usr/${path}`) continue;
					throw notAsThere(folder, path, `a folder, or a link to usr/${path}`);
				}
				const at = placed(path, "symlink") ?? path;
				entries.push({ kind: "symlink", name: toBytes(at), target });
				files.push({ path: at, size: 0, layer: "overlay" });
				hash.update(JSON.stringify([path, toKey(target)]));
			} else if (found.isFile()) {
				if (mergedFolders.includes(path)) throw notAsThere(folder, path, "a folder");
				const ref = { path: place, sha256: await sha256OfFile(place) };
				const at = placed(path, "file") ?? path;
				const content = { size: found.size, ref };
				entries.push({ kind: "file", name: toBytes(at), mode, content });
				files.push({ path: at, size: found.size, layer: "overlay" });
				hash.update(JSON.stringify([path, mode, ref.sha256]));
			} else {
				throw imageError("usage", "IMAGE_OVERLAY", "the overlay holds something that is no file", {
					where: showBytes(place),
					expected: "files, directories and symlinks",
				});
			}
		}
	};
	await walk("");
	return { folder, entries, contents: { files }, digest: hash.digest("hex") };
}

const merged = new RegExp(`^(?:${mergedFolders.join("|")})(?=/|$)`);

/**
 * Throws `IMAGE_OVERLAY` where the overlay has a folder and the image none, or the other way round: the kernel would
 * take away the link that others need, or leave out the file without a word.
 */
export function checkOverlay(overlay: Overlay, image: readonly ContentsFile[]): void {
	const files = new Set(image.map(({ path }) => path));
	const folders = new Set<string>();
	for (const path of files) {
		for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
			const folder = path.slice(0, end);
			if (folders.has(folder)) break;
			folders.add(folder);
		}
	}
	for (const { kind, name } of overlay.entries) {
		const path = typeof name === "string" ? name : toKey(name);
		const isFolder = kind === "directory";
		if (isFolder && files.has(path)) {
			throw notAsThere(overlay.folder, path, "no folder: the image has a file or a link here");
		}
		if (!isFolder && folders.has(path)) {
			throw notAsThere(overlay.folder, path, "a folder, as in the image");
		}
	}
}

function notAsThere(folder: string, path: string, expected: string): Error {
	return imageError("usage", "IMAGE_OVERLAY", "the overlay does not fit the image", {
		where: folder,
		field: show(path),
		expected,
	});
}

function show(path: string): string {
	return showBytes(toBytes(path));
}
