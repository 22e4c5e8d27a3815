/** Kernel modules: what they say about themselves, and the tables that modprobe and udev look them up in. */
export { AliasTable } from "./alias.ts";
export { chooseModules, type ModuleChoice, type ModuleWishes } from "./choose.ts";
export type { ModulesCode } from "./elf.ts";
export {
	type ModuleInfo,
	moduleName,
	parseModinfo,
	readModule,
	type SoftDependency,
} from "./modinfo.ts";
export {
	builtinAliases,
	type KernelFiles,
	moduleTables,
	type PlacedModule,
	type TableFile,
} from "./tables.ts";
export { type IndexEntry, readIndex, writeIndex } from "./trie.ts";
