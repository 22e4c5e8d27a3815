import { showBytes } from "../bytes/index.ts";
import { type ParsedEntry, showMode } from "../cpio/index.ts";
import {
	type ManifestEntry,
	manifestOf,
	readRoot,
	type Segment,
	scanInitrd,
	showPermissions,
} from "../initrd/index.ts";
import type { Io } from "./command.ts";
import { openInput, writeAll } from "./initrd-io.ts";
import { showSize } from "./progress.ts";

export interface ListArguments {
	readonly file: string;
	readonly long: boolean;
	readonly segments: boolean;
	readonly merged: boolean;
	readonly json: boolean;
	readonly null: boolean;
}

/** Text is gathered up to this size before it is written. */
const pageSize = 64 * 1024;

/** What `initrd list` does. */
export async function listFromCommandLine(args: ListArguments, io: Io): Promise<number> {
	const input = await openInput(args.file, io, "reading");
	const page = new Page(io);
	const options = { where: input.where, signal: io.signal };
	try {
		if (args.segments) {
			const segments = await scanInitrd(input.chunks(), { wantsData: () => false }, options);
			page.add(
				args.json
					? `${JSON.stringify({ segments: segments.map(segmentJson) }, undefined, "\t")}\n`
					: segmentTable(segments),
			);
		} else if (args.merged) {
			const { root, segments } = await readRoot(input.chunks(), { ...options, digests: args.json });
			const { entries } = manifestOf(root);
			if (args.json)
				page.add(
					`${JSON.stringify({ entries, segments: segments.map(segmentJson) }, undefined, "\t")}\n`,
				);
			else for (const node of root.nodes()) page.add(name(node.path, args, io));
		} else await listEntries(args, io, page, input.chunks(), options);
	} finally {
		await page.flush();
		await input.close();
	}
	return 0;
}

async function listEntries(
	args: ListArguments,
	io: Io,
	page: Page,
	chunks: AsyncIterable<Uint8Array>,
	options: { where: string; signal: AbortSignal },
): Promise<void> {
	let first = true;
	if (args.json) page.add('{"entries":[');
	const segments = await scanInitrd(
		chunks,
		{
			event(event, segment) {
				if (event.type !== "entry") return undefined;
				const { entry } = event;
				if (args.json) {
					page.add(
						`${first ? "" : ","}\n${JSON.stringify({ segment: segment.index, ...entryJson(entry) })}`,
					);
					first = false;
				} else page.add(args.long ? longLine(entry, io) : name(entry.name, args, io));
				return page.full ? page.flush() : undefined;
			},
			wantsData: () => false,
		},
		options,
	);
	if (args.json) page.add(`],\n"segments":${JSON.stringify(segments.map(segmentJson))}}\n`);
}

class Page {
	readonly #io: Io;
	#parts: string[] = [];
	#size = 0;

	constructor(io: Io) {
		this.#io = io;
	}

	get full(): boolean {
		return this.#size >= pageSize;
	}

	/** Text of one character a byte. */
	add(text: string): void {
		this.#parts.push(text);
		this.#size += text.length;
	}

	async flush(): Promise<void> {
		const bytes = Buffer.from(this.#parts.join(""), "latin1");
		this.#parts = [];
		this.#size = 0;
		if (bytes.length > 0) await writeAll(this.#io.stdout, bytes);
	}
}

/** A name as one character a byte: for a program as it is, for a terminal without anything that could drive it. */
function shown(bytes: Uint8Array, io: Io): string {
	return io.terminal.stdout ? latin1(showBytes(bytes)) : Buffer.from(bytes).toString("latin1");
}

function latin1(text: string): string {
	return Buffer.from(text).toString("latin1");
}

function name(bytes: Uint8Array, args: ListArguments, io: Io): string {
	return args.null ? `${Buffer.from(bytes).toString("latin1")}\0` : `${shown(bytes, io)}\n`;
}

function longLine(entry: ParsedEntry, io: Io): string {
	const device = entry.kind === "character" || entry.kind === "block";
	const size = device ? `${entry.rdevmajor}, ${entry.rdevminor}` : String(entry.filesize);
	const time = new Date(entry.mtime * 1000).toISOString().slice(0, 19).replace("T", " ");
	const target = entry.target === undefined ? "" : ` -> ${shown(entry.target, io)}`;
	const owner = `${String(entry.uid).padStart(5)} ${String(entry.gid).padStart(5)}`;
	return `${showMode(entry.mode)} ${String(entry.nlink).padStart(3)} ${owner} ${size.padStart(10)} ${time} ${shown(entry.name, io)}${target}\n`;
}

/** An entry as the archive says it, in the words of a manifest. */
function entryJson(
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

function segmentJson(segment: Segment): Omit<Segment, "head"> {
	const { head: _, ...rest } = segment;
	return rest;
}

function segmentTable(segments: readonly Segment[]): string {
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
