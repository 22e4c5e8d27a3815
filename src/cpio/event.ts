import type { CpioFault } from "./fault.ts";
import type { CpioFormat, CpioHeader } from "./header.ts";
import type { EntryKind } from "./mode.ts";

/** One entry as an archive says it. */
export interface ParsedEntry extends CpioHeader {
	readonly format: CpioFormat;
	readonly kind: EntryKind;
	/** As it stands, with any `/` or `..`, without its NULs. */
	readonly name: Uint8Array;
	/** A symlink's; undefined for all others. */
	readonly target: Uint8Array | undefined;
	/** Offset of the header, counted as the parser's `offset` option says. */
	readonly offset: number;
	/** Offset of the data, or of a symlink's target. */
	readonly dataOffset: number;
}

/**
 * What a parser found. After `entry` come zero or more `data` (files only) and then `end`. `trailer` is the end of
 * one archive: `end` is the offset behind it; another may follow. `fault` comes only if asked for: of one that the kernel
 * takes the `entry` follows, of one that it skips nothing does. `foreign` is the last event: something at `offset` that is
 * neither a NUL nor an archive.
 */
export type CpioEvent =
	| { readonly type: "entry"; readonly entry: ParsedEntry }
	| { readonly type: "data"; readonly entry: ParsedEntry; readonly bytes: Uint8Array }
	| { readonly type: "end"; readonly entry: ParsedEntry }
	| { readonly type: "trailer"; readonly offset: number; readonly end: number }
	| { readonly type: "fault"; readonly fault: CpioFault }
	| { readonly type: "foreign"; readonly offset: number };

export interface ParseOptions {
	/** Name of the file or stream, for errors. */
	readonly where?: string;
	/** Offset of the first byte pushed, for errors, events and the rule of four. 0 unless told. */
	readonly offset?: number;
	/**
	 * What something other than NULs and archives is: an error (`CPIO_TRAILING`, or `CPIO_MAGIC` at the very
	 * start), or a `foreign` event, after which the parser takes no more.
	 */
	readonly foreign?: "error" | "event";
	/**
	 * What something is at which Linux goes on, though no archive should hold it: an error, thrown (unless told), or a
	 * `fault` event, behind which the parser goes on as Linux does.
	 */
	readonly faults?: "error" | "event";
}
