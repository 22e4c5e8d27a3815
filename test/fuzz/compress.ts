import zlib from "node:zlib";
import { EkexecError } from "../../src/bytes/index.ts";
import type { DecompressOptions } from "../../src/compress/index.ts";
import { ByteSource, codecs, decompress } from "../../src/compress/index.ts";
import { Lzma2Decoder } from "../../src/compress/lzma2/block.ts";
import { Lzma2Fault } from "../../src/compress/lzma2/fault.ts";
import { wasm } from "../../src/compress/lzma2/wasm.ts";
import { decodeXz } from "../../src/compress/xz-decode.ts";
import { decodeZstd } from "../../src/compress/zstd-coder.ts";
import { unpackFrame } from "../../src/compress/zstd-frame.ts";
import { collect, pieces, sample } from "../compress/support.ts";
import type { Random } from "./frame/random.ts";
import type { FuzzTarget } from "./frame/target.ts";
import { blockOf, lzma2Of, wrapped } from "./frame/xz.ts";

const caps: DecompressOptions = { maxOutput: 4 * 2 ** 20, maxWindow: 8 * 2 ** 20, threads: 2 };

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<void> {
	for await (const _ of chunks);
}

const chunked = (input: Uint8Array, random: Random) =>
	pieces(input, 1 + random.below(64), 1 + random.below(4096));

const target = (
	name: string,
	run: (source: ByteSource) => AsyncIterable<Uint8Array>,
	wanted: RegExp,
): FuzzTarget => ({
	name: `compress/${name}`,
	run: (input, random) => drain(run(new ByteSource(chunked(input, random)))),
	seeds: () => [sample(3000)],
	fixtures: (path) => wanted.test(path),
});

/** What an own decoder makes of the input; undefined where it refuses it. */
async function taken(output: () => AsyncIterable<Uint8Array>): Promise<Uint8Array | undefined> {
	try {
		return await collect(output());
	} catch (error) {
		if (error instanceof EkexecError && error.kind !== "bug") return undefined;
		throw error;
	}
}

function agree(ours: Uint8Array | undefined, theirs: Uint8Array | undefined): void {
	if (ours === undefined && theirs === undefined) return;
	if (ours === undefined || theirs === undefined) {
		throw new Error(`refused by ${ours === undefined ? "us" : "them"} alone`);
	}
	if (Buffer.compare(ours, theirs) !== 0) throw new Error("unpacked to something else");
}

const lzma2 = await Promise.all([3000, 70_000].map((size) => lzma2Of(sample(size))));
const decoder = new Lzma2Decoder();

/** The decoder of the worker threads, on its own: whole chunks, as the walker of xz-decode.ts hands them over. */
function ownLzma2(input: Uint8Array, random: Random): Uint8Array | undefined {
	const { chunks, dictionary } = blockOf(input);
	const parts: Uint8Array[] = [];
	decoder.begin({ skip: 0, dictionary, check: 0 });
	try {
		for (let at = 0; at < chunks.length; ) {
			const end = at + 1 + random.below(3);
			parts.push(decoder.step(Buffer.concat(chunks.slice(at, end))).output);
			at = end;
		}
	} catch (error) {
		if (error instanceof Lzma2Fault || error instanceof wasm.RuntimeError) return undefined;
		throw error;
	}
	return Buffer.concat(parts);
}

export const targets: readonly FuzzTarget[] = [
	target("gzip", (source) => codecs.gzip.decode(source, caps), /\.gz$/),
	target("xz", (source) => codecs.xz.decode(source, caps), /\.xz$/),
	{
		// The threads' decoder and liblzma take and refuse the same, and unpack it to the same.
		name: "compress/lzma2",
		fixtures: () => false,
		seeds: () => lzma2,
		async run(input, random) {
			const small = { ...caps, maxOutput: 2 ** 20 };
			const xz = wrapped(input);
			agree(ownLzma2(input, random), await taken(() => decodeXz(new ByteSource([xz]), small)));
		},
	},
	{
		// The same through the threads: behind so much that they are used.
		name: "compress/xz-threads",
		fixtures: () => false,
		seeds: () => lzma2,
		run: (input, random) =>
			drain(
				decodeXz(new ByteSource(chunked(wrapped(input, 4 * 2 ** 20), random)), {
					...caps,
					maxOutput: 16 * 2 ** 20,
				}),
			),
	},
	target("zstd", (source) => codecs.zstd.decode(source, caps), /\.zst$/),
	{
		...target("zstd-own", (source) => decodeZstd(source, caps, unpackFrame), /\.zst$/),
		async run(input, random) {
			const ours = await taken(() =>
				decodeZstd(new ByteSource(chunked(input, random)), caps, unpackFrame),
			);
			// Where Node has zstd, what we take it takes, too. (It also takes what we leave to others: later segments.)
			const other = (zlib as { zstdDecompressSync?: (bytes: Uint8Array) => Uint8Array })
				.zstdDecompressSync;
			if (ours !== undefined && ours.length > 0 && other !== undefined) agree(ours, other(input));
		},
	},
	target("any", (source) => decompress(source, caps), /./),
];
