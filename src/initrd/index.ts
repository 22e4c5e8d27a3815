/**
 * Linux initrds: written, listed, extracted, verified and compared.
 *
 * @module
 */
export { ByteSource, type Chunks, type Codec, type CodecName, codecs } from "../compress/index.ts";
export { asManifest } from "./as-manifest.ts";
export type { InitrdCode } from "./codes.ts";
export { type ReadContentOptions, readContent } from "./content.ts";
export {
	type ExtractOptions,
	type ExtractResult,
	extractInitrd,
} from "./extract.ts";
export { fileChunks } from "./files.ts";
export {
	type Change,
	compareManifests,
	type Manifest,
	type ManifestEntry,
	manifestFormat,
	manifestOf,
	showPermissions,
} from "./manifest.ts";
export { mergeEntries } from "./merge.ts";
export { microcodeOf } from "./microcode.ts";
export { type Inode, Node } from "./node.ts";
export {
	initrdChunks,
	type PackFileOptions,
	type PackOptions,
	type PackResult,
	packInitrd,
} from "./pack.ts";
export { matcher } from "./pattern.ts";
export type { Program } from "./program.ts";
export { type ReadRootOptions, readRoot } from "./read.ts";
export type { Remarked } from "./remarks.ts";
export { type Applied, Root, type RootOptions, type Trouble } from "./root.ts";
export {
	type ScanHandler,
	type ScanOptions,
	type Segment,
	type SegmentStart,
	scanInitrd,
} from "./scan.ts";
export type { ContentRef, FileRef, Path, StreamRef } from "./source.ts";
export { joinSegments, segmentChunks } from "./split.ts";
export { type ParseTreeOptions, parseTree, readTree } from "./tree.ts";
export type { Remark } from "./trouble.ts";
export { type Problem, type VerifyOptions, type VerifyResult, verifyInitrd } from "./verify.ts";
export { type WalkOptions, walk } from "./walk.ts";
