export { type HelperArch, helperBinary, helperFile, helperPlaces } from "./binaries.ts";
export {
	HelperClient,
	type Loaded,
	type Resumed,
	type StageOptions,
	type StageProgress,
} from "./client.ts";
export {
	commandLineBytes,
	formatCommandLine,
	mergeCommandLine,
	type Parameter,
	parseCommandLine,
} from "./command-line.ts";
export type { StepOptions } from "./connection.ts";
export {
	type Answer,
	contractVersion,
	decodeList,
	decodePlace,
	decodeSystem,
	type ErrorEvent,
	type Event,
	entryType,
	type Hello,
	type HelperCode,
	type HelperFault,
	type Item,
	type LoadMethod,
	type Operation,
	type Source,
	type SourceOptions,
	type State,
	type SystemFacts,
} from "./contract.ts";
export { errnoName } from "./errno.ts";
export { complaintOf, type Explanation, explanationOf, explanations } from "./explain.ts";
export * from "./facts/index.ts";
export type { GoOptions } from "./go.ts";
export type { LoadFile, LoadSegments, Segment } from "./load.ts";
export { literalPath, type NetlinkSourceOptions, source } from "./sources.ts";
export {
	type DigestPart,
	fileNumber,
	type LiteralPart,
	literalFile,
	type SplicePart,
	type StagedFile,
	type StagedPart,
} from "./staging.ts";
export { decodeStat, decodeStatfs, type FileStat, type FileSystemStat } from "./stat.ts";
export { type HelperStream, helperStream, type NodeStreams } from "./stream.ts";
