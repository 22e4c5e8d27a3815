import type { Codec } from "./codec.ts";
import { GZIP_LEVEL } from "./defaults.ts";

/** RFC 1952. The coder is loaded when it is first used, as with every codec: most runs need one of them or none. */
export const gzip: Codec = {
	name: "gzip",
	extension: ".gz",
	defaultLevel: GZIP_LEVEL,
	cannotCompress: undefined,
	async *compress(chunks, options = {}) {
		const { compressGzip } = await import("./gzip-coder.ts");
		yield* compressGzip(chunks, options);
	},
	async *decode(source, options = {}) {
		const { decodeGzip } = await import("./gzip-coder.ts");
		yield* decodeGzip(source, options);
	},
};
