import * as zlib from "node:zlib";

// What is used unless told, apart from the coders, which are loaded only when they are used.

export const GZIP_LEVEL: number = 6;

export const XZ_LEVEL: number = 6;
/** Dictionary unless told: 1 MiB, what initramfs-tools and dracut give the kernel's decoder. */
export const XZ_DICTIONARY: number = 1024 * 1024;
/** Unpacked bytes per block unless told: small enough to keep many cores busy, large enough to cost no size. */
export const XZ_BLOCK: number = 8 * 1024 * 1024;

export const ZSTD_LEVEL: number = 19;

/** Why this Node cannot write zstd, if it cannot. */
export const NO_ZSTD: string | undefined =
	"createZstdCompress" in zlib
		? undefined
		: `Node ${process.versions.node} has no zstd; 22.15 and later of 22, and 23.8 and later, have`;
