// The setup header of x86 kernels: Documentation/arch/x86/boot.rst, arch/x86/include/uapi/asm/bootparam.h.
import { Cursor, EkexecError, struct, text, u8, u16, u32, u64 } from "../bytes/index.ts";
import type { KernelImageCode } from "./image.ts";

/** Where the setup header begins in the file, and in struct boot_params. */
export const setupHeaderOffset = 0x1f1;

const setupHeader = struct("setup_header", {
	setupSectors: u8,
	rootFlags: u16,
	sysSize: u32,
	ramSize: u16,
	videoMode: u16,
	rootDevice: u16,
	bootFlag: u16,
	jump: u16,
	magic: u32,
	version: u16,
	realModeSwitch: u32,
	startSys: u16,
	kernelVersion: u16,
	loaderType: u8,
	loadFlags: u8,
	setupMoveSize: u16,
	code32Start: u32,
	ramdiskImage: u32,
	ramdiskSize: u32,
	bootsect: u32,
	heapEnd: u16,
	extLoaderVersion: u8,
	extLoaderType: u8,
	commandLine: u32,
	initrdMax: u32,
	alignment: u32,
	relocatable: u8,
	minAlignment: u8,
	xloadFlags: u16,
	commandLineSize: u32,
	hardwareSubarch: u32,
	hardwareSubarchData: u64,
	payloadOffset: u32,
	payloadLength: u32,
	setupData: u64,
	preferredAddress: u64,
	initSize: u32,
	handoverOffset: u32,
	kernelInfo: u32,
});

/** `HdrS`, little-endian. */
const magic = 0x53726448;
const bootFlag = 0xaa55;

/** A Linux kernel for x86. Sizes, offsets and addresses in bytes. */
export interface BzImage {
	readonly format: "bzImage";
	readonly architecture: "x86_64" | "x86";
	/** Boot protocol: 0x020f is 2.15. */
	readonly protocol: number;
	/** What the kernel calls itself: release, builder, number. */
	readonly version: string;
	/** The release alone, as `uname -r` will say. */
	readonly release: string;
	/** Bytes of real-mode code and header before the kernel proper. */
	readonly setupSize: number;
	readonly relocatable: boolean;
	/** The kernel must lie at a multiple of this. */
	readonly alignment: number;
	/** Where it would like to lie. */
	readonly preferredAddress: number;
	/** Memory it needs from its load address on, before it reads its memory map. */
	readonly initSize: number;
	/** Longest command line without its NUL. */
	readonly commandLineSize: number;
	/** Highest address that the initrd may reach. */
	readonly initrdMax: number;
	readonly flags: BzImageFlags;
	/** The compressed kernel in the file. */
	readonly payload: {
		readonly offset: number;
		readonly size: number;
		readonly compression: string;
	};
}

/** Bits of xloadflags and loadflags. */
export interface BzImageFlags {
	/** 64-bit entry at load address + 0x200: what kexec needs. */
	readonly kernel64: boolean;
	/** Kernel, initrd, boot parameters and command line may lie above 4 GiB. */
	readonly above4G: boolean;
	readonly efi32: boolean;
	readonly efi64: boolean;
	/** Boot by kexec on EFI machines with their runtime services. */
	readonly efiKexec: boolean;
	/** Can start where five levels of page tables are on. */
	readonly fiveLevels: boolean;
	/** Loaded at 1 MiB or above (all of today's are; a zImage is not). */
	readonly high: boolean;
}

/** Magic numbers at the start of the payload. */
const compressions: readonly (readonly [string, string])[] = [
	["1f8b", "gzip"],
	["fd377a58", "xz"],
	["5d0000", "lzma"],
	["425a68", "bzip2"],
	["02214c18", "lz4"],
	["28b52ffd", "zstd"],
	["894c5a4f", "lzo"],
];

/** Whether the file begins like a Linux kernel for x86 with a setup header. */
export function isBzImage(bytes: Uint8Array): boolean {
	if (bytes.length < 0x206) return false;
	const view = new DataView(bytes.buffer, bytes.byteOffset);
	return view.getUint16(0x1fe, true) === bootFlag && view.getUint32(0x202, true) === magic;
}

