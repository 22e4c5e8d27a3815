import { alignUp, EkexecError } from "../bytes/index.ts";
import type { Codec } from "../compress/index.ts";
import {
	alignment,
	type CpioEntry,
	type Plan,
	planCpio,
	type WriteOptions,
} from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";
import type { FileChunksOptions } from "./files.ts";
import { fill, fillSize } from "./fill.ts";
import { checkReadable, OutputFile } from "./output.ts";
import { type ContentRef, sumOfFile } from "./source.ts";

export interface PackOptions extends Omit<WriteOptions, "offset"> {
	/** Compresses the archive; none unless told. */
	readonly codec?: Codec;
	/** Early archives, uncompressed, that come before everything else; a multiple of 4 bytes long. */
	readonly early?: Uint8Array;
	/** On the codec's own scale. */
	readonly level?: number;
	readonly signal?: AbortSignal | undefined;
	/** Told now and then how many bytes of the archive, before compression, are done, of how many. */
	readonly onProgress?: (done: number, total: number) => void;
}

/** What was packed. Sizes in bytes. */
export interface PackResult {
	/** Entries, implied folders counted, the trailer not. */
	readonly entries: number;
	/** Length of the archive before compression. */
	readonly unpackedSize: number;
	/** Length of what was written, without any base. */
	readonly size: number;
}

/** An initrd of these entries as a stream, in large chunks: the archive, compressed if a codec is given. */
export async function* initrdChunks(
	entries: Iterable<CpioEntry<ContentRef>>,
	options: PackOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
	const { early } = options;
	const plan = planCpio(prepared(entries, options), { ...options, offset: early?.length ?? 0 });
	if (early !== undefined) yield early;
	yield* compressed(plan, options);
}

/** In the crc format a file is read once more beforehand: its sum stands before its data. */
function prepared(
	entries: Iterable<CpioEntry<ContentRef>>,
	options: PackOptions,
): Iterable<CpioEntry<ContentRef>> {
	return options.format === "crc" ? withSums(entries) : entries;
}

function* withSums(
	entries: Iterable<CpioEntry<ContentRef>>,
): Generator<CpioEntry<ContentRef>, void, void> {
	for (const entry of entries) {
		const content = entry.kind === "file" ? entry.content : undefined;
		if (
			entry.kind !== "file" ||
			typeof content !== "object" ||
			content instanceof Uint8Array ||
			content.sum !== undefined
		)
			yield entry;
		else {
			const { size, ref } = content;
			yield "path" in ref
				? { ...entry, content: { size, ref, sum: () => sumOfFile(ref, size) } }
				: entry;
		}
	}
}

async function* compressed(
	plan: Plan<ContentRef>,
	options: PackOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
	const archive = metered(fill(plan, options), plan.size, options);
	if (options.codec === undefined || options.codec.name === "none") {
		yield* archive;
		return;
	}
	yield* options.codec.compress(archive, {
		size: plan.size,
		...(options.level === undefined ? {} : { level: options.level }),
		...(options.signal === undefined ? {} : { signal: options.signal }),
	});
}

async function* metered(
	chunks: AsyncIterable<Uint8Array>,
	total: number,
	options: PackOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
	let done = 0;
	for await (const chunk of chunks) {
		options.signal?.throwIfAborted();
		yield chunk;
		done += chunk.length;
		options.onProgress?.(done, total);
	}
}

export interface PackFileOptions extends PackOptions {
	/** Path of an initrd that the new file begins with; it may be the output itself. */
	readonly appendTo?: string;
	/** What errors call that initrd; its path unless told. */
	readonly baseName?: string;
	/** Told how far the reading of that initrd has come. */
	readonly baseProgress?: FileChunksOptions["progress"];
}

/**
 * Reads the initrd that something is to be put behind, to its end: a kernel stops unpacking at the first thing that it
 * cannot read, and would never come to what is appended. Throws `INITRD_BASE`, `INITRD_IO` and the signal's reason.
 */
async function checkWhole(path: string, options: PackFileOptions): Promise<void> {
	const { signal, baseName: where = path, baseProgress } = options;
	// Packing a tree has to start fast, and needs neither.
	const [{ scanInitrd }, { fileChunks }] = await Promise.all([
		import("./scan.ts"),
		import("./files.ts"),
	]);
	try {
		await scanInitrd(
			fileChunks(path, { signal, progress: baseProgress }),
			{
				wantsData: () => false,
				// What a kernel passes over is no hindrance. Zeros inside an archive are a file that was never whole, and without
				// a trailer the kernel would take hard links of what is appended for those of the base.
				fault(fault) {
					if (fault.kernel === "ends") throw fault.error;
				},
			},
			{ where, signal },
		);
	} catch (error) {
		if (!(error instanceof EkexecError) || error.kind !== "check") throw error;
		throw new EkexecError<InitrdCode>(
			"usage",
			"INITRD_BASE",
			`cannot be appended to: ${error.summary}`,
			{
				...error.details,
				// What only ekexec does not read may be well for a kernel.
				remedy:
					error.code === "COMPRESS_UNSUPPORTED" || error.code === "COMPRESS_LIMIT"
						? "It cannot be read to its end here. Pack what shall follow by itself, and join both with cat, with NULs between so that it begins at a multiple of 4."
						: "What is appended would be lost, or spoilt. See more with: ekexec initrd verify",
				cause: error,
			},
		);
	}
}

/**
 * Writes an initrd to a file, which appears under its name only when it is complete. With `appendTo` the archive becomes
 * one more segment behind that initrd, at a multiple of four; that is read to its end beforehand. Throws what
 * {@link planCpio} throws, `INITRD_BASE`, `INITRD_IO`, `INITRD_CHANGED`, what the codec throws, and the signal's reason; the
 * file is then as it was.
 */
export async function packInitrd(
	entries: Iterable<CpioEntry<ContentRef>>,
	path: string,
	options: PackFileOptions = {},
): Promise<PackResult> {
	const { early, appendTo } = options;
	if (early !== undefined && appendTo !== undefined) {
		throw new EkexecError<InitrdCode>(
			"usage",
			"INITRD_OPTION",
			"an early archive cannot come behind another initrd",
			{
				field: "early",
				remedy: "Put it in front when the other initrd is made.",
			},
		);
	}
	if (appendTo !== undefined) await checkReadable(appendTo, options.baseName);
	const all = [...prepared(entries, options)];
	// Faults in the entries come out before the base is read, which can take minutes, and before the file is touched.
	let plan = planCpio(all, { ...options, offset: early?.length ?? 0 });
	if (appendTo !== undefined) await checkWhole(appendTo, options);
	const file = await OutputFile.create(path, { base: appendTo, bufferSize: fillSize });
	try {
		const start = alignUp(file.size, alignment);
		if (start > file.size) await file.append(new Uint8Array(start - file.size));
		if (early !== undefined) await file.append(early);
		// How long the base is matters to nothing else.
		if (appendTo !== undefined && options.align !== undefined)
			plan = planCpio(all, { ...options, offset: start });
		if (options.codec === undefined || options.codec.name === "none") {
			let done = 0;
			for await (const bytes of fill(plan, { ...options, take: () => file.take() })) {
				options.signal?.throwIfAborted();
				await file.put(bytes);
				done += bytes.length;
				options.onProgress?.(done, plan.size);
			}
		} else {
			for await (const bytes of compressed(plan, options)) await file.append(bytes);
		}
		const size = file.size - start;
		await file.finish();
		return { entries: plan.entries.length, unpackedSize: plan.size, size };
	} catch (error) {
		await file.discard();
		throw error;
	}
}
