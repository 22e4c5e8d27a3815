import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { alignUp, showBytes } from "../bytes/index.ts";
import { type CodecName, codecs } from "../compress/index.ts";
import { type CpioEntry, chunksOf, planCpio, type Splice } from "../cpio/index.ts";
import { imageError } from "./errors.ts";
import type { Compression } from "./manifest.ts";

/** A file of this machine whose bytes go into an archive. */
export interface FileRef {
	readonly path: string | Buffer;
	/** Lower-case hex of what its bytes must be. */
	readonly sha256?: string;
}

/** How layers are compressed. */
export interface Packing {
	readonly codec: Exclude<CodecName, "none">;
	readonly level: number;
	/** xz: bytes of dictionary and of a block, which is what one thread works on. */
	readonly dictionary?: number;
	readonly block?: number;
	/** xz: see `CompressOptions` of the compress room. */
	readonly nice?: number;
	readonly depth?: number;
	readonly code?: "x86";
}

/** What {@link writeLayer} wrote; sizes in bytes. */
export interface WrittenLayer {
	readonly size: number;
	readonly sha256: string;
	readonly compression: Compression;
	readonly unpackedSize: number;
	readonly memorySize: number;
	readonly entries: number;
}

const page = 4096;

const MiB = 1024 * 1024;

/**
 * xz, on every Node, so that the same inputs give the same bytes wherever the image is built: zstd at its level 19 takes
 * as long to write, gives 13 % more bytes, and differs from one Node's library to the next.
 * Programs of one package repeat one another far apart, so a large dictionary saves much, and so do large blocks; two of
 * them for each of the great layers keep two cores busy and cost 0.4 %. Few candidates for each byte: a third faster
 * than level 6, and 1 % larger.
 */
export function bestPacking(): Packing {
	return { codec: "xz", level: 6, nice: 48, depth: 12, dictionary: 32 * MiB, block: 56 * MiB };
}

/** How a layer is compressed: with xz, jumps in programs for x86 are made alike, which saves 4 %. Modules grow by it. */
export function packingOf(packing: Packing, architecture: string, programs: boolean): Packing {
	const fits = packing.codec === "xz" && architecture === "amd64" && programs;
	return fits ? { code: "x86", ...packing } : packing;
}

/** Writes entries in their order as one compressed archive to `path`. The same entries and packing give the same bytes. */
export async function writeLayer(
	path: string,
	entries: readonly CpioEntry<FileRef>[],
	packing: Packing,
	options: {
		readonly signal?: AbortSignal;
		/** Told the bytes of the archive that were compressed so far, and all there are. */
		readonly progress?: (done: number, total: number) => void;
	} = {},
): Promise<WrittenLayer> {
	const { signal, progress } = options;
	const plan = planCpio<FileRef>(entries, { sort: false });
	const hash = createHash("sha256");
	let size = 0;
	let done = 0;
	async function* archive(): AsyncGenerator<Uint8Array> {
		for (const chunk of chunksOf(plan)) {
			signal?.throwIfAborted();
			for await (const bytes of chunk instanceof Uint8Array ? [chunk] : contentOf(chunk)) {
				yield bytes;
				done += bytes.length;
				progress?.(done, plan.size);
			}
		}
	}
	const file = await open(path, "wx");
	try {
		const { codec, ...compressOptions } = packing;
		const chunks = codecs[codec].compress(archive(), {
			...compressOptions,
			// One block needs no second thread, and each would take a block's worth of memory.
			...(packing.block !== undefined && packing.block >= plan.size ? { threads: 1 } : {}),
			size: plan.size,
			...(signal === undefined ? {} : { signal }),
		});
		for await (const chunk of chunks) {
			hash.update(chunk);
			size += chunk.length;
			await writeAll(file, chunk);
		}
	} finally {
		await file.close();
	}
	return {
		size,
		sha256: hash.digest("hex"),
		compression: packing.codec,
		unpackedSize: plan.size,
		memorySize: plan.entries.reduce((sum, entry) => sum + alignUp(entry.size, page), 0),
		entries: plan.entries.length,
	};
}

/** A write may take less than it was given, as before a disk is full: only the next one says so. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
	for (let done = 0; done < chunk.length; ) {
		done += (await file.write(chunk, done)).bytesWritten;
	}
}

async function* contentOf({ ref, size }: Splice<FileRef>): AsyncGenerator<Uint8Array> {
	const hash = createHash("sha256");
	let left = size;
	for await (const chunk of createReadStream(ref.path) as AsyncIterable<Uint8Array>) {
		if (chunk.length > left) {
			left = -1;
			break;
		}
		left -= chunk.length;
		hash.update(chunk);
		yield chunk;
	}
	// A file that changes while it is read must not shift everything behind it, nor be kept under its former digest.
	if (left !== 0 || (ref.sha256 !== undefined && hash.digest("hex") !== ref.sha256)) {
		throw imageError("failed", "IMAGE_OVERLAY", "a file changed while it was read", {
			where: showBytes(Buffer.from(ref.path)),
			expected: `${size} bytes${ref.sha256 === undefined ? "" : ` with SHA-256 ${ref.sha256}`}`,
			remedy: "Try again once nobody writes to it.",
		});
	}
}
