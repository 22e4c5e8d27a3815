import { lstatSync, readdirSync, readlinkSync, type Stats } from "node:fs";
import { EkexecError, showBytes } from "../bytes/index.ts";
import { type CpioEntry, maxFileSize, permissionBits } from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";
import { type FileRef, fsPath, ioError, type Path, showPath } from "./source.ts";

export interface WalkOptions {
	/** Keep owners and times, and the folder itself as the root's entry. Off unless told: all belong to 0:0. */
	readonly preserve?: boolean;
	/** Path within the archive that the folder's contents are put below; the root unless told. */
	readonly below?: string;
	readonly signal?: AbortSignal | undefined;
}

/** Folders deeper than this are a loop of bind mounts or worse; PATH_MAX would end it anyway. */
const maxDepth = 2048;

/**
 * What a folder holds, as entries: names as bytes, contents by reference, hard links among themselves found.
 * Symlinks are never followed but for the folder itself. Calls are synchronous, a folder at a time.
 */
export async function walk(folder: Path, options: WalkOptions = {}): Promise<CpioEntry<FileRef>[]> {
	const { preserve = false, below = "", signal } = options;
	const entries: CpioEntry<FileRef>[] = [];
	const links = new Map<string, string | Uint8Array>();
	// Paths are strings of one character a byte (latin1), which costs nothing for plain names.
	const top = latin1(folder).replace(/\/+$/, "") || "/";
	const root = attempt(() => lstatSync(fsPath(`${top}/.`)), "list", folder);
	if (!root.isDirectory()) {
		throw new EkexecError<InitrdCode>("usage", "INITRD_IO", "not a folder", {
			where: showPath(folder),
		});
	}
	if (preserve && below === "")
		entries.push({ kind: "directory", name: ".", ...attributes(root, true) });
	const queue: { path: string; name: string; depth: number }[] = [
		{ path: top === "/" ? "" : top, name: below === "" ? "" : `${latin1(below)}/`, depth: 0 },
	];
	let listed = 0;
	for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
		const { path, name, depth } = next;
		const names = attempt(() => readdirSync(native(path || "/"), "latin1"), "list", path || "/");
		for (const leaf of names) {
			const childPath = `${path}/${leaf}`;
			const childName = `${name}${leaf}`;
			const real = native(childPath);
			const stats = attempt(() => lstatSync(real), "read", real as Path);
			const entry = entryOf(real as Path, native(childName), stats, preserve, links);
			entries.push(entry);
			if (entry.kind === "directory") {
				if (depth >= maxDepth) {
					throw new EkexecError<InitrdCode>("usage", "INITRD_LIMIT", "folders nested too deep", {
						where: showPath(real as Path),
						expected: `at most ${maxDepth} levels`,
					});
				}
				queue.push({ path: childPath, name: `${childName}/`, depth: depth + 1 });
			}
		}
		listed += names.length;
		if (listed > 2000) {
			listed = 0;
			await new Promise((resolve) => setImmediate(resolve));
			signal?.throwIfAborted();
		}
	}
	return entries;
}

function entryOf(
	path: Path,
	name: string | Uint8Array,
	stats: Stats,
	preserve: boolean,
	links: Map<string, string | Uint8Array>,
): CpioEntry<FileRef> {
	const how = attributes(stats, preserve);
	if (stats.isDirectory()) return { kind: "directory", name, ...how };
	if (stats.isSymbolicLink()) {
		const target = attempt(() => readlinkSync(fsPath(path), "buffer"), "read", path);
		return { kind: "symlink", name, target, ...how, mode: 0o777 };
	}
	if (stats.nlink > 1) {
		const inode = inodeOf(path, stats);
		const first = links.get(inode);
		if (first !== undefined) return { kind: "link", name, target: first };
		links.set(inode, name);
	}
	if (stats.isFile()) {
		return { kind: "file", name, content: { size: stats.size, ref: { path } }, ...how };
	}
	if (stats.isCharacterDevice() || stats.isBlockDevice()) {
		const kind = stats.isBlockDevice() ? "block" : "character";
		return { kind, name, ...deviceNumber(stats.rdev), ...how };
	}
	if (stats.isFIFO()) return { kind: "fifo", name, ...how };
	if (stats.isSocket()) return { kind: "socket", name, ...how };
	throw new EkexecError<InitrdCode>(
		"usage",
		"INITRD_IO",
		"neither file nor anything else that an archive can hold",
		{
			where: showPath(path),
			found: `mode 0${stats.mode.toString(8)}`,
		},
	);
}

function attributes(
	stats: Stats,
	preserve: boolean,
): { mode: number; uid?: number; gid?: number; mtime?: number } {
	const mode = stats.mode & permissionBits;
	if (!preserve) return { mode };
	// The format has 32 unsigned bits: what lies before 1970 or after 2106 becomes the nearest that can be said.
	const mtime = Math.min(Math.max(Math.floor(stats.mtimeMs / 1000), 0), maxFileSize);
	return { mode, uid: stats.uid, gid: stats.gid, mtime };
}

/** Names an inode. Numbers above 2^53 are asked for again in full, or two files could be taken for one. */
function inodeOf(path: Path, stats: Stats): string {
	if (Number.isSafeInteger(stats.ino) && Number.isSafeInteger(stats.dev)) {
		return `${stats.dev}:${stats.ino}`;
	}
	const { dev, ino } = attempt(() => lstatSync(fsPath(path), { bigint: true }), "read", path);
	return `${dev}:${ino}`;
}

/** Major and minor of a device number as stat(2) gives it. */
export function deviceNumber(
	rdev: number,
	platform: NodeJS.Platform = process.platform,
): { major: number; minor: number } {
	if (platform === "darwin") {
		return { major: Math.floor(rdev / 2 ** 24) % 256, minor: rdev % 2 ** 24 };
	}
	// Linux, include/linux/kdev_t.h, new_encode_dev(): minor's low 8 bits, 12 bits of major, minor's high 12 bits.
	const minor = (rdev % 256) + Math.floor(rdev / 2 ** 20) * 256;
	return { major: Math.floor(rdev / 256) % 4096, minor: minor % 2 ** 20 };
}

function latin1(path: Path): string {
	return Buffer.from(path as string).toString("latin1");
}

/** What node:fs takes for a path of one character a byte: the same string if it is plain ASCII, else its bytes. */
function native(path: string): string | Buffer {
	// biome-ignore lint/suspicious/noControlCharactersInRegex: names may hold any byte but NUL and slash.
	return /^[\x00-\x7f]*$/.test(path) ? path : Buffer.from(path, "latin1");
}

function attempt<T>(call: () => T, doing: string, path: Path): T {
	try {
		return call();
	} catch (error) {
		throw ioError(
			error,
			doing,
			typeof path === "string" ? showBytes(Buffer.from(path, "latin1")) : path,
		);
	}
}
