import type { CompressOptions } from "./codec.ts";
import { XZ_BLOCK, XZ_DICTIONARY, XZ_LEVEL } from "./defaults.ts";
import { compressError, integerOption, threadsOption } from "./errors.ts";
import { newLzmaStream, runLzma } from "./lzma.ts";
import { type Chunks, untilAborted } from "./source.ts";

const KIB = 1024;
/** lzma/base.h and lzma12.h: the only check but none that the kernel's decoder verifies; match finders and modes. */
const CHECK_CRC32 = 1;
const [HC3, HC4, BT4] = [0x03, 0x04, 0x14];
const [FAST, NORMAL] = [1, 2];

/** What the levels of xz(1) stand for, dictionary apart. */
const presets = [
	{ mode: FAST, mf: HC3, niceLen: 128, depth: 4 },
	{ mode: FAST, mf: HC4, niceLen: 128, depth: 8 },
	{ mode: FAST, mf: HC4, niceLen: 273, depth: 24 },
	{ mode: FAST, mf: HC4, niceLen: 273, depth: 48 },
	{ mode: NORMAL, mf: BT4, niceLen: 16, depth: 0 },
	{ mode: NORMAL, mf: BT4, niceLen: 32, depth: 0 },
	{ mode: NORMAL, mf: BT4, niceLen: 64, depth: 0 },
	{ mode: NORMAL, mf: BT4, niceLen: 64, depth: 0 },
	{ mode: NORMAL, mf: BT4, niceLen: 64, depth: 0 },
	{ mode: NORMAL, mf: BT4, niceLen: 64, depth: 0 },
] as const;

/** Content handed to the encoder at once. */
const STEP = 1024 * KIB;

/** The .xz format by liblzma. Threads and blocks are its own; the same blocks for any number of threads. */
export async function* compressXz(
	chunks: Chunks,
	options: CompressOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
	const level = integerOption("level", options.level, XZ_LEVEL, 0, 9);
	const threads = threadsOption(options.threads, 1024);
	const dictSize = integerOption(
		"dictionary",
		options.dictionary,
		XZ_DICTIONARY,
		4 * KIB,
		512 * KIB * KIB,
	);
	const blockSize = integerOption("block", options.block, XZ_BLOCK, 4 * KIB, 2 ** 32);
	const preset = presets[level] ?? presets[6];
	const niceLen = integerOption("nice", options.nice, preset.niceLen, 5, 273);
	const depth = integerOption("depth", options.depth, preset.depth, 0, 1000);
	const stream = newLzmaStream();
	try {
		stream.setBufsize(256 * KIB);
		stream.streamEncoder({
			filters: [
				...(options.code === "x86" ? [{ id: "LZMA_FILTER_X86" }] : []),
				{ id: "LZMA_FILTER_LZMA2", options: { ...preset, niceLen, depth, dictSize } },
			],
			check: CHECK_CRC32,
			// liblzma starts threads as they find work, and cuts blocks alike for any number of them.
			threads: Math.min(threads, 64),
			blockSize,
			timeout: 0,
		});
		const run = async (input: Uint8Array | null) => {
			options.signal?.throwIfAborted();
			return (await runLzma(stream, input)).output;
		};
		for await (const chunk of untilAborted(chunks, options.signal)) {
			for (let at = 0; at < chunk.length; at += STEP) {
				yield* await run(chunk.subarray(at, at + STEP));
			}
		}
		yield* await run(null);
	} catch (error) {
		// LZMA_MEM_ERROR and LZMA_OPTIONS_ERROR: too many threads, dictionary or block for this machine.
		const code = (error as { code?: unknown }).code;
		if (code !== 5 && code !== 8) throw error;
		throw compressError("COMPRESS_OPTION", {
			field: "xz dictionary, block and threads",
			expected: "what fits into memory",
			found: `${dictSize} bytes, ${blockSize} bytes, ${threads}`,
			cause: error,
		});
	} finally {
		stream.resetUnderlying();
	}
}
