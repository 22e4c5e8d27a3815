import type { ByteSource, Chunks } from "./source.ts";

export type CodecName = "none" | "gzip" | "xz" | "zstd";

/** How to compress. What a codec has no use for, it ignores. */
export interface CompressOptions {
	/** On the codec's own scale: gzip 0–9, xz 0–9, zstd 1–22. The codec's default unless told. */
	readonly level?: number;
	/** Threads to work on; as many as the machine has cores unless told. The bytes do not depend on it. */
	readonly threads?: number;
	/** xz: dictionary in bytes; `XZ_DICTIONARY` unless told. */
	readonly dictionary?: number;
	/** xz: unpacked bytes per block, each of which can be decoded apart; `XZ_BLOCK` unless told. */
	readonly block?: number;
	/** xz: bytes of a match that is taken without looking for a longer one, 5–273; the level's unless told. */
	readonly nice?: number;
	/**
	 * xz: candidates looked at for each byte, 1–1000, or 0 for as many as the match finder sees fit; the level's unless
	 * told. Fewer is faster, and hardly larger.
	 */
	readonly depth?: number;
	/** xz: machine code whose jumps are made alike first. Kernels for x86 undo it (CONFIG_XZ_DEC_X86). */
	readonly code?: "x86";
	/** Size of the content in bytes, where it is known: zstd writes it into the frame. */
	readonly size?: number;
	readonly signal?: AbortSignal;
}

/** How to decompress. */
export interface DecompressOptions {
	/** Most bytes that may come out; `MAX_OUTPUT` unless told. */
	readonly maxOutput?: number;
	/** Largest dictionary or window in bytes that a stream may ask for; `MAX_WINDOW` unless told. */
	readonly maxWindow?: number;
	/** xz: blocks to decode at the same time; as many as the machine has cores unless told. */
	readonly threads?: number;
	/** xz: many streams will follow, so a thread is worth starting even for a short one. */
	readonly eager?: boolean;
	readonly signal?: AbortSignal;
}

/**
 * Most bytes one stream may unpack to unless the caller says otherwise: more than an initramfs can hold on
 * machines of today, and an end to a bomb that would fill a disk.
 */
export const MAX_OUTPUT: number = 16 * 1024 ** 3;

/** Largest window or dictionary: what `zstd -d` takes without `--long`, twice what `xz -9` uses. */
export const MAX_WINDOW: number = 128 * 1024 * 1024;

/** One compression format, as the initrd's segments, images and packages use it. */
export interface Codec {
	readonly name: CodecName;
	/** What a file's name ends with, dot included; empty for `none`. */
	readonly extension: string;
	/** Level used unless told. */
	readonly defaultLevel: number;
	/** Why this Node cannot compress in this format; undefined where it can. Reading always works. */
	readonly cannotCompress: string | undefined;
	/**
	 * The compressed stream of `chunks`: one gzip member, one xz stream, one zstd frame. The bytes depend on content,
	 * level, dictionary and block alone. Throws `COMPRESS_OPTION`, `COMPRESS_UNSUPPORTED`, or the signal's reason.
	 */
	compress(chunks: Chunks, options?: CompressOptions): AsyncGenerator<Uint8Array, void, undefined>;
	/**
	 * The content of the one stream that begins at the source's offset. When the generator has ended, the offset is
	 * exactly behind that stream, its check and its index verified; after an error it is undefined.
	 */
	decode(
		source: ByteSource,
		options?: DecompressOptions,
	): AsyncGenerator<Uint8Array, void, undefined>;
}
