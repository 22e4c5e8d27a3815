import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { EkexecError, showBytes } from "../bytes/index.ts";
import { type CpioEntry, nameKey } from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";
import { isObject } from "./json.ts";
import { type FileRef, ioError } from "./source.ts";
import { TreeItem } from "./tree-item.ts";

/** A description of tens of thousands of entries has a few megabytes; this is no tree. */
export const maxTreeSize: number = 256 * 1024 * 1024;

export interface ParseTreeOptions {
	/** File it came from, for errors. */
	readonly where?: string;
	/** Folder that `source` is relative to; the current one unless told. */
	readonly base?: string;
	/** Told of each entry, and where in the description it is, in words: what is wrong with it may show only later. */
	readonly onEntry?: (entry: CpioEntry<FileRef>, at: string) => void;
	readonly signal?: AbortSignal;
}

/**
 * Reads a tree description: JSON that says what an archive shall hold, so that owners, devices and modes need no root.
 * Either a list of entries or an object with the list under `entries`. An entry has `path`, `type` (file, directory,
 * symlink, link, character, block, fifo, socket, or tree: all of a folder on disk), `mode` as octal text ("0755"),
 * `uid`, `gid`, `mtime`; a file has its content as `text`, `base64` or `source` (a path, relative to the
 * description); a symlink or link has `target`; a device `major` and `minor`. `type` may be left out where
 * `target` (symlink), or one of the contents (file) says it. `\xNN` in `path` and `target` stands for any byte.
 * A link has no more than its target, a tree no more than its source: what else is said of them is refused, as is a name
 * that two entries have.
 */
export async function readTree(
	path: string,
	signal?: AbortSignal,
	options: Omit<ParseTreeOptions, "signal"> = {},
): Promise<CpioEntry<FileRef>[]> {
	const { where = path } = options;
	let bytes: Uint8Array;
	try {
		const { size } = await stat(path);
		if (size > maxTreeSize) throw tooLarge(size, where);
		bytes = await readFile(path, { signal });
	} catch (error) {
		throw error instanceof EkexecError ? error : ioError(error, "read", where);
	}
	return parseTree(parseTreeJson(bytes, where), {
		base: dirname(resolve(path)),
		...options,
		where,
		...(signal === undefined ? {} : { signal }),
	});
}

/** The JSON of a description, for {@link parseTree}. */
export function parseTreeJson(bytes: Uint8Array, where: string): unknown {
	const wrong = (summary: string, cause: unknown) =>
		new EkexecError<InitrdCode>("usage", "INITRD_TREE", summary, { where, cause });
	if (bytes.length > maxTreeSize) throw tooLarge(bytes.length, where);
	let text: string;
	try {
		text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch (error) {
		throw wrong("not JSON: no UTF-8", error);
	}
	try {
		return JSON.parse(text);
	} catch (error) {
		throw wrong(`not JSON: ${(error as Error).message}`, error);
	}
}

function tooLarge(size: number, where: string): EkexecError<InitrdCode> {
	return new EkexecError("usage", "INITRD_LIMIT", "tree description too large", {
		where,
		expected: `at most ${maxTreeSize} bytes`,
		found: `${size} bytes`,
	});
}

/** The entries of a tree description that is already parsed; see {@link readTree}. */
export async function parseTree(
	json: unknown,
	options: ParseTreeOptions = {},
): Promise<CpioEntry<FileRef>[]> {
	const list = Array.isArray(json) ? json : isObject(json) ? json.entries : undefined;
	if (!Array.isArray(list)) {
		throw new EkexecError<InitrdCode>("usage", "INITRD_TREE", "not a tree description", {
			where: options.where,
			expected: 'a list of entries, or an object with a list "entries"',
		});
	}
	const entries: CpioEntry<FileRef>[] = [];
	const earlier = new Map<string, { index: number; directory: boolean }>();
	for (const [index, json] of list.entries()) {
		const item = new TreeItem(json, index, options);
		for (const entry of await item.entries()) {
			const key = nameKey(entry.name);
			const directory = entry.kind === "directory";
			const other = earlier.get(key);
			// Laid over another layer, the later one would win without a word. A folder may be said twice, as in any archive.
			if (other !== undefined && !(other.directory && directory)) {
				throw item.fault("path", {
					summary: "two entries have one name",
					found: `${showBytes(Buffer.from(key, "latin1"))} in entries[${other.index}], too`,
					remedy:
						"Leave one of them out. What shall win over something else comes in a tree of its own, later on the command line.",
				});
			}
			earlier.set(key, { index, directory });
			options.onEntry?.(entry, item.at);
			entries.push(entry);
		}
	}
	return entries;
}
