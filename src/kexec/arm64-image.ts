// The header of arm64 kernels: Documentation/arch/arm64/booting.rst, arch/arm64/include/asm/image.h.
import { Cursor, EkexecError, startsWith, struct, text, u32, u64, utf8 } from "../bytes/index.ts";
import type { KernelImageCode } from "./image.ts";

const header = struct("arm64_image_header", {
	code0: u32,
	code1: u32,
	textOffset: u64,
	imageSize: u64,
	flags: u64,
	res2: u64,
	res3: u64,
	res4: u64,
	magic: u32,
	peOffset: u32,
});

const magic = utf8("ARM\x64");
const magicOffset = 56;

/** A Linux kernel for arm64, uncompressed. Sizes and offsets in bytes. */
export interface Arm64Image {
	readonly format: "Image";
	readonly architecture: "aarch64";
	/** What the kernel calls itself, from its banner; empty where it was not found. */
	readonly version: string;
	readonly release: string;
	/** The image lies at a multiple of 2 MiB plus this. */
	readonly textOffset: number;
	/** Memory it takes from its load address on, BSS included. */
	readonly imageSize: number;
	readonly endian: "little" | "big";
	/** In KiB: 4, 16 or 64; undefined where the header leaves it open. */
	readonly pageSize?: 4 | 16 | 64;
	/** It may lie anywhere in memory, not just near its start. */
	readonly anywhere: boolean;
}

export function isArm64Image(bytes: Uint8Array): boolean {
	return startsWith(bytes, magic, magicOffset);
}

/** Reads the header. Throws `BYTES_TRUNCATED`, `KERNEL_BROKEN`. */
export function readArm64Image(bytes: Uint8Array, where = "kernel"): Arm64Image {
	const head = header.read(new Cursor(bytes, { where }));
	const flags = Number(head.flags);
	const sizes = [undefined, 4, 16, 64] as const;
	const pageSize = sizes[Math.floor(flags / 2) % 4];
	// Before 3.17 the size was zero; the kernel's documentation says what to assume, but such kernels cannot be kexec'd.
	if (head.imageSize === 0n || head.imageSize > 0x4000_0000n) {
		throw new EkexecError<KernelImageCode>(
			"check",
			"KERNEL_BROKEN",
			"the image's size makes no sense",
			{
				where,
				offset: 16,
				field: "arm64_image_header.image_size",
				expected: "1 byte to 1 GiB",
				found: `${head.imageSize}`,
			},
		);
	}
	const version = bannerOf(bytes);
	return {
		format: "Image",
		architecture: "aarch64",
		version,
		release: version.split(" ", 1)[0] ?? "",
		textOffset: Number(head.textOffset),
		imageSize: Number(head.imageSize),
		endian: flags % 2 === 0 ? "little" : "big",
		...(pageSize === undefined ? {} : { pageSize }),
		anywhere: Math.floor(flags / 8) % 2 === 1,
	};
}

const banner = utf8("Linux version ");

/** `6.1.0-… (builder) (compiler) #1 SMP …` of the banner in read-only data. */
function bannerOf(bytes: Uint8Array): string {
	for (let at = bytes.indexOf(0x4c); at >= 0; at = bytes.indexOf(0x4c, at + 1)) {
		if (!startsWith(bytes, banner, at)) continue;
		const start = at + banner.length;
		const line = bytes.subarray(start, start + 512);
		const end = line.findIndex((byte) => byte === 0 || byte === 0x0a);
		const words = text(line.subarray(0, end < 0 ? line.length : end));
		// The format string of the same words has a `%` where the banner has the release.
		if (/^\d+\.\d+/.test(words)) return words;
	}
	return "";
}
