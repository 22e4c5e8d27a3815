import { alignUp, EkexecError } from "../bytes/index.ts";
import {
	type ByteSource,
	byteSource,
	type Chunks,
	type CodecName,
	codecOf,
	IDENTIFY_BYTES,
	MAX_OUTPUT,
} from "../compress/index.ts";
import {
	alignment,
	type CpioCode,
	type CpioEvent,
	type CpioFault,
	CpioParser,
	type ParsedEntry,
} from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";

/** Where a segment begins and what it is. */
export interface SegmentStart {
	/** 0, 1, … in the order of the file. */
	readonly index: number;
	/** `none` is one uncompressed archive; else one compressed stream, which may hold several archives. */
	readonly kind: CodecName;
	/** Offset in the file. */
	readonly offset: number;
	/** NULs between the segment before (or the start of the file) and this one. */
	readonly padding: number;
	/** The first bytes of the segment: 13, fewer at the end of the file. */
	readonly head: Uint8Array;
}

/** A whole segment. Sizes in bytes. */
export interface Segment extends SegmentStart {
	/** Bytes it takes in the file, padding behind it not counted. */
	readonly length: number;
	/** Bytes of its archives, unpacked. */
	readonly unpackedSize: number;
	readonly entries: number;
	/** Bytes of all files' data. */
	readonly dataSize: number;
}

/** Told what a scan meets. Where an answer is a promise the scan waits for it; `bytes` of data are valid until then. */
export interface ScanHandler {
	readonly segment?: (start: SegmentStart) => void;
	/** Offsets in the event count from the file's start where the segment is `none`, else from that of the unpacked stream. */
	readonly event?: (event: CpioEvent, segment: SegmentStart) => void | Promise<void>;
	/**
	 * Told of what no archive should hold, but at which the kernel goes on; then the scan goes on, too. Unless there is such
	 * a function the first fault is thrown, but for a missing trailer (`CPIO_NO_TRAILER`), which the format leaves open.
	 */
	readonly fault?: (fault: CpioFault, segment: SegmentStart) => void;
	readonly segmentEnd?: (segment: Segment) => void | Promise<void>;
	/**
	 * Asked after each `entry` of a file whether its data is wanted; always, unless told. Where it is not, no `data`
	 * comes, and where the input can skip (an uncompressed segment of a file on disk) it is not read. Data with a
	 * checksum is read and checked nevertheless.
	 */
	readonly wantsData?: (entry: ParsedEntry, segment: SegmentStart) => boolean;
}

export interface ScanOptions {
	/** Name of the file, for errors. */
	readonly where?: string | undefined;
	/** Most bytes that all segments together may unpack to; `MAX_OUTPUT` of the compress room unless told. */
	readonly maxOutput?: number | undefined;
	/** Cores to decompress on; all unless told. */
	readonly threads?: number | undefined;
	readonly signal?: AbortSignal | undefined;
}

/**
 * Goes through an initrd as unpack_to_rootfs() of init/initramfs.c does: NULs are skipped, `0` at a multiple of four
 * begins an archive, anything else must be a compressed stream, and what comes out of that must be archives and NULs
 * again, of the first segment an archive at once. A compressed stream may begin anywhere, but behind an uncompressed archive
 * only at a multiple of four, too. Memory is constant. Throws `check` errors with offset and segment at the first thing that
 * would end the kernel's unpacking, or that it would skip in silence unless the handler takes faults, and `COMPRESS_LIMIT`
 * where the unpacked size passes `maxOutput`.
 */
export async function scanInitrd(
	from: ByteSource | Chunks,
	handler: ScanHandler = {},
	options: ScanOptions = {},
): Promise<Segment[]> {
	const { where, signal } = options;
	const source = byteSource(from, {
		...(where === undefined ? {} : { where }),
		...(signal === undefined ? {} : { signal }),
	});
	try {
		return await scan(source, handler, options);
	} finally {
		// What was given as a source may be read on by whoever made it.
		if (source !== from) await source.close();
	}
}

async function scan(
	source: ByteSource,
	handler: ScanHandler,
	options: ScanOptions,
): Promise<Segment[]> {
	const { where, signal } = options;
	let left = options.maxOutput ?? MAX_OUTPUT;
	const segments: Segment[] = [];
	for (;;) {
		const padding = await source.skipZeros();
		const head = new Uint8Array(await source.peek(IDENTIFY_BYTES));
		if (head.length === 0) return segments;
		const { offset } = source;
		const codec = head[0] === 0x30 ? undefined : codecOf(head, where, offset);
		if (codec === undefined && head[0] !== 0x30) throw unknownSegment(head, offset, where);
		// do_reset(), which skips the NULs behind an uncompressed archive, calls anything else "broken padding".
		if (codec !== undefined && segments.at(-1)?.kind === "none" && offset % alignment !== 0)
			throw unaligned(offset, where);
		const start: SegmentStart = {
			index: segments.length,
			kind: codec?.name ?? "none",
			offset,
			padding,
			head,
		};
		handler.segment?.(start);
		const counter = new Counter(start, handler);
		let unpackedSize = 0;
		if (codec === undefined) {
			await readPlain(source, counter, where);
			unpackedSize = source.offset - offset;
		} else {
			const name = `segment ${start.index} (${codec.name}, from offset ${offset})`;
			const inside = `${where === undefined ? "" : `${where}, `}${name}, unpacked`;
			const parser = new CpioParser({ where: inside, faults: "event" });
			const unpacked = codec.decode(source, {
				maxOutput: left,
				...(options.threads === undefined ? {} : { threads: options.threads }),
				...(signal === undefined ? {} : { signal }),
			});
			for await (const chunk of unpacked) {
				if (start.index === 0 && unpackedSize === 0 && chunk[0] === 0)
					throw notAtOnce(inside, "a NUL");
				unpackedSize += chunk.length;
				parser.push(chunk);
				await counter.drain(parser);
			}
			if (start.index === 0 && unpackedSize === 0) throw notAtOnce(inside, "nothing");
			parser.end();
			await counter.drain(parser);
		}
		left -= unpackedSize;
		const { entries, dataSize } = counter;
		const segment = { ...start, length: source.offset - offset, unpackedSize, entries, dataSize };
		segments.push(segment);
		await handler.segmentEnd?.(segment);
	}
}

