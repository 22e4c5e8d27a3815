import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { EkexecError, type ErrorDetails, parseShown } from "../bytes/index.ts";
import { type CpioEntry, type EntryKind, maxFileSize, nameKey } from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";
import { isObject, parsePermissions } from "./json.ts";
import { sentenceOf } from "./reasons.ts";
import type { FileRef } from "./source.ts";
import type { ParseTreeOptions } from "./tree.ts";
import { walk } from "./walk.ts";

type ItemType = EntryKind | "link" | "tree";

const attributes = ["mode", "uid", "gid", "mtime"];
const contents = ["text", "base64", "source"];

/** What can be said of each type, besides `path` and `type`. */
const fields: Readonly<Record<ItemType, readonly string[]>> = {
	file: [...attributes, ...contents],
	directory: attributes,
	symlink: [...attributes, "target"],
	character: [...attributes, "major", "minor"],
	block: [...attributes, "major", "minor"],
	fifo: attributes,
	socket: attributes,
	link: ["target"],
	tree: ["source"],
};
const known: ReadonlySet<string> = new Set([
	...["path", "type", ...attributes, ...contents, "target", "major", "minor"],
]);

/** Half of a character: JSON can say it, UTF-8 cannot. */
const loneSurrogate = /\p{Surrogate}/u;

/** Linux packs a device number into 12 and 20 bits (include/linux/kdev_t.h). */
const most = {
	uid: maxFileSize,
	gid: maxFileSize,
	mtime: maxFileSize,
	major: 0xfff,
	minor: 0xfffff,
};

/** So much of a path is told with each fault, in characters. */
const maxShown = 200;

/** One entry of a tree description. */
export class TreeItem {
	/** Where in which file, for people. */
	readonly at: string;
	readonly #type: ItemType;
	readonly #item: Readonly<Record<string, unknown>>;
	readonly #options: ParseTreeOptions;

