import { startsWith } from "../bytes/index.ts";

/** Formats told apart by their magic. The last four are named in errors, not read. */
export type FormatName = "gzip" | "xz" | "zstd" | "lz4" | "lzma" | "bzip2" | "lzop";

/** Bytes `identify` wants to see to tell any format. */
export const IDENTIFY_BYTES: number = 13;

const magics: readonly (readonly [FormatName, readonly number[]])[] = [
	// RFC 1952, 2.3.1. 1f 9e is an old gzip's magic; the kernel's decompress.c takes it, too.
	["gzip", [0x1f, 0x8b]],
	["gzip", [0x1f, 0x9e]],
	// xz-file-format.txt, 2.1.1.1
	["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
	// RFC 8878, 3.1.1
	["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
	// The kernel takes the legacy frame (lz4 -l) alone; the other is the frame of today.
	["lz4", [0x02, 0x21, 0x4c, 0x18]],
	["lz4", [0x04, 0x22, 0x4d, 0x18]],
	["bzip2", [0x42, 0x5a, 0x68]],
	["lzop", [0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a]],
];

/** The format that begins with these bytes, or undefined. Takes as little as two bytes, tells more with 13. */
export function identify(head: Uint8Array): FormatName | undefined {
	for (const [name, magic] of magics) {
		if (startsWith(head, Uint8Array.from(magic))) return name;
	}
	if (isSkippable(head)) return "zstd";
	return isLzma(head) ? "lzma" : undefined;
}

/** RFC 8878, 3.1.2: magic numbers 0x184D2A50 to 0x184D2A5F, little-endian. */
export function isSkippable(head: Uint8Array): boolean {
	return (
		((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18
	);
}

/**
 * LZMA_alone has no magic: a byte of properties (5d, the default of every encoder), a dictionary of 2^n or
 * 2^n + 2^(n-1) bytes, a size that is unknown (all ones) or below 256 GiB, as xz itself judges.
 */
function isLzma(head: Uint8Array): boolean {
	if (head.length < 13 || head[0] !== 0x5d) return false;
	const view = new DataView(head.buffer, head.byteOffset, 13);
	const dictionary = view.getUint32(1, true);
	const top = 2 ** Math.floor(Math.log2(dictionary));
	if (dictionary < 4096 || (dictionary !== top && dictionary !== top * 1.5)) return false;
	const size = view.getBigUint64(5, true);
	return size === 0xffff_ffff_ffff_ffffn || size < 1n << 38n;
}
