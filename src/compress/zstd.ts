import type { Codec } from "./codec.ts";
import { NO_ZSTD, ZSTD_LEVEL } from "./defaults.ts";

/** RFC 8878. Written and read by Node's own library where it has one; reading works without. */
export const zstd: Codec = {
	name: "zstd",
	extension: ".zst",
	defaultLevel: ZSTD_LEVEL,
	cannotCompress: NO_ZSTD,
	async *compress(chunks, options = {}) {
		const { compressZstd } = await import("./zstd-coder.ts");
		yield* compressZstd(chunks, options);
	},
	async *decode(source, options = {}) {
		const { decodeZstd } = await import("./zstd-coder.ts");
		yield* decodeZstd(source, options);
	},
};
