import { parseShown, showBytes } from "../bytes/index.ts";
import type { Inode } from "./node.ts";
import type { Root } from "./root.ts";

/**
 * One name of an initrd's tree as JSON says it. Written by {@link manifestOf}, members are absent that do not apply to the
 * type; written by hand, any but `path` and `type` may be: what is not said is not compared.
 */
export interface ManifestEntry {
	/** Bytes that are no printable UTF-8 as `\xNN`, a backslash doubled. */
	readonly path: string;
	/** `link` is one more name of `target`. */
	readonly type: Inode["kind"] | "link";
	/** Permissions in octal: "0755". */
	readonly mode?: string;
	readonly uid?: number;
	readonly gid?: number;
	/** A file's length in bytes. */
	readonly size?: number;
	/** A file's content, lower-case hex. */
	readonly sha256?: string;
	readonly target?: string;
	readonly major?: number;
	readonly minor?: number;
}

/** What an initrd is to hold: every name, sorted by bytes. */
export interface Manifest {
	readonly format: typeof manifestFormat;
	readonly entries: readonly ManifestEntry[];
}

export const manifestFormat = "ekexec-initrd-1";

/** The tree as a manifest. The SHA-256 of files is there if the tree was read with `digests`. */
export function manifestOf(root: Root): Manifest {
	const first = new Map<Inode, string>();
	const entries: ManifestEntry[] = [];
	for (const node of root.nodes()) {
		const { inode } = node;
		const path = showBytes(node.path);
		const other = inode.names > 1 ? first.get(inode) : undefined;
		if (other !== undefined) {
			entries.push({ path, type: "link", target: other });
			continue;
		}
		first.set(inode, path);
		entries.push({
			path,
			type: inode.kind,
			mode: showPermissions(inode.permissions),
			uid: inode.uid,
			gid: inode.gid,
			...(inode.kind === "file" ? { size: inode.size } : {}),
			...(inode.sha256 === undefined ? {} : { sha256: inode.sha256 }),
			...(inode.target === undefined ? {} : { target: showBytes(inode.target) }),
			...(inode.kind === "character" || inode.kind === "block"
				? { major: inode.major, minor: inode.minor }
				: {}),
		});
	}
	return { format: manifestFormat, entries };
}

export function showPermissions(permissions: number): string {
	return permissions.toString(8).padStart(4, "0");
}

/** One difference between two trees. */
export interface Change {
	readonly path: string;
	readonly change: "added" | "removed" | "changed";
	/** What differs, for `changed`: the member's name, before and after. */
	readonly fields?: readonly {
		readonly field: string;
		readonly from: unknown;
		readonly to: unknown;
	}[];
}

const compared = [
	"type",
	"mode",
	"uid",
	"gid",
	"size",
	"sha256",
	"target",
	"major",
	"minor",
] as const;

/**
 * What has to happen to `from` so that it becomes `to`, sorted by path. A member that one side does not say (a
 * manifest without digests) is not compared.
 */
export function compareManifests(from: Manifest, to: Manifest): Change[] {
	const before = new Map(from.entries.map((entry) => [entry.path, entry]));
	const changes: Change[] = [];
	for (const entry of to.entries) {
		const old = before.get(entry.path);
		before.delete(entry.path);
		if (old === undefined) {
			changes.push({ path: entry.path, change: "added" });
			continue;
		}
		const sameType = old.type === entry.type;
		const fields = compared
			.filter((field) =>
				sameType ? old[field] !== undefined && entry[field] !== undefined : field === "type",
			)
			.filter((field) => old[field] !== entry[field])
			.map((field) => ({ field, from: old[field], to: entry[field] }));
		if (fields.length > 0) changes.push({ path: entry.path, change: "changed", fields });
	}
	for (const path of before.keys()) changes.push({ path, change: "removed" });
	const key = (change: Change) => Buffer.from(parseShown(change.path));
	return changes.sort((a, b) => Buffer.compare(key(a), key(b)));
}