/** Reads the setup header. Throws `BYTES_TRUNCATED`, `KERNEL_BROKEN`, `KERNEL_UNSUPPORTED` (a zImage, or a protocol before 2.06). */
export function readBzImage(bytes: Uint8Array, where = "kernel"): BzImage {
	const cursor = new Cursor(bytes, { where });
	cursor.seek(setupHeaderOffset);
	const head = setupHeader.read(cursor);
	// Below 2.06 there is no cmdline_size, and no kernel of this century is that old.
	if (head.version < 0x0206 || (head.loadFlags & 1) === 0) {
		throw new EkexecError<KernelImageCode>(
			"check",
			"KERNEL_UNSUPPORTED",
			"this kernel's boot protocol is too old",
			{
				where,
				offset: 0x206,
				expected: "a bzImage of protocol 2.06 or later",
				found: `${head.version >> 8}.${head.version & 0xff}`,
			},
		);
	}
	const setupSize = ((head.setupSectors === 0 ? 4 : head.setupSectors) + 1) * 512;
	if (setupSize >= bytes.length) {
		throw new EkexecError<KernelImageCode>(
			"check",
			"KERNEL_BROKEN",
			"the file ends within its setup code",
			{
				where,
				offset: setupHeaderOffset,
				field: "setup_header.setup_sects",
				expected: `more than ${setupSize} bytes`,
				found: `${bytes.length}`,
			},
		);
	}
	const version = versionOf(
		bytes,
		head.kernelVersion === 0 ? undefined : head.kernelVersion + 0x200,
	);
	const has = (protocol: number) => head.version >= protocol;
	const xload = has(0x020c) ? head.xloadFlags : 0;
	const offset = setupSize + head.payloadOffset;
	return {
		format: "bzImage",
		architecture: (xload & 1) === 1 ? "x86_64" : "x86",
		protocol: head.version,
		version,
		release: version.split(" ", 1)[0] ?? "",
		setupSize,
		relocatable: head.relocatable !== 0,
		alignment: head.alignment,
		preferredAddress: has(0x020a) ? Number(head.preferredAddress) : 0x100000,
		initSize: has(0x020a) ? head.initSize : 0,
		commandLineSize: head.commandLineSize,
		initrdMax: head.initrdMax,
		flags: {
			kernel64: (xload & 1) !== 0,
			above4G: (xload & 2) !== 0,
			efi32: (xload & 4) !== 0,
			efi64: (xload & 8) !== 0,
			efiKexec: (xload & 16) !== 0,
			fiveLevels: (xload & 32) !== 0,
			high: (head.loadFlags & 1) !== 0,
		},
		payload: { offset, size: head.payloadLength, compression: compressionAt(bytes, offset) },
	};
}

function compressionAt(bytes: Uint8Array, offset: number): string {
	const head = [...bytes.subarray(offset, offset + 4)]
		.map((b) => b.toString(16).padStart(2, "0"))
		.join("");
	return compressions.find(([start]) => head.startsWith(start))?.[1] ?? "none";
}

function versionOf(bytes: Uint8Array, at: number | undefined): string {
	if (at === undefined || at >= bytes.length) return "";
	// The kernel's own buffer for it is shorter than this.
	const words = bytes.subarray(at, at + 512);
	const end = words.indexOf(0);
	return text(words.subarray(0, end < 0 ? words.length : end)).trim();
}

/** The bytes of the setup header that a boot loader copies into struct boot_params: from 0x1f1 to its own end. */
export function setupHeaderBytes(bytes: Uint8Array): Uint8Array {
	// The jump at 0x200 is two bytes long; its distance, counted from 0x202, is where the header ends.
	const end = 0x202 + (bytes[0x201] ?? 0);
	return bytes.subarray(setupHeaderOffset, Math.min(end, 0x290, bytes.length));
}
