import { type EntryKind, type ParsedEntry, permissionBits } from "../cpio/index.ts";
import type { Program } from "./program.ts";

// Names within this file are strings of one character a byte.

/** A thing in the file system, whatever its names. */
export interface Inode {
	readonly kind: EntryKind;
	/** Permissions with set-uid, set-gid, sticky. */
	permissions: number;
	uid: number;
	gid: number;
	mtime: number;
	/** Length of a file's content in bytes; 0 for everything else. */
	size: number;
	/** Lower-case hex of a file's SHA-256, where the reader computes it. */
	sha256?: string;
	/** How a file would be run, where the reader looks for it; undefined if no kernel runs it. */
	program?: Program;
	/** A symlink's. */
	readonly target: Uint8Array | undefined;
	readonly major: number;
	readonly minor: number;
	/** How many names it has. */
	names: number;
	/** Which entry its content came from last: segment and offset of the header. */
	from: { readonly segment: number; readonly offset: number } | undefined;
}

/** A name in the file system. */
export class Node {
	readonly parent: Node | undefined;
	readonly leaf: string;
	readonly inode: Inode;
	/** A directory's. */
	readonly children: Map<string, Node> | undefined;
	/** Not listed by any entry, but needed by one. */
	implied = false;

	constructor(parent: Node | undefined, leaf: string, inode: Inode) {
		this.parent = parent;
		this.leaf = leaf;
		this.inode = inode;
		this.children = inode.kind === "directory" ? new Map() : undefined;
	}

	/** Path from the root as a string of one character a byte, without a slash in front; `.` for the root. */
	get key(): string {
		if (this.parent === undefined) return ".";
		let key = this.leaf;
		for (let up = this.parent; up.parent !== undefined; up = up.parent) key = `${up.leaf}/${key}`;
		return key;
	}

	get path(): Uint8Array {
		return Buffer.from(this.key, "latin1");
	}
}

/** A new directory of root's. */
export function directory(permissions: number, mtime: number): Inode {
	return {
		kind: "directory",
		permissions,
		uid: 0,
		gid: 0,
		mtime,
		size: 0,
		target: undefined,
		major: 0,
		minor: 0,
		names: 0,
		from: undefined,
	};
}

/** Gives it the owner, permissions and time that an entry says. */
export function own(inode: Inode, entry: ParsedEntry): void {
	inode.permissions = entry.mode & permissionBits;
	inode.uid = entry.uid;
	inode.gid = entry.gid;
	inode.mtime = entry.mtime;
}

/** Its content is that of the entry from now on. */
export function fillWith(inode: Inode, entry: ParsedEntry, segment: number): void {
	inode.size = entry.filesize;
	inode.from = { segment, offset: entry.offset };
	delete inode.sha256;
	delete inode.program;
}
