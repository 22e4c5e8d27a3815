import type { Codec } from "./codec.ts";
import { XZ_LEVEL } from "./defaults.ts";

/**
 * The .xz format by liblzma. Written as the kernel wants it (CRC32, small dictionary), in blocks that tell their
 * sizes, so that any reader can unpack them at the same time.
 */
export const xz: Codec = {
	name: "xz",
	extension: ".xz",
	defaultLevel: XZ_LEVEL,
	cannotCompress: undefined,
	async *compress(chunks, options = {}) {
		const { compressXz } = await import("./xz-encode.ts");
		yield* compressXz(chunks, options);
	},
	async *decode(source, options = {}) {
		const { decodeXz } = await import("./xz-decode.ts");
		yield* decodeXz(source, options);
	},
};
