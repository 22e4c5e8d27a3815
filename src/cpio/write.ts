import { concat, EkexecError, showBytes } from "../bytes/index.ts";
import type { CpioCode } from "./codes.ts";
import type { CpioEntry, Splice } from "./entry.ts";
import { type CpioFormat, headerSize, maxFileSize, putHeader, trailerName } from "./header.ts";
import { type Plan, type PlannedEntry, type PlanOptions, planCpio } from "./plan.ts";
import { addToSum } from "./sum.ts";

export interface WriteOptions extends PlanOptions {
	/** `newc` unless told. `crc` is refused by kernels older than 6.2 or so. */
	readonly format?: CpioFormat;
}

/** Literal bytes are gathered in blocks of this size, so that a tree of small files is few large chunks. */
const blockSize = 64 * 1024;
/** Contents from this size on are handed out as they are instead of being copied into a block. */
const handOutSize = 8 * 1024;

/** What an archive is made of: bytes, and splices if any content is one. */
export type CpioChunk<R> = [R] extends [never] ? Uint8Array : Uint8Array | Splice<R>;

/**
 * An archive of `entries`, chunk by chunk: bytes to be written as they are, and splices whose bytes the consumer
 * puts in that place. Reproducible: the same entries give the same bytes, in whichever order they come.
 * All faults in the entries are thrown before the first chunk.
 */
export function* writeCpio<R = never>(
	entries: Iterable<CpioEntry<R>>,
	options: WriteOptions = {},
): Generator<CpioChunk<R>, void, void> {
	yield* chunksOf(planCpio(entries, options), options);
}

/** An archive whose contents are all bytes, in one piece. Throws as {@link writeCpio} does. */
export function packCpio(
	entries: Iterable<CpioEntry<never>>,
	options: WriteOptions = {},
): Uint8Array<ArrayBuffer> {
	return concat([...writeCpio(entries, options)]);
}

/** The chunks of an archive already planned; `plan.size` bytes in all, splices counted. */
export function* chunksOf<R>(
	plan: Plan<R>,
	options: Pick<WriteOptions, "format"> = {},
): Generator<CpioChunk<R>, void, void> {
	const format = options.format ?? "newc";
	let block = new Uint8Array(blockSize);
	// Bytes before `from` are handed out; those from there to `at` wait. Blocks are made of zeros, so padding is a step.
	let from = 0;
	let at = 0;
	let position = 0;

	for (const entry of plan.entries) {
		const { content } = entry;
		const header = entry.dataOffset - position;
		if (at + header > block.length) {
			if (at > from) yield block.subarray(from, at) as CpioChunk<R>;
			block = new Uint8Array(Math.max(blockSize, header));
			from = at = 0;
		}
		const start = at + (entry.offset - position);
		putHeader(block, start, format, headerOf(entry, format === "crc" ? sumOf(entry) : 0));
		block.set(entry.name, start + headerSize);
		at += header;
		if (content instanceof Uint8Array && content.length < handOutSize) {
			if (at + content.length > block.length) {
				yield block.subarray(from, at) as CpioChunk<R>;
				block = new Uint8Array(blockSize);
				from = at = 0;
			}
			block.set(content, at);
			at += content.length;
		} else if (entry.size > 0) {
			yield block.subarray(from, at) as CpioChunk<R>;
			from = at;
			yield content as CpioChunk<R>;
		}
		position = entry.dataOffset + entry.size;
	}

	if (at > from) yield block.subarray(from, at) as CpioChunk<R>;
	const tail = new Uint8Array(plan.size - position);
	const trailer = plan.trailerOffset - position;
	putHeader(tail, trailer, format, trailerHeader);
	for (let i = 0; i < trailerName.length; i++) {
		tail[trailer + headerSize + i] = trailerName.charCodeAt(i);
	}
	yield tail as CpioChunk<R>;
}

const trailerHeader = {
	ino: 0,
	mode: 0,
	uid: 0,
	gid: 0,
	nlink: 1,
	mtime: 0,
	filesize: 0,
	devmajor: 0,
	devminor: 0,
	rdevmajor: 0,
	rdevminor: 0,
	namesize: trailerName.length + 1,
	check: 0,
};

function headerOf(entry: PlannedEntry<unknown>, check: number): typeof trailerHeader {
	return {
		ino: entry.ino,
		mode: entry.mode,
		uid: entry.uid,
		gid: entry.gid,
		nlink: entry.nlink,
		mtime: entry.mtime,
		filesize: entry.size,
		devmajor: 0,
		devminor: 0,
		rdevmajor: entry.major,
		rdevminor: entry.minor,
		namesize: entry.nameSize,
		check,
	};
}

/** The sum is of a file's data only: of a symlink's target the kernel and cpio expect 0. */
function sumOf(entry: PlannedEntry<unknown>): number {
	const { content } = entry;
	if (entry.kind !== "file") return 0;
	if (content instanceof Uint8Array) return addToSum(0, content);
	const sum = typeof content.sum === "function" ? content.sum() : content.sum;
	if (sum === undefined || !Number.isInteger(sum) || sum < 0 || sum > maxFileSize) {
		throw new EkexecError<CpioCode>(
			"usage",
			"CPIO_SUM",
			"the crc format needs the sum of this content beforehand",
			{
				where: showBytes(entry.name),
				field: "sum",
				expected: "an integer from 0 to 2^32 - 1",
				found: String(sum),
				remedy: "Give the splice its sum, or write the newc format.",
			},
		);
	}
	return sum;
}
