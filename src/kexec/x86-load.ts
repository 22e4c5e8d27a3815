// kexec_load on x86-64: everything that kexec_file_load computes in the kernel, computed here.
// Sources: Documentation/arch/x86/boot.rst, arch/x86/include/uapi/asm/bootparam.h, and the order of steps in
// arch/x86/kernel/kexec-bzimage64.c.
import { alignUp, concat, EkexecError, struct, text, u32, u64 } from "../bytes/index.ts";
import { readBzImage, setupHeaderBytes, setupHeaderOffset } from "./bzimage.ts";
import { commandLineBytes } from "./command-line.ts";
import { e820Of, memoryMap, usable } from "./e820.ts";
import type { KernelImageCode } from "./image.ts";
import type { LoadSegments, Segment } from "./load.ts";
import type { EfiFacts, LoadFacts } from "./load-facts.ts";
import { findHigh, findLow, type MemoryRange, subtract } from "./memory-map.ts";
import { fileNumber, literalFile, type StagedFile } from "./staging.ts";

export type LoadPlanCode = "LOAD_NO_MAP" | "LOAD_NO_ROOM" | "LOAD_KERNEL" | "LOAD_COMMAND_LINE";

/** What is to be loaded. */
export interface LoadInput {
	/** The kernel's file as staged (file 0). */
	readonly kernel: Uint8Array;
	/** Bytes of the initrd as staged (file 1); 0 for none. */
	readonly initrdSize: number;
	readonly commandLine: string;
}

/** A load made ready: stage the extra file with the others, seal, then `loadSegments`. */
export interface LoadPlan {
	/** File 2: boot parameters, command line and trampoline, or device tree and trampoline. */
	readonly extra: StagedFile;
	readonly load: LoadSegments;
}

const page = 4096n;
/** Nothing lies above: no processor has more physical addresses that the 64-bit entry could name. */
const topOfMemory = 1n << 46n;
const bootParamsSize = 4096;
/** Most entries of the memory map within struct boot_params; more go to a list behind it. */
const maxE820 = 128;
/** Boot loader id of kexec: Documentation/arch/x86/boot.rst, type_of_loader. */
const kexecLoader = 0xd0;
/** Physical addresses above this are beyond the old kernel's identity mapping of low memory that all parties agree on. */
const fourGiB = 0x1_0000_0000n;
const oneMiB = 0x10_0000n;
const twoGiB = 0x8000_0000n;

/** helper/trampoline-x86_64.S, assembled; a test assembles it again. */
export const trampoline: string =
	"fafc0f011555000000488d25a8000000b8180000008ed88ec08ed08ee08ee8488b3542000000488b05430000006a1050" +
	"31db31ed31ff48cb00000000000000000000000000000000ffff0000009aaf00ffff00000092cf000000000000001f00";
const trampolineSize = 184;
/** Where in the trampoline the GDT lies, and the addresses that are filled in. */
const slots = { gdt: 0x38, where: 0x60, params: 0x68, entry: 0x70 } as const;

const setupDataHead = struct("setup_data", { next: u64, type: u32, length: u32 });
/** Types of setup_data: SETUP_E820_EXT and SETUP_EFI. */
const setupType = { e820: 1, efi: 4 } as const;
const efiSetup = struct("efi_setup_data", {
	vendor: u64,
	/** Kernels before 5.7 read it. */
	services: u64,
	tables: u64,
	smbios: u64,
	r0: u64,
	r1: u64,
	r2: u64,
	r3: u64,
	r4: u64,
	r5: u64,
	r6: u64,
	r7: u64,
});
const efiMemory = struct("efi_memory_desc", {
	type: u64,
	physical: u64,
	virtual: u64,
	pages: u64,
	attribute: u64,
	pad: u64,
});

/** Offsets in struct boot_params (Documentation/arch/x86/zero-page.rst). */
const at = {
	screenInfo: 0x000,
	rsdp: 0x070,
	ramdiskHigh: 0x0c0,
	commandLineHigh: 0x0c8,
	edid: 0x140,
	efiInfo: 0x1c0,
	e820Count: 0x1e8,
	secureBoot: 0x1ec,
	loaderType: 0x210,
	loadFlags: 0x211,
	videoMode: 0x1fa,
	ramdisk: 0x218,
	ramdiskSize: 0x21c,
	commandLine: 0x228,
	setupData: 0x250,
	e820: 0x2d0,
} as const;

/**
 * Lays kernel, initrd and boot parameters out in the target's memory.
 * Throws `LOAD_NO_MAP` (no memory map: not root?), `LOAD_NO_ROOM`, `LOAD_KERNEL`, `LOAD_COMMAND_LINE`.
 */
