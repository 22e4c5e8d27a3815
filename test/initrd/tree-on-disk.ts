import { createHash } from "node:crypto";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** An empty folder that goes away with `remove`. */
export function scratch(): { readonly path: string; remove(): void } {
	const path = mkdtempSync(join(tmpdir(), "ekexec-test-"));
	return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Every path below a folder, sorted, as one character a byte. (readdir's own recursion would follow symlinks.) */
export function pathsBelow(folder: string): string[] {
	const found: string[] = [];
	const queue = [""];
	for (let below = queue.pop(); below !== undefined; below = queue.pop()) {
		for (const leaf of readdirSync(nativePath(folder, below), "latin1")) {
			const path = below === "" ? leaf : `${below}/${leaf}`;
			found.push(path);
			if (lstatSync(nativePath(folder, path)).isDirectory()) queue.push(path);
		}
	}
	return found.sort();
}

function nativePath(folder: string, path: string): Buffer {
	return Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(path, "latin1")]);
}

export interface SnapshotOptions {
	readonly owners?: boolean;
	/** mtime of files; of everything else, too, if `all`. */
	readonly times?: "files" | "all";
}

/** Everything below a folder, a line each: path, type, mode, target or digest, hard links by their first name. */
export function snapshot(folder: string, options: SnapshotOptions = {}): string[] {
	const lines: string[] = [];
	const inodes = new Map<string, string>();
	for (const name of pathsBelow(folder)) {
		const path = nativePath(folder, name);
		const stats = lstatSync(path);
		const parts = [JSON.stringify(name), (stats.mode & 0o170000).toString(8)];
		if (!stats.isSymbolicLink()) parts.push((stats.mode & 0o7777).toString(8));
		if (options.owners === true) parts.push(`${stats.uid}:${stats.gid}`);
		if (options.times === "all" || (options.times === "files" && stats.isFile())) {
			parts.push(String(Math.floor(stats.mtimeMs / 1000)));
		}
		if (stats.isSymbolicLink()) parts.push(readlinkSync(path, "latin1"));
		if (stats.isFile()) parts.push(createHash("sha256").update(readFileSync(path)).digest("hex"));
		if (stats.isCharacterDevice() || stats.isBlockDevice()) parts.push(String(stats.rdev));
		const first = inodes.get(`${stats.dev}:${stats.ino}`);
		if (!stats.isDirectory() && first !== undefined) parts.push(`= ${first}`);
		else inodes.set(`${stats.dev}:${stats.ino}`, name);
		lines.push(parts.join(" "));
	}
	return lines;
}
