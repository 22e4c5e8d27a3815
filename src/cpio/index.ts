/**
 * The newc archive format of Linux initramfs images. Pure: no file, no stream, no Node.
 *
 * @module
 */
export type { CpioCode } from "./codes.ts";
export type {
	CpioEntry,
	DeviceEntry,
	DirectoryEntry,
	FileEntry,
	LinkEntry,
	Name,
	PipeEntry,
	Splice,
	SymlinkEntry,
} from "./entry.ts";
export type { CpioEvent, ParsedEntry, ParseOptions } from "./event.ts";
export type { CpioFault, KernelsWay } from "./fault.ts";
export {
	alignment,
	type CpioFormat,
	type CpioHeader,
	type HeaderField,
	headerFields,
	headerSize,
	maxFileSize,
	nameMax,
	pathMax,
	putHeader,
	trailerName,
} from "./header.ts";
export { type Microcode, microcodeArchive } from "./microcode.ts";
export { type EntryKind, kindOf, modeOf, permissionBits, showMode } from "./mode.ts";
export { nameKey } from "./name.ts";
export { CpioParser } from "./parse.ts";
export { type Plan, type PlannedEntry, type PlanOptions, planCpio } from "./plan.ts";
export { parseCpio, type ReadEntry, readCpio } from "./read.ts";
export { addToSum } from "./sum.ts";
export { type CpioChunk, chunksOf, packCpio, type WriteOptions, writeCpio } from "./write.ts";