export function planX86(input: LoadInput, facts: LoadFacts): LoadPlan {
	const image = readBzImage(input.kernel);
	if (!image.flags.kernel64 || !image.relocatable || image.initSize === 0) {
		throw refusal("LOAD_KERNEL", "this kernel cannot be started by kexec_load", {
			expected: "a relocatable bzImage with a 64-bit entry (protocol 2.12 or later)",
			found: `protocol ${image.protocol >> 8}.${image.protocol & 0xff}`,
			remedy: "Use another kernel.",
		});
	}
	// The old kernel jumps with five levels of page tables on; a kernel that cannot switch them off ends there.
	if (facts.fiveLevels === true && !image.flags.fiveLevels) {
		throw refusal("LOAD_KERNEL", "this kernel cannot start on five-level page tables", {
			expected: "a kernel that knows them (5.2 or later), as the target uses them",
			found: image.release,
			remedy: "Use a newer kernel.",
		});
	}
	const commandLine = commandLineBytes(input.commandLine);
	if (commandLine.length - 1 > image.commandLineSize) {
		throw refusal("LOAD_COMMAND_LINE", "the command line is longer than this kernel takes", {
			expected: `at most ${image.commandLineSize} bytes`,
			found: `${commandLine.length - 1}`,
			remedy: "Leave something out.",
		});
	}
	const map = memoryMap(facts);
	let free = usable(map, facts);
	if (free.length === 0) {
		throw refusal("LOAD_NO_MAP", "the target shows no memory map", {
			expected: "/sys/firmware/memmap, or addresses in /proc/iomem",
			remedy: "Both need root.",
		});
	}
	const take = (name: string, start: bigint | undefined, size: bigint): bigint => {
		if (start === undefined) {
			throw refusal("LOAD_NO_ROOM", `no room for the ${name} in the target's memory map`, {
				expected: `${size} bytes in one piece`,
				remedy: "Use smaller layers.",
			});
		}
		free = subtract(free, [{ start, end: start + size, kind: name }]);
		return start;
	};

	// The decompressor moves itself to the end of these bytes while it still runs on the page tables that the old kernel
	// made for the jump. The old kernel keeps those out of segments, and of nothing else: all of it must be one. Loaded
	// below its preferred address it would move up there, out of its segment.
	const kernelSize = input.kernel.length - image.setupSize;
	const initSize = BigInt(alignUp(Math.max(image.initSize, kernelSize), 4096));
	const alignment = BigInt(Math.max(image.alignment, 4096));
	const preferred = BigInt(image.preferredAddress);
	const lowest = preferred > oneMiB ? preferred : oneMiB;
	const high = image.flags.above4G ? topOfMemory : fourGiB;
	const kernelAt = take("kernel", findLow(free, initSize, alignment, lowest, high), initSize);
	const segments: Segment[] = [
		{
			file: fileNumber.kernel,
			offset: image.setupSize,
			size: kernelSize,
			memory: kernelAt,
			memorySize: initSize,
		},
	];

	let initrdAt = 0n;
	if (input.initrdSize > 0) {
		const memorySize = BigInt(alignUp(input.initrdSize, 4096));
		const limit = BigInt(image.initrdMax) + 1n;
		const low = findHigh(free, memorySize, page, oneMiB, limit < fourGiB ? limit : fourGiB);
		// Above 4 GiB only where the kernel says that it reaches there.
		const above = image.flags.above4G
			? findHigh(free, memorySize, page, oneMiB, topOfMemory)
			: undefined;
		initrdAt = take("initrd", low ?? above, memorySize);
		segments.push({
			file: fileNumber.initrd,
			offset: 0,
			size: input.initrdSize,
			memory: initrdAt,
			memorySize,
		});
	}

	// Boot parameters, command line, trampoline, setup data: one more segment. Its size does not depend on its place.
	const sizeOf = (place: bigint) =>
		extraBytes(place, input, facts, map, kernelAt, initrdAt, commandLine).length;
	const extraSize = BigInt(alignUp(sizeOf(0n), 4096));
	const extraAt = take(
		"boot parameters",
		findHigh(free, extraSize, page, oneMiB, twoGiB) ??
			findHigh(free, extraSize, page, oneMiB, high),
		extraSize,
	);
	const bytes = extraBytes(extraAt, input, facts, map, kernelAt, initrdAt, commandLine);
	segments.push({
		file: fileNumber.extra,
		offset: 0,
		size: bytes.length,
		memory: extraAt,
		memorySize: extraSize,
	});
	const entry = extraAt + BigInt(bootParamsSize);
	segments.sort((a, b) => (a.memory < b.memory ? -1 : 1));
	return { extra: literalFile(fileNumber.extra, bytes), load: { entry, segments } };
}

/**
 * The extra segment as it lies at `place`: boot_params, trampoline, command line, setup data, EFI's runtime map.
 */
