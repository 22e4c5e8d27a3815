import { EkexecError, parseShown, showBytes } from "../bytes/index.ts";
import { type EntryKind, maxFileSize } from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";
import { isObject, parsePermissions } from "./json.ts";
import { type Manifest, type ManifestEntry, manifestFormat, showPermissions } from "./manifest.ts";

type Field = Exclude<keyof ManifestEntry, "path" | "type">;

const owned = ["mode", "uid", "gid"] as const;
/** What can be said of each type. */
const fieldsOf: Readonly<Record<EntryKind | "link", readonly Field[]>> = {
	file: [...owned, "size", "sha256"],
	directory: owned,
	symlink: [...owned, "target"],
	character: [...owned, "major", "minor"],
	block: [...owned, "major", "minor"],
	fifo: owned,
	socket: owned,
	link: ["target"],
};
const types = Object.keys(fieldsOf) as readonly (EntryKind | "link")[];

/**
 * Checks that a parsed JSON value is a manifest, as {@link manifestOf} makes it or as somebody wrote it: an object with
 * `format` and `entries`, each entry with `path` and `type` and any of what can be said of its type. What an entry does not
 * say is not compared; an entry that is not there is one that must not be. So that no slip of the pen leaves something
 * unchecked, unknown members are refused, as are two entries of one path and values that no tree can have.
 *
 * Paths may begin with `/` or `./`, modes may lack zeros in front, digests may be in upper case: the answer has the one form
 * of each. Throws `INITRD_MANIFEST` with the entry.
 */
export function asManifest(json: unknown, where?: string): Manifest {
	if (!isObject(json)) throw fault(where, undefined, "an object", json);
	for (const key of Object.keys(json)) {
		if (key !== "format" && key !== "entries")
			throw fault(where, key, "format and entries only", "an unknown member");
	}
	const { format, entries } = json;
	if (format !== manifestFormat)
		throw fault(where, "format", JSON.stringify(manifestFormat), format);
	if (!Array.isArray(entries)) throw fault(where, "entries", "a list", entries);
	const seen = new Map<string, number>();
	const read = (entries as unknown[]).map((item, index) => {
		const entry = entryOf(item, index, where);
		const other = seen.get(entry.path);
		if (other !== undefined) {
			const place = `entries[${index}] (${entry.path})`;
			throw fault(where, place, "one entry of this path", `another, entries[${other}]`);
		}
		seen.set(entry.path, index);
		return entry;
	});
	return { format: manifestFormat, entries: read };
}

function entryOf(item: unknown, index: number, where: string | undefined): ManifestEntry {
	const at = `entries[${index}]`;
	if (!isObject(item)) throw fault(where, at, "an object", item);
	const given = typeof item.path === "string" ? ` (${item.path.slice(0, 200)})` : "";
	const bad = (field: string, expected: string): EkexecError<InitrdCode> =>
		fault(where, `${at}.${field}${given}`, expected, item[field]);
	const path = typeof item.path === "string" ? normal(item.path) : undefined;
	if (path === undefined) throw bad("path", "a path below the root, without ..");
	const type = types.find((known) => known === item.type);
	if (type === undefined) throw bad("type", types.join(", "));
	const fields = fieldsOf[type];
	const entry: Record<string, string | number> = { path, type };
	for (const [key, value] of Object.entries(item)) {
		if (key === "path" || key === "type") continue;
		const field = fields.find((known) => known === key);
		if (field === undefined) throw bad(key, `of a ${type} only ${fields.join(", ")}`);
		const [expected, read] = readers[field];
		const taken = read(value, type);
		if (taken === undefined) throw bad(key, expected);
		entry[key] = taken;
	}
	return entry as unknown as ManifestEntry;
}

type Reader = (value: unknown, type: EntryKind | "link") => string | number | undefined;

/** The one form of a member's value, or undefined if no tree can have it. */
const readers: Readonly<Record<Field, readonly [string, Reader]>> = {
	mode: [
		'permissions as octal text, such as "0755"',
		(value) => {
			const permissions = parsePermissions(value);
			return permissions === undefined ? undefined : showPermissions(permissions);
		},
	],
	uid: number(maxFileSize),
	gid: number(maxFileSize),
	size: number(maxFileSize),
	sha256: [
		"64 hexadecimal digits",
		(value) =>
			typeof value === "string" && /^[0-9a-f]{64}$/i.test(value) ? value.toLowerCase() : undefined,
	],
	target: [
		"a path",
		(value, type) => {
			if (typeof value !== "string" || value === "") return undefined;
			return type === "link" ? normal(value) : showBytes(parseShown(value));
		},
	],
	major: number(maxFileSize),
	minor: number(maxFileSize),
};

function number(max: number): readonly [string, Reader] {
	return [
		`an integer from 0 to ${max}`,
		(value) =>
			typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= max
				? value
				: undefined,
	];
}

/** A path as a manifest shows it; undefined for the root, which has no entry, and for what is no path in it. */
function normal(shown: string): string | undefined {
	const raw = Buffer.from(parseShown(shown)).toString("latin1");
	const parts = raw.split("/").filter((part) => part !== "" && part !== ".");
	if (parts.length === 0 || parts.includes("..") || raw.includes("\0")) return undefined;
	return showBytes(Buffer.from(parts.join("/"), "latin1"));
}

function fault(
	where: string | undefined,
	field: string | undefined,
	expected: string,
	found: unknown,
): EkexecError<InitrdCode> {
	const shown = JSON.stringify(found) ?? "nothing";
	return new EkexecError("usage", "INITRD_MANIFEST", "not a manifest of an initrd", {
		where,
		field,
		expected,
		found: shown.length > 200 ? `${shown.slice(0, 200)}…` : shown,
		remedy: "Make one with: ekexec initrd verify FILE --write-manifest M.json",
	});
}
