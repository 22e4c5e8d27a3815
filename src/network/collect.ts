// The machine at hand: dumps by a local socket, files by the file system.

import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { collect } from "../netlink/index.ts";
import { networkFileCap, networkFiles, networkSymlinks, type RawNetwork } from "./raw.ts";

/**
 * Reads the network of this machine. Files that are missing, or that this user may not read, are absent. Throws
 * what `collect` of `ekexec/netlink` throws.
 */
export async function collectNetwork(
	options: { readonly signal?: AbortSignal } = {},
): Promise<RawNetwork> {
	const files = new Map<string, Uint8Array>();
	const symlinks = new Map<string, string>();
	for (const path of await expandAll(networkFiles)) {
		try {
			const bytes = await readFile(path, options);
			// The end is what counts: leases are appended.
			files.set(path, bytes.subarray(Math.max(0, bytes.length - networkFileCap)));
		} catch (error) {
			passOver(error);
		}
	}
	for (const path of await expandAll(networkSymlinks)) {
		try {
			symlinks.set(path, await readlink(path));
		} catch (error) {
			passOver(error);
		}
	}
	const { raw } = await collect(options);
	return { dumps: raw, files, symlinks };
}

async function expandAll(patterns: readonly string[]): Promise<readonly string[]> {
	const lists = await Promise.all(patterns.map((pattern) => expand(pattern)));
	return lists.flat();
}

/** Paths that fit a pattern in which `*` stands for any name without a leading dot. */
async function expand(pattern: string): Promise<readonly string[]> {
	const parts = pattern.split("/");
	const at = parts.findIndex((part) => part.includes("*"));
	if (at < 0) return [pattern];
	const folder = parts.slice(0, at).join("/");
	const [before = "", after = ""] = (parts[at] ?? "").split("*", 2);
	let names: string[];
	try {
		names = await readdir(folder);
	} catch (error) {
		passOver(error);
		return [];
	}
	const fitting = names
		.filter((name) => !name.startsWith(".") && name.startsWith(before) && name.endsWith(after))
		.sort();
	return expandAll(fitting.map((name) => join(folder, name, ...parts.slice(at + 1))));
}

/** Errors of files that are not there, or not for us, mean that they say nothing; anything else is thrown on. */
function passOver(error: unknown): void {
	const code = (error as NodeJS.ErrnoException).code ?? "";
	// EINVAL: no symbolic link, or a file of sysfs that this device does not fill.
	if (!["ENOENT", "EACCES", "EPERM", "ENOTDIR", "EISDIR", "EINVAL", "ENODEV"].includes(code))
		throw error;
}
