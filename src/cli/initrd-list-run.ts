import { EkexecError } from "../bytes/index.ts";
import {
	manifestOf,
	readRoot,
	type ScanHandler,
	type Segment,
	scanInitrd,
} from "../initrd/index.ts";
import type { Io } from "./command.ts";
import { Faults } from "./initrd-faults.ts";
import { openInput, writeAll } from "./initrd-io.ts";
import {
	asListed,
	entryJson,
	latin1,
	longLine,
	nameLine,
	segmentJson,
	segmentTable,
} from "./initrd-list-show.ts";
import { atOdds, emptyInitrd } from "./initrd-usage.ts";

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

/** A list in the making. */
interface Listing {
	readonly args: ListArguments;
	readonly io: Io;
	readonly page: Page;
	readonly chunks: AsyncIterable<Uint8Array>;
	readonly options: { readonly where: string; readonly signal: AbortSignal };
	/** Gathers the segments that were read whole. */
	readonly also: ScanHandler;
	readonly segments: readonly Segment[];
	/** Of a tree, which there is all the same. A list of entries ends at the first. */
	readonly faults: Faults;
}

/** What `initrd list` does. */
export async function listFromCommandLine(args: ListArguments, io: Io): Promise<number> {
	checkTogether(args);
	const input = await openInput(args.file, io, "reading");
	const page = new Page(io);
	const segments: Segment[] = [];
	const faults = new Faults();
	const also: ScanHandler = {
		segmentEnd: (segment) => void segments.push(segment),
		wantsData: () => false,
	};
	const options = { where: input.where, signal: io.signal };
	const list = args.segments ? listSegments : args.merged ? listMerged : listEntries;
	try {
		await list({ args, io, page, chunks: input.chunks(), options, also, segments, faults });
		if (segments.length === 0) throw emptyInitrd(input.where);
	} finally {
		await page.flush();
		await input.close();
		faults.tell(io);
	}
	return faults.lost ? 1 : 0;
}

/** Refuses what would be dropped in silence. */
function checkTogether({ long, segments, merged, json, null: nul }: ListArguments): void {
	const instead = "Leave one of them out.";
	if (segments && merged) throw atOdds("--merged", "--segments", instead);
	if (segments && long) throw atOdds("--long", "--segments", instead);
	if (nul && segments) throw atOdds("--null", "--segments", instead);
	if (nul && json) throw atOdds("--null", "--json", "Names in JSON are quoted.");
	if (nul && long) throw atOdds("--null", "--long", instead);
}

async function listSegments(listing: Listing): Promise<void> {
	const { args, page, chunks, options, also, segments } = listing;
	const add = (error?: unknown) =>
		page.add(
			args.json
				? `${latin1(JSON.stringify({ segments: segments.map(segmentJson), ...failure(error) }, undefined, "\t"))}\n`
				: segmentTable(segments),
		);
	try {
		await scanInitrd(chunks, also, options);
	} catch (error) {
		// What is whole of a damaged one is of use.
		if (args.json || segments.length > 0) add(error);
		throw error;
	}
	add();
}

async function listMerged(listing: Listing): Promise<void> {
	const { args, io, page, chunks, options, segments, faults } = listing;
	const also = { ...listing.also, fault: faults.take };
	const { root } = await readRoot(chunks, { ...options, digests: args.json, also });
	if (args.json) {
		const { entries } = manifestOf(root);
		page.add(
			`${latin1(JSON.stringify({ entries, segments: segments.map(segmentJson) }, undefined, "\t"))}\n`,
		);
		return;
	}
	for (const { path, inode } of root.nodes()) {
		page.add(args.long ? longLine({ ...inode, name: path }, io) : nameLine(path, args.null, io));
		if (page.full) await page.flush();
	}
}

async function listEntries(listing: Listing): Promise<void> {
	const { args, io, page, chunks, options, also, segments } = listing;
	let first = true;
	const event: ScanHandler["event"] = (event, segment) => {
		if (event.type !== "entry") return undefined;
		const { entry } = event;
		if (args.json) {
			page.add(
				`${first ? "" : ","}\n${JSON.stringify({ segment: segment.index, ...entryJson(entry) })}`,
			);
			first = false;
		} else
			page.add(args.long ? longLine(asListed(entry), io) : nameLine(entry.name, args.null, io));
		return page.full ? page.flush() : undefined;
	};
	const end = (error?: unknown) => {
		if (!args.json) return;
		// The object that the list of entries stands in goes on behind it.
		const rest = JSON.stringify({ segments: segments.map(segmentJson), ...failure(error) });
		page.add(latin1(`],\n${rest.slice(1)}\n`));
	};
	if (args.json) page.add('{"entries":[');
	try {
		await scanInitrd(chunks, { ...also, event }, options);
	} catch (error) {
		end(error);
		throw error;
	}
	end();
}

/** Why what is listed is not all. */
function failure(error: unknown): { error?: { code: string; message: string } } {
	if (error === undefined) return {};
	if (error instanceof EkexecError) return { error: { code: error.code, message: error.message } };
	return { error: { code: "CLI_FAILED", message: String(error) } };
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