function extraBytes(
	place: bigint,
	input: LoadInput,
	facts: LoadFacts,
	map: readonly MemoryRange[],
	kernelAt: bigint,
	initrdAt: bigint,
	commandLine: Uint8Array,
): Uint8Array {
	const parts: Uint8Array[] = [];
	let length = bootParamsSize;
	const add = (bytes: Uint8Array): bigint => {
		const start = place + BigInt(length);
		const padded = new Uint8Array(alignUp(bytes.length, 16));
		padded.set(bytes);
		parts.push(padded);
		length += padded.length;
		return start;
	};

	const trampolineAt = add(new Uint8Array(trampolineSize));
	fillTrampoline(parts[0] as Uint8Array, trampolineAt, place, kernelAt + 0x200n);
	const commandLineAt = add(commandLine);

	const e820 = e820Of(map);
	let setupData = 0n;
	const addSetup = (type: number, data: Uint8Array) => {
		setupData = add(
			concat([setupDataHead.write({ next: setupData, type, length: data.length }), data]),
		);
	};
	if (e820.length > maxE820) addSetup(setupType.e820, concat(e820.slice(maxE820)));
	let runtimeAt = 0n;
	const { bootParams } = facts;
	const efi = takesFirmware(facts) ? facts.efi : undefined;
	if (efi !== undefined) {
		runtimeAt = add(concat(efi.runtime.map((entry) => efiMemory.write(entry))));
		const { vendor, services = 0n, tables, smbios } = efi;
		addSetup(setupType.efi, efiSetup.write({ vendor, services, tables, smbios }));
	}

	const params = new Uint8Array(bootParamsSize);
	const view = new DataView(params.buffer);
	params.set(setupHeaderBytes(input.kernel), setupHeaderOffset);
	if (bootParams !== undefined && bootParams.length === bootParamsSize) {
		// The screen and what is known of the monitor, so that the new kernel's console shows something.
		params.set(bootParams.subarray(at.screenInfo, at.screenInfo + 64), at.screenInfo);
		params.set(bootParams.subarray(at.edid, at.edid + 128), at.edid);
		params.set(bootParams.subarray(at.secureBoot, at.secureBoot + 1), at.secureBoot);
		if (runtimeAt !== 0n && efi !== undefined) putEfiInfo(view, bootParams, runtimeAt, efi);
	}
	view.setBigUint64(at.rsdp, facts.rsdp ?? 0n, true);
	view.setUint8(at.loaderType, kexecLoader);
	// Not "quiet", no heap for real-mode code: only that it was loaded high.
	view.setUint8(at.loadFlags, 1);
	putAddress(view, at.ramdisk, at.ramdiskHigh, initrdAt);
	putAddress(view, at.ramdiskSize, at.ramdiskHigh + 4, BigInt(input.initrdSize));
	putAddress(view, at.commandLine, at.commandLineHigh, commandLineAt);
	view.setBigUint64(at.setupData, setupData, true);
	const within = e820.slice(0, maxE820);
	view.setUint8(at.e820Count, within.length);
	params.set(concat(within), at.e820);
	return concat([params, ...parts]);
}

function putAddress(view: DataView, low: number, high: number, value: bigint): void {
	view.setUint32(low, Number(value % fourGiB), true);
	view.setUint32(high, Number(value / fourGiB), true);
}

/** Where the kernel maps EFI's services, -68 GiB to -4 GiB: EFI_VA_END, EFI_VA_START of pgtable_64_types.h. */
const services = {
	from: (1n << 64n) - 68n * 0x4000_0000n,
	to: (1n << 64n) - 4n * 0x4000_0000n,
} as const;

/**
 * Whether the next kernel may take EFI's services over. Not those of a 32-bit firmware, which kexec_file_load does not
 * take over either, nor where the old kernel mapped them in its own way (efi=old_map): they would be called where
 * nothing is. ACPI's root pointer is handed over all the same.
 */
function takesFirmware({ efi, bootParams }: LoadFacts): boolean {
	if (efi === undefined || bootParams?.length !== bootParamsSize) return false;
	if (text(bootParams.subarray(at.efiInfo, at.efiInfo + 4)) !== "EL64") return false;
	return efi.runtime.every(
		({ virtual, pages }) => virtual >= services.from && virtual + pages * page <= services.to,
	);
}

/** struct efi_info: signature and system table as they were, the runtime map as it is now. */
function putEfiInfo(view: DataView, old: Uint8Array, runtimeAt: bigint, efi: EfiFacts): void {
	const bytes = new Uint8Array(view.buffer);
	bytes.set(old.subarray(at.efiInfo, at.efiInfo + 32), at.efiInfo);
	view.setUint32(at.efiInfo + 8, efiMemory.size, true);
	putAddress(view, at.efiInfo + 16, at.efiInfo + 28, runtimeAt);
	view.setUint32(at.efiInfo + 20, efi.runtime.length * efiMemory.size, true);
}

function fillTrampoline(into: Uint8Array, where: bigint, params: bigint, entry: bigint): void {
	for (let i = 0; i < trampoline.length / 2; i++)
		into[i] = Number.parseInt(trampoline.slice(2 * i, 2 * i + 2), 16);
	const view = new DataView(into.buffer, into.byteOffset);
	view.setBigUint64(slots.where, where + BigInt(slots.gdt), true);
	view.setBigUint64(slots.params, params, true);
	view.setBigUint64(slots.entry, entry, true);
}

function refusal(
	code: LoadPlanCode,
	summary: string,
	details: { expected?: string; found?: string; remedy?: string },
): EkexecError<LoadPlanCode | KernelImageCode> {
	return new EkexecError("failed", code, summary, details);
}
