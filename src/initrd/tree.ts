import { readFile, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { EkexecError, parseShown } from "../bytes/index.ts";
import type { CpioEntry, EntryKind } from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";
import { type FileRef, ioError } from "./source.ts";
import { walk } from "./walk.ts";

/** A description of tens of thousands of entries has a few megabytes; this is no tree. */
const maxTreeSize = 256 * 1024 * 1024;

const kinds: ReadonlySet<string> = new Set<EntryKind | "link" | "tree">([
	"file",
	"directory",
	"symlink",
	"character",
	"block",
	"fifo",
	"socket",
	"link",
	"tree",
]);
const keys: ReadonlySet<string> = new Set(
	"path type mode uid gid mtime text base64 source target major minor".split(" "),
);

/**
 * Reads a tree description: JSON that says what an archive shall hold, so that owners, devices and modes need no root.
 * Either a list of entries or an object with the list under `entries`. An entry has `path`, `type` (file, directory,
 * symlink, link, character, block, fifo, socket, or tree: all of a folder on disk), `mode` as octal text ("0755"),
 * `uid`, `gid`, `mtime`; a file has its content as `text`, `base64` or `source` (a path, relative to the
 * description); a symlink or link has `target`; a device `major` and `minor`. `type` may be left out where
 * `target` (symlink), or one of the contents (file) says it. `\xNN` in `path` and `target` stands for any byte.
 */
export async function readTree(path: string, signal?: AbortSignal): Promise<CpioEntry<FileRef>[]> {
	let json: unknown;
	try {
		const { size } = await stat(path);
		if (size > maxTreeSize) {
			throw new EkexecError<InitrdCode>("usage", "INITRD_LIMIT", "tree description too large", {
				where: path,
				expected: `at most ${maxTreeSize} bytes`,
				found: `${size} bytes`,
			});
		}
		json = JSON.parse(await readFile(path, { encoding: "utf8", signal }));
	} catch (error) {
		if (error instanceof SyntaxError) {
			throw new EkexecError<InitrdCode>("usage", "INITRD_TREE", `not JSON: ${error.message}`, {
				where: path,
				cause: error,
			});
		}
		throw error instanceof EkexecError ? error : ioError(error, "read", path);
	}
	return parseTree(json, {
		where: path,
		base: dirname(resolve(path)),
		...(signal === undefined ? {} : { signal }),
	});
}

export interface ParseTreeOptions {
	/** File it came from, for errors. */
	readonly where?: string;
	/** Folder that `source` is relative to; the current one unless told. */
	readonly base?: string;
	readonly signal?: AbortSignal;
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
	for (const [index, item] of list.entries()) {
		const read = new Item(item, index, options);
		if (read.type === "tree") for (const entry of await read.tree()) entries.push(entry);
		else entries.push(await read.entry());
	}
	return entries;
}

class Item {
	readonly type: string;
	readonly #item: Readonly<Record<string, unknown>>;
	readonly #at: string;
	readonly #options: ParseTreeOptions;

	constructor(item: unknown, index: number, options: ParseTreeOptions) {
		this.#options = options;
		this.#at = `entries[${index}]`;
		this.#item = isObject(item) ? item : {};
		if (!isObject(item)) throw this.#fault(undefined, "an object", typeof item);
		this.#at = `${this.#at} (${typeof item.path === "string" ? item.path : "without a path"})`;
		for (const key of Object.keys(item)) {
			if (!keys.has(key))
				throw this.#fault(key, `one of ${[...keys].join(", ")}`, "an unknown key");
		}
		const content = ["text", "base64", "source"].some((key) => key in item);
		const implied = "target" in item ? "symlink" : content ? "file" : undefined;
		const type = item.type ?? implied;
		if (typeof type !== "string" || !kinds.has(type)) {
			throw this.#fault(
				"type",
				[...kinds].join(", "),
				typeof type === "string" ? type : (JSON.stringify(type) ?? "undefined"),
			);
		}
		this.type = type;
	}

	async tree(): Promise<CpioEntry<FileRef>[]> {
		const below = this.#text("path");
		const { base = ".", signal } = this.#options;
		const source = resolve(base, this.#text("source"));
		return walk(source, {
			below: below.replace(/^[./]+$/, ""),
			...(signal === undefined ? {} : { signal }),
		});
	}

	async entry(): Promise<CpioEntry<FileRef>> {
		const name = parseShown(this.#text("path"));
		if (this.type === "link")
			return { kind: "link", name, target: parseShown(this.#text("target")) };
		const how = {
			...this.#mode(),
			...this.#number("uid"),
			...this.#number("gid"),
			...this.#number("mtime"),
		};
		switch (this.type) {
			case "file":
				return { kind: "file", name, content: await this.#content(), ...how };
			case "symlink":
				return { kind: "symlink", name, target: parseShown(this.#text("target")), ...how };
			case "character":
			case "block": {
				const { major } = this.#number("major", true);
				const { minor } = this.#number("minor", true);
				return { kind: this.type, name, major: major ?? 0, minor: minor ?? 0, ...how };
			}
			default:
				return { kind: this.type as "directory" | "fifo" | "socket", name, ...how };
		}
	}

	async #content(): Promise<Uint8Array | { size: number; ref: FileRef }> {
		const given = ["text", "base64", "source"].filter((key) => this.#item[key] !== undefined);
		if (given.length > 1) throw this.#fault(given[1], `either ${given.join(" or ")}`, "both");
		if (given[0] === "text") return Buffer.from(this.#text("text", true));
		if (given[0] === "base64") {
			const text = this.#text("base64", true);
			const bytes = Buffer.from(text, "base64");
			// Node skips what is no base64.
			if (bytes.toString("base64") !== text) {
				throw this.#fault("base64", "base64 text without blanks", "something else");
			}
			return bytes;
		}
		if (given[0] === undefined) return new Uint8Array(0);
		const path = resolve(this.#options.base ?? ".", this.#text("source"));
		try {
			const stats = await stat(path);
			if (!stats.isFile()) throw this.#fault("source", "a file", "something else");
			return { size: stats.size, ref: { path } };
		} catch (error) {
			throw error instanceof EkexecError ? error : ioError(error, "read", path);
		}
	}

	#text(key: string, empty = false): string {
		const value = this.#item[key];
		if (typeof value === "string" && (empty || value !== "")) return value;
		throw this.#fault(key, "text", value === undefined ? "nothing" : JSON.stringify(value));
	}

	#mode(): { mode?: number } {
		const { mode } = this.#item;
		if (mode === undefined) return {};
		if (typeof mode === "string" && /^0?[0-7]{3,4}$/.test(mode))
			return { mode: Number.parseInt(mode, 8) };
		throw this.#fault("mode", 'permissions as octal text, such as "0755"', JSON.stringify(mode));
	}

	#number<const K extends string>(key: K, must = false): { [key in K]?: number } {
		const value = this.#item[key];
		if (value === undefined && !must) return {};
		if (Number.isInteger(value)) return { [key]: value } as { [key in K]: number };
		throw this.#fault(key, "an integer", value === undefined ? "nothing" : JSON.stringify(value));
	}

	#fault(field: string | undefined, expected: string, found: string): EkexecError<InitrdCode> {
		const { where } = this.#options;
		return new EkexecError("usage", "INITRD_TREE", "entry of the tree makes no sense", {
			where: where === undefined ? this.#at : `${where}, ${this.#at}`,
			field,
			expected,
			found,
		});
	}
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
