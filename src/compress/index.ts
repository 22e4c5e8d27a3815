export {
	type Codec,
	type CodecName,
	type CompressOptions,
	type DecompressOptions,
	MAX_OUTPUT,
	MAX_WINDOW,
} from "./codec.ts";
export { codecOf, codecs, decompress } from "./codecs.ts";
export { XZ_BLOCK, XZ_DICTIONARY } from "./defaults.ts";
export type { CompressCode } from "./errors.ts";
export { type FormatName, IDENTIFY_BYTES, identify } from "./identify.ts";
export {
	ByteSource,
	byteSource,
	type Chunks,
	type SkippingIterator,
	type SourceOptions,
} from "./source.ts";
