/** A path or a symlink's target: bytes as they are, or a string that stands for its UTF-8. */
export type Name = Uint8Array | string;

/**
 * Content that the writer never sees: exactly `size` bytes that whoever consumes the chunks supplies in this
 * place. `ref` tells that consumer which bytes are meant: a path on the target, an open file, a stream.
 */
export interface Splice<R = unknown> {
	/** Length in bytes, 0 to 2^32 − 1. */
	readonly size: number;
	readonly ref: R;
	/**
	 * Sum of the bytes modulo 2^32, needed for the `crc` format only, where it stands before the data. A
	 * function is called once, when the header is about to be written, so the bytes may be read as late as that.
	 */
	readonly sum?: number | (() => number);
}

interface Attributes {
	/**
	 * Path within the archive. `./` and `/` in front are dropped, as are doubled slashes; `..` is refused. `.` is
	 * the root itself.
	 */
	readonly name: Name;
	/** Permission bits with set-uid, set-gid and sticky (0 to 0o7777). Default: 0644, directories 0755, symlinks 0777. */
	readonly mode?: number;
	/** Owner; 0 unless told. */
	readonly uid?: number;
	/** Group; 0 unless told. */
	readonly gid?: number;
	/** Seconds since 1970, 0 to 2^32 − 1; the archive's unless told. */
	readonly mtime?: number;
}

export interface DirectoryEntry extends Attributes {
	readonly kind: "directory";
}
export interface FileEntry<R = unknown> extends Attributes {
	readonly kind: "file";
	/** Empty unless told. A string stands for its UTF-8. */
	readonly content?: Uint8Array | string | Splice<R>;
}
export interface SymlinkEntry extends Attributes {
	readonly kind: "symlink";
	/** Taken as it is, never checked or followed: 1 to 4095 bytes without NUL. */
	readonly target: Name;
}
export interface DeviceEntry extends Attributes {
	readonly kind: "character" | "block";
	/** 12 bits. */
	readonly major: number;
	/** 20 bits. */
	readonly minor: number;
}
export interface PipeEntry extends Attributes {
	readonly kind: "fifo" | "socket";
}
/** One more name of an entry that is no directory and no symlink; it has that entry's attributes. */
export interface LinkEntry {
	readonly kind: "link";
	readonly name: Name;
	/** Name of the other entry, in this same archive; it may come later. */
	readonly target: Name;
}

/** One thing to be written. */
export type CpioEntry<R = unknown> =
	| DirectoryEntry
	| FileEntry<R>
	| SymlinkEntry
	| DeviceEntry
	| PipeEntry
	| LinkEntry;
