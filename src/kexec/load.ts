// The two system calls as requests to the helper.
import { concat, struct, u32, u64 } from "../bytes/index.ts";
import { commandLineBytes } from "./command-line.ts";

/** kexec_file_load's flags, include/uapi/linux/kexec.h. */
const noInitramfs = 4;

export interface LoadFile {
	readonly commandLine: string;
	/** Whether file 1 is the initrd; true unless told. Without it, the kernel alone is loaded. */
	readonly initrd?: boolean;
}

const loadFileHead = struct("load file", { flags: u32 });

export function encodeLoadFile(load: LoadFile): Uint8Array {
	const flags = load.initrd === false ? noInitramfs : 0;
	return concat([loadFileHead.write({ flags }), commandLineBytes(load.commandLine)]);
}

/** Bytes of a staged file, and where in the target's physical memory they go. */
export interface Segment {
	/** Number of the staged file. */
	readonly file: number;
	/** Bytes of the file: from `offset`, `size` of them. */
	readonly offset: number;
	readonly size: number;
	/** Physical address, a multiple of 4096 on x86-64 (of the page size on arm64). */
	readonly memory: bigint;
	/** Bytes taken there, at least `size`, a multiple of the page size; the rest is zero. */
	readonly memorySize: bigint;
}

export interface LoadSegments {
	/** Physical address that the old kernel jumps to. */
	readonly entry: bigint;
	readonly segments: readonly Segment[];
}

const segmentsHead = struct("load segments", { entry: u64, flags: u64 });
const segmentLayout = struct("segment", {
	file: u32,
	zero: u32,
	offset: u64,
	size: u64,
	memory: u64,
	memorySize: u64,
});

export function encodeSegments(load: LoadSegments): Uint8Array {
	const rows = load.segments.map(({ file, offset, size, memory, memorySize }) =>
		segmentLayout.write({ file, offset: BigInt(offset), size: BigInt(size), memory, memorySize }),
	);
	return concat([segmentsHead.write({ entry: load.entry }), ...rows]);
}
