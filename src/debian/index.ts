// From a mirror to files: openRepository → solve → fetchPackages → readDeb. With a lock: readLock → fetchPackages → readDeb.
export { cacheFolder, ownCache, touch } from "./cache.ts";
export { parseStanza, parseStanzas, type Stanza } from "./control.ts";
export { type ReadDebOptions, readControl, readDeb } from "./deb.ts";
export { inParallel } from "./download.ts";
export { type Dlopen, type Elf, readElf } from "./elf.ts";
export type { DebEntry } from "./entry.ts";
export type { DebianCode } from "./error.ts";
export { type FetchedPackage, type FetchOptions, fetchPackages } from "./fetch.ts";
export {
	type LibraryCheck,
	libraryCheck,
	type MissingLibrary,
	type TreeEntry,
} from "./libraries.ts";
export { type Lock, type LockedRelease, readLock, writeLock } from "./lock.ts";
export {
	AliasTable,
	builtinAliases,
	chooseModules,
	type IndexEntry,
	type KernelFiles,
	type ModuleChoice,
	type ModuleInfo,
	type ModulesCode,
	type ModuleWishes,
	moduleName,
	moduleTables,
	type PlacedModule,
	parseModinfo,
	readIndex,
	readModule,
	type SoftDependency,
	type TableFile,
	writeIndex,
} from "./modules/index.ts";
export type {
	Architecture,
	Clause,
	Operator,
	Package,
	PackageIndex,
	PackageRef,
	Provided,
	Relation,
} from "./package.ts";
export { defaultDrops, dropRule, mergedFolders } from "./paths.ts";
export type { Progress } from "./progress.ts";
export { unusedDownloads } from "./prune.ts";
export { openRepository, type Repository, type RepositoryOptions } from "./repository.ts";
export { type Solution, type SolveOptions, solve } from "./solve.ts";
export { findMirror, type Mirror, type MirrorOptions } from "./sources.ts";
export { type Answers, importsOf, standIn } from "./stand-in.ts";
export { type UnpackedPackages, type UnpackOptions, unpackPackages } from "./unpacked.ts";
export { compareVersions, parseVersion, satisfies, type Version } from "./version.ts";
