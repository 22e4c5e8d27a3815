import type { DecompressOptions } from "../../src/compress/index.ts";
import { ByteSource, codecs, decompress } from "../../src/compress/index.ts";
import { decodeZstd } from "../../src/compress/zstd-coder.ts";
import { unpackFrame } from "../../src/compress/zstd-frame.ts";
import { pieces, sample } from "../compress/support.ts";
import type { Random } from "./frame/random.ts";
import type { FuzzTarget } from "./frame/target.ts";

const caps: DecompressOptions = { maxOutput: 32 * 2 ** 20, maxWindow: 8 * 2 ** 20, threads: 2 };

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

export const targets: readonly FuzzTarget[] = [
	target("gzip", (source) => codecs.gzip.decode(source, caps), /\.gz$/),
	target("xz", (source) => codecs.xz.decode(source, caps), /\.xz$/),
	target("zstd", (source) => codecs.zstd.decode(source, caps), /\.zst$/),
	target("zstd-own", (source) => decodeZstd(source, caps, unpackFrame), /\.zst$/),
	target("any", (source) => decompress(source, caps), /./),
];
