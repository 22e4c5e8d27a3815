export type { Arm64Image } from "./arm64-image.ts";
export { planArm64 } from "./arm64-load.ts";
export { type HelperArch, helperBinary, helperFile, helperPlaces } from "./binaries.ts";
export type { BzImage, BzImageFlags } from "./bzimage.ts";
export {
	HelperClient,
	type Loaded,
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
export { type FakeAnswer, FakeHelper, type FakeTarget } from "./fake.ts";
export type { GoOptions } from "./go.ts";
export {
	type GzipImage,
	type KernelImage,
	type KernelImageCode,
	readKernelImage,
	type ZbootImage,
} from "./image.ts";
export { knowsParameter } from "./knows-parameter.ts";
export type { LoadFile, LoadSegments, Segment } from "./load.ts";
export {
	type EfiFacts,
	type EfiMemory,
	type LoadFacts,
	loadSources,
	readLoadFacts,
} from "./load-facts.ts";
export type { MemoryRange } from "./memory-map.ts";
export type { Signature } from "./pe.ts";
export { literalPath, type NetlinkSourceOptions, source } from "./sources.ts";
export type { Resumed, StageOptions, StageProgress } from "./stage.ts";
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
export { unwrapKernel } from "./unwrap.ts";
export { type LoadInput, type LoadPlan, type LoadPlanCode, planX86 } from "./x86-load.ts";