/** Reads one uncompressed archive, up to its trailer (or, if it has none, behind its last entry) and not a byte further. */
async function readPlain(
	source: ByteSource,
	counter: Counter,
	where: string | undefined,
): Promise<void> {
	const parser = new CpioParser({
		offset: source.offset,
		faults: "event",
		foreign: "event",
		...(where === undefined ? {} : { where }),
	});
	for (;;) {
		const chunk = await source.next();
		if (chunk === undefined) parser.end();
		else parser.push(chunk);
		if (await counter.drain(parser, source)) {
			source.unread(parser.rest);
			return;
		}
	}
}

class Counter {
	entries = 0;
	dataSize = 0;
	readonly #start: SegmentStart;
	readonly #handler: ScanHandler;
	/** Whether the data of the present entry is. */
	#wanted = true;

	constructor(start: SegmentStart, handler: ScanHandler) {
		this.#start = start;
		this.#handler = handler;
	}

	/** Passes on all events that the parser has. Of a `plain` source: stops at the archive's end, and says so. */
	async drain(parser: CpioParser, plain?: ByteSource): Promise<boolean> {
		const beyond = plain && ((bytes: number) => plain.skip(bytes));
		for (let event = parser.next(); event !== undefined; event = parser.next()) {
			if (event.type === "fault") {
				this.#fault(event.fault);
				if (plain !== undefined && event.fault.kernel === "ends") return true;
				continue;
			}
			if (event.type === "entry") {
				this.entries += 1;
				this.#wanted = true;
			} else if (event.type === "data" && !this.#wanted) {
				if (event.entry.format === "newc") parser.skipData(beyond);
				continue;
			} else if (event.type === "end" && event.entry.kind === "file") {
				this.dataSize += event.entry.filesize;
			}
			const busy = this.#handler.event?.(event, this.#start);
			if (busy !== undefined) await busy;
			if (event.type === "entry" && event.entry.kind === "file" && event.entry.filesize > 0) {
				this.#wanted = this.#handler.wantsData?.(event.entry, this.#start) ?? true;
				if (!this.#wanted && event.entry.format === "newc") parser.skipData(beyond);
			}
			if (plain !== undefined && event.type === "trailer") return true;
		}
		return false;
	}

	#fault(fault: CpioFault): void {
		const harmless: CpioCode = "CPIO_NO_TRAILER";
		if (this.#handler.fault !== undefined) this.#handler.fault(fault, this.#start);
		else if (fault.code !== harmless) throw fault.error;
	}
}

function unaligned(offset: number, where: string | undefined): EkexecError<CpioCode> {
	const summary =
		"compressed data behind an uncompressed archive does not begin at a multiple of 4";
	return new EkexecError("check", "CPIO_ALIGNMENT", summary, {
		where,
		offset,
		field: "magic",
		expected: `NULs up to offset ${alignUp(offset, alignment)}`,
		remedy: "Pad the segment before it with NULs.",
	});
}

/**
 * Before anything is unpacked the kernel's state is Start, in which it takes what comes for a header, be it NULs ("no cpio
 * magic"), and which it must have left at the end of the stream ("junk at the end of compressed archive"). Later it is Reset.
 */
function notAtOnce(where: string, found: string): EkexecError<CpioCode> {
	return new EkexecError("check", "CPIO_MAGIC", "the first thing in an initrd is no archive", {
		where,
		offset: 0,
		field: "magic",
		expected: "070701 or 070702",
		found,
	});
}

function unknownSegment(
	head: Uint8Array,
	offset: number,
	where: string | undefined,
): EkexecError<InitrdCode> {
	const found = [...head.subarray(0, 6)]
		.map((byte) => byte.toString(16).padStart(2, "0"))
		.join(" ");
	return new EkexecError("check", "INITRD_SEGMENT", "neither an archive nor compressed data", {
		where,
		offset,
		field: "magic",
		expected: "070701, 070702, or the magic of gzip, xz or zstd",
		found: `bytes ${found}`,
		...(offset === 0 ? { remedy: "This is no initrd." } : {}),
	});
}