	constructor(item: unknown, index: number, options: ParseTreeOptions) {
		this.#options = options;
		const path = isObject(item) && typeof item.path === "string" ? item.path : "without a path";
		const shortly = path.length > maxShown ? `${path.slice(0, maxShown)}…` : path;
		const place = `entries[${index}]${isObject(item) ? ` (${shortly})` : ""}`;
		this.at = options.where === undefined ? place : `${options.where}, ${place}`;
		if (!isObject(item))
			throw this.fault(undefined, {
				expected: "an object",
				found: Array.isArray(item) ? "a list" : typeof item,
			});
		// In a program `undefined` says nothing; JSON has none.
		this.#item = Object.fromEntries(Object.entries(item).filter(([, said]) => said !== undefined));
		for (const key of Object.keys(this.#item)) {
			if (!known.has(key)) {
				const expected = `one of ${[...known].join(", ")}`;
				throw this.fault(key, { expected, found: "an unknown key" });
			}
		}
		const content = contents.some((key) => key in this.#item);
		const implied = "target" in this.#item ? "symlink" : content ? "file" : undefined;
		const type = this.#item.type ?? implied;
		if (typeof type !== "string" || !Object.hasOwn(fields, type)) {
			throw this.fault("type", {
				expected: Object.keys(fields).join(", "),
				found: typeof type === "string" ? type : (JSON.stringify(type) ?? "undefined"),
			});
		}
		this.#type = type as ItemType;
		const own = fields[this.#type];
		for (const key of Object.keys(this.#item)) {
			if (key === "path" || key === "type" || own.includes(key)) continue;
			throw this.fault(key, {
				summary: `does not apply to a ${type}`,
				expected: `nothing but path, type, ${own.join(", ")}`,
			});
		}
	}

	/** Its path as cpio's keys are: one character a byte. */
	get key(): string {
		try {
			return nameKey(parseShown(this.#text("path")));
		} catch (error) {
			if (!(error instanceof EkexecError) || error.code !== "CPIO_NAME") throw error;
			const summary = error.summary.replace(/^name/, "path");
			throw this.fault("path", { summary, cause: error });
		}
	}

	/** What goes into the archive: one entry, or all that a folder holds. */
	async entries(): Promise<CpioEntry<FileRef>[]> {
		const { key } = this;
		if (this.#type === "tree") return this.#tree(key);
		return [await this.#entry(Buffer.from(key, "latin1"), this.#type)];
	}

	async #tree(key: string): Promise<CpioEntry<FileRef>[]> {
		const bytes = Buffer.from(key, "latin1");
		const below = key === "." ? "" : bytes.toString();
		if (key !== "." && !Buffer.from(below).equals(bytes))
			throw this.fault("path", { expected: "a tree's path to be UTF-8" });
		const source = this.#source();
		const stats = await this.#stat(source, "a folder");
		if (!stats.isDirectory()) {
			throw this.fault("source", {
				expected: "a folder, all of which is meant",
				found: `no folder at ${source}`,
				...(stats.isFile() ? { remedy: 'A file has "type": "file".' } : {}),
			});
		}
		const { signal } = this.#options;
		return walk(source, { below, ...(signal === undefined ? {} : { signal }) });
	}

	async #entry(name: Uint8Array, kind: Exclude<ItemType, "tree">): Promise<CpioEntry<FileRef>> {
		if (kind === "link") return { kind, name, target: this.#target() };
		const how = {
			...this.#mode(),
			...this.#number("uid"),
			...this.#number("gid"),
			...this.#number("mtime"),
		};
		switch (kind) {
			case "file":
				return { kind, name, content: await this.#content(), ...how };
			case "symlink":
				return { kind, name, target: this.#target(), ...how };
			case "character":
			case "block": {
				const { major = 0 } = this.#number("major", true);
				const { minor = 0 } = this.#number("minor", true);
				return { kind, name, major, minor, ...how };
			}
			default:
				return { kind, name, ...how };
		}
	}

	async #content(): Promise<Uint8Array | { size: number; ref: FileRef }> {
		const given = contents.filter((key) => key in this.#item);
		if (given.length > 1)
			throw this.fault(given[1], { expected: `either ${given.join(" or ")}`, found: "both" });
		if (given[0] === "text") return Buffer.from(this.#text("text", true));
		if (given[0] === "base64") {
			const text = this.#text("base64", true);
			const bytes = Buffer.from(text, "base64");
			// Node skips what is no base64.
			if (bytes.toString("base64") !== text) {
				const expected = "base64 text without blanks";
				throw this.fault("base64", { expected, found: "something else" });
			}
			return bytes;
		}
		if (given[0] === undefined) return new Uint8Array(0);
		const path = this.#source();
		const stats = await this.#stat(path, "a file");
		if (stats.isFile()) return { size: stats.size, ref: { path } };
		throw this.fault("source", {
			expected: "a file",
			found: `${stats.isDirectory() ? "a folder" : "something else"} at ${path}`,
			...(stats.isDirectory() ? { remedy: 'All of a folder has "type": "tree".' } : {}),
		});
	}

	async #stat(path: string, expected: string) {
		try {
			return await stat(path);
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			const found = code === "ENOENT" ? `nothing at ${path}` : `${code} at ${path}`;
			const remedy = code === "ENOENT" ? undefined : sentenceOf(code);
			throw this.fault("source", { expected, found, remedy, cause: error });
		}
	}

	#source(): string {
		const source = this.#text("source");
		if (source.includes("\0")) throw this.fault("source", { expected: "a path", found: "a NUL" });
		return resolve(this.#options.base ?? ".", source);
	}

	#target(): Uint8Array {
		const target = parseShown(this.#text("target"));
		if (target.includes(0) || target.length > 4095) {
			throw this.fault("target", {
				expected: "1 to 4095 bytes without NUL",
				found: target.includes(0) ? "a NUL" : `${target.length} bytes`,
			});
		}
		return target;
	}

	#text(key: string, empty = false): string {
		const value = this.#item[key];
		if (typeof value === "string" && loneSurrogate.test(value)) {
			throw this.fault(key, {
				expected: "text that UTF-8 can hold",
				found: `half of a character, ${JSON.stringify(loneSurrogate.exec(value)?.[0])}`,
				remedy:
					key === "text"
						? "Bytes that are no text can be given as base64."
						: key === "source"
							? undefined
							: "A byte that is no text is written as \\xNN.",
			});
		}
		if (typeof value === "string" && (empty || value !== "")) return value;
		throw this.fault(key, { expected: "text", found: shown(value) });
	}

	#mode(): { mode?: number } {
		const { mode } = this.#item;
		if (mode === undefined) return {};
		const permissions = parsePermissions(mode);
		if (permissions !== undefined) return { mode: permissions };
		throw this.fault("mode", {
			expected: 'permissions as octal text, such as "0755"',
			found: shown(mode),
		});
	}

	#number<const K extends keyof typeof most>(key: K, must = false): { [key in K]?: number } {
		const value = this.#item[key];
		if (value === undefined && !must) return {};
		if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most[key])
			return { [key]: value } as { [key in K]: number };
		const expected = value === undefined ? "an integer" : `an integer from 0 to ${most[key]}`;
		throw this.fault(key, { expected, found: shown(value) });
	}

	/** The usage error about this entry. */
	fault(
		field: string | undefined,
		details: ErrorDetails & { readonly summary?: string },
	): EkexecError<InitrdCode> {
		const { summary = "entry of the tree makes no sense", ...rest } = details;
		return new EkexecError("usage", "INITRD_TREE", summary, { where: this.at, field, ...rest });
	}
}

function shown(value: unknown): string {
	return value === undefined ? "nothing" : JSON.stringify(value);
}
