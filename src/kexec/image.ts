// Kernel images by what their first bytes say.
import { Cursor, EkexecError, showBytes, startsWith, text, utf8 } from "../bytes/index.ts";
import { type Arm64Image, isArm64Image, readArm64Image } from "./arm64-image.ts";
import { type BzImage, isBzImage, readBzImage } from "./bzimage.ts";
import { readSignature, type Signature } from "./pe.ts";

export type KernelImageCode =
	| "KERNEL_UNKNOWN"
	| "KERNEL_BROKEN"
	| "KERNEL_UNSUPPORTED"
	| "KERNEL_TOO_LARGE";

/** An EFI zboot image: a small EFI program around a compressed kernel. */
export interface ZbootImage {
	readonly format: "zboot";
	/** As the header names it: `gzip`, `zstd22`, `xzkern`… */
	readonly compression: string;
	/** Offset of the payload in the file, and its size, in bytes. */
	readonly payload: { readonly offset: number; readonly size: number };
}

/** A whole file that is a gzip member: arm64's Image.gz. */
export interface GzipImage {
	readonly format: "gzip";
}

/** What a kernel file is. */
export type KernelImage = (BzImage | Arm64Image | ZbootImage | GzipImage) & {
	/** The signature for UEFI Secure Boot, if the file has one. */
	readonly signature?: Signature;
	/** Whether the file is a PE program, as EFI firmware starts it. */
	readonly efi: boolean;
};

/** Offset in a zboot header: magic at 4, payload's offset at 8, size at 12, compression at 24 (drivers/firmware/efi/libstub/zboot-header.S). */
const zbootMagic = utf8("zimg");

/**
 * Reads the headers of a kernel: Linux bzImage, arm64 Image, EFI zboot, gzip.
 * `bytes` is the whole file. Throws `KERNEL_UNKNOWN`, `KERNEL_BROKEN`.
 */
export function readKernelImage(bytes: Uint8Array, where = "kernel"): KernelImage {
	const signature = readSignature(bytes, where);
	const extra = {
		efi: signature !== undefined,
		...(signature === undefined || signature === "none" ? {} : { signature }),
	};
	if (isBzImage(bytes)) return { ...readBzImage(bytes, where), ...extra };
	if (isArm64Image(bytes)) return { ...readArm64Image(bytes, where), ...extra };
	if (startsWith(bytes, zbootMagic, 4)) return { ...readZboot(bytes, where), ...extra };
	if (startsWith(bytes, Uint8Array.of(0x1f, 0x8b, 8))) return { format: "gzip", efi: false };
	throw new EkexecError<KernelImageCode>(
		"check",
		"KERNEL_UNKNOWN",
		"this is no kernel image that ekexec knows",
		{
			where,
			offset: 0,
			expected: "an x86 bzImage, an arm64 Image, an EFI zboot image or a gzipped one",
			found: showBytes(bytes.subarray(0, 16)),
		},
	);
}

function readZboot(bytes: Uint8Array, where: string): ZbootImage {
	const cursor = new Cursor(bytes, { where });
	cursor.seek(8);
	const offset = cursor.u32("zboot.payload_offset");
	const size = cursor.u32("zboot.payload_size");
	cursor.seek(24);
	const name = cursor.take(32, "zboot.comp_type");
	const end = name.indexOf(0);
	if (offset + size > bytes.length) {
		throw new EkexecError<KernelImageCode>(
			"check",
			"KERNEL_BROKEN",
			"the payload lies outside of the file",
			{
				where,
				offset: 8,
				field: "zboot.payload_offset",
				expected: `at most ${bytes.length}`,
				found: `${offset} + ${size}`,
			},
		);
	}
	const compression = text(name.subarray(0, end < 0 ? name.length : end));
	return { format: "zboot", compression, payload: { offset, size } };
}
