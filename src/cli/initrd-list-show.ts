import { showBytes } from "../bytes/index.ts";
import { modeOf, type ParsedEntry, showMode } from "../cpio/index.ts";
import { type Inode, type ManifestEntry, type Segment, showPermissions } from "../initrd/index.ts";
import type { Io } from "./command.ts";
import { showSize } from "./progress.ts";

// Lines are strings of one character a byte, as names may be no text.

/** A name as one character a byte: for a program as it is, for a terminal without anything that could drive it. */
function shown(bytes: Uint8Array, io: Io): string {
	return io.terminal.stdout ? latin1(showBytes(bytes)) : Buffer.from(bytes).toString("latin1");
}

export function latin1(text: string): string {
	return Buffer.from(text).toString("latin1");
}

export function nameLine(bytes: Uint8Array, nul: boolean, io: Io): string {
	return nul ? `${Buffer.from(bytes).toString("latin1")}\0` : `${shown(bytes, io)}\n`;
}

/** What a long line tells of. */
export interface Listed
	extends Pick<Inode, "kind" | "permissions" | "uid" | "gid" | "mtime" | "major" | "minor"> {
	readonly name: Uint8Array;
	readonly names: number;
	readonly size: number;
	readonly target: Uint8Array | undefined;
}

export function asListed(entry: ParsedEntry): Listed {
	return {
		...entry,
		permissions: entry.mode % 0o10000,
		names: entry.nlink,
		size: entry.filesize,
		major: entry.rdevmajor,
		minor: entry.rdevminor,
		target: entry.target,
	};
}

export function longLine(listed: Listed, io: Io): string {
	const { kind, permissions, names, uid, gid, mtime, target } = listed;
	const device = kind === "character" || kind === "block";
	const length = kind === "symlink" ? (target?.length ?? 0) : listed.size;
	const size = device ? `${listed.major}, ${listed.minor}` : String(length);
	const time = new Date(mtime * 1000).toISOString().slice(0, 19).replace("T", " ");
	const leads = target === undefined ? "" : ` -> ${shown(target, io)}`;
	const owner = `${String(uid).padStart(5)} ${String(gid).padStart(5)}`;
	return `${showMode(modeOf(kind, permissions))} ${String(names).padStart(3)} ${owner} ${size.padStart(10)} ${time} ${shown(listed.name, io)}${leads}\n`;
}

/** An entry as the archive says it, in the words of a manifest. */
export function entryJson(
	entry: ParsedEntry,
): Partial<ManifestEntry> & { mtime: number; nlink: number; ino: number; offset: number } {
	return {
		path: latin1(showBytes(entry.name)),
		type: entry.kind,
		mode: showPermissions(entry.mode % 0o10000),
		uid: entry.uid,
		gid: entry.gid,
		mtime: entry.mtime,
		nlink: entry.nlink,
		ino: entry.ino,
		offset: entry.offset,
		...(entry.kind === "file" ? { size: entry.filesize } : {}),
		...(entry.target === undefined ? {} : { target: latin1(showBytes(entry.target)) }),
		...(entry.kind === "character" || entry.kind === "block"
			? { major: entry.rdevmajor, minor: entry.rdevminor }
			: {}),
	};
}

export function segmentJson(segment: Segment): Omit<Segment, "head"> {
	const { head: _, ...rest } = segment;
	return rest;
}

export function segmentTable(segments: readonly Segment[]): string {
	const rows = segments.map((segment) => [
		String(segment.index),
		segment.kind === "none" ? "cpio" : segment.kind,
		String(segment.offset),
		String(segment.length),
		String(segment.unpackedSize),
		String(segment.entries),
		segment.kind === "none"
			? ""
			: `${showSize(segment.length)} from ${showSize(segment.unpackedSize)}`,
	]);
	const head = ["segment", "kind", "offset", "length", "unpacked", "entries", ""];
	const widths = head.map((title, i) =>
		Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)),
	);
	const line = (row: readonly string[]) =>
		row
			.map((cell, i) =>
				i === 1 || i === 6 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
			)
			.join("  ")
			.trimEnd();
	return `${[head, ...rows].map(line).join("\n")}\n`;
}
