import { alignUp, EkexecError, showBytes } from "../bytes/index.ts";
import type { CpioCode } from "./codes.ts";
import {
	alignment,
	type CpioFormat,
	type CpioHeader,
	headerFields,
	headerSize,
	magicSize,
	pathMax,
	readHeader,
	readMagic,
	trailerName,
} from "./header.ts";
import { type EntryKind, kindOf } from "./mode.ts";
import { addToSum } from "./sum.ts";

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
 * one archive: `end` is the offset behind it; another may follow. `foreign` is the last event: something at
 * `offset` that is neither a NUL nor an archive.
 */
export type CpioEvent =
	| { readonly type: "entry"; readonly entry: ParsedEntry }
	| { readonly type: "data"; readonly entry: ParsedEntry; readonly bytes: Uint8Array }
	| { readonly type: "end"; readonly entry: ParsedEntry }
	| { readonly type: "trailer"; readonly offset: number; readonly end: number }
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
}

type State = "between" | "header" | "name" | "target" | "data" | "padding" | "foreign" | "ended";

const unnamed = new Uint8Array(0);

/**
 * A push parser of newc archives, as strict as the strictest kernel. Give it bytes in pieces of any size with
 * {@link push} (at the end {@link end}) and take events with {@link next} until it returns undefined.
 *
 * It follows init/initramfs.c of Linux: archives follow one another, NULs may stand between them, an archive begins
 * at a multiple of four. What the kernel skips in silence (a name or target longer than PATH_MAX, data where none
 * belongs, an unknown type) is an error here. Memory is constant: some 8 kB whatever the input says.
 */
export class CpioParser {
	readonly #where: string | undefined;
	readonly #foreign: boolean;
	#state: State = "between";
	#chunk: Uint8Array = new Uint8Array(0);
	#at = 0;
	/** Offset of the chunk's first byte. */
	#base: number;
	#ended = false;
	/** A header or name that came in pieces; both together never need more. */
	readonly #held = new Uint8Array(headerSize + pathMax + alignment);
	#heldSize = 0;
	/** Where the header being read begins. */
	#start = 0;
	#format: CpioFormat = "newc";
	#header: CpioHeader | undefined;
	#name: Uint8Array = unnamed;
	#entry: ParsedEntry | undefined;
	/** Bytes of data or padding still to come. */
	#left = 0;
	/** Of the data so far; undefined once some was passed over. */
	#sum: number | undefined = 0;
	#archives = 0;

	constructor(options: ParseOptions = {}) {
		this.#where = options.where;
		this.#foreign = options.foreign === "event";
		this.#base = options.offset ?? 0;
	}

	/** Offset of the next byte that has not been taken. After `foreign`, the offset of the foreign thing. */
	get offset(): number {
		return this.#base + this.#at;
	}

	/** What of the last chunk has not been taken; after `foreign` it belongs to someone else. */
	get rest(): Uint8Array {
		return this.#chunk.subarray(this.#at);
	}

	/** Hands in the next piece. The one before must have been used up: call {@link next} until it says undefined. */
	push(chunk: Uint8Array): void {
		if (this.#ended || this.#at < this.#chunk.length) {
			throw new EkexecError<CpioCode>(
				"bug",
				"CPIO_MISUSE",
				"bytes pushed before the last were taken",
			);
		}
		this.#base += this.#chunk.length;
		this.#chunk = chunk;
		this.#at = 0;
	}

	/**
	 * Passes over the data of the entry whose `entry` or `data` event came last, so that no more `data` comes of it:
	 * first what was pushed of it, then what `beyond` passes over in the caller's input, being told how much there would
	 * be; it answers how much it did. The rest has to be pushed, and can be passed over again. A checksum is not
	 * checked then.
	 */
	skipData(beyond: (bytes: number) => number = () => 0): void {
		if (this.#state !== "data" || this.#left === 0) return;
		this.#sum = undefined;
		const here = Math.min(this.#chunk.length - this.#at, this.#left);
		this.#at += here;
		this.#left -= here;
		if (this.#left === 0) return;
		const passed = beyond(this.#left);
		this.#base += passed;
		this.#left -= passed;
	}

	/** Says that nothing more comes. The next {@link next} throws if the input stopped within an archive. */
	end(): void {
		this.#ended = true;
	}

	/**
	 * The next event, or undefined when more bytes are needed (or all is done). Bytes of `data` are views into the
	 * pushed chunk. Throws `check` errors with offset and field at whatever no kernel would unpack.
	 */
	next(): CpioEvent | undefined {
		for (;;) {
			switch (this.#state) {
				case "between": {
					const event = this.#between();
					if (event !== "header") return event;
					break;
				}
				case "header": {
					const bytes = this.#take(headerSize, "header");
					if (bytes === undefined) return undefined;
					this.#name = unnamed;
					this.#format = readMagic(bytes, { where: this.#where, offset: this.#start });
					this.#header = readHeader(bytes, { where: this.#where, offset: this.#start });
					this.#checkSizes(this.#header);
					this.#state = "name";
					break;
				}
				case "name": {
					const { namesize } = this.#header as CpioHeader;
					const length = alignUp(headerSize + namesize, alignment) - headerSize;
					const bytes = this.#take(length, "name");
					if (bytes === undefined) return undefined;
					this.#name = this.#trim(bytes, namesize);
					const event = this.#named();
					if (event !== undefined) return event;
					break;
				}
				case "target": {
					const { filesize } = this.#header as CpioHeader;
					const bytes = this.#take(filesize, "target");
					if (bytes === undefined) return undefined;
					// Not slice(): a Buffer's shares the memory.
					return this.#begin(new Uint8Array(bytes));
				}
				case "data": {
					const entry = this.#entry as ParsedEntry;
					if (this.#left === 0) return this.#finish(entry);
					const available = this.#chunk.length - this.#at;
					if (available === 0) return this.#starved("data");
					const length = Math.min(available, this.#left);
					const bytes = this.#chunk.subarray(this.#at, this.#at + length);
					this.#at += length;
					this.#left -= length;
					if (entry.format === "crc" && this.#sum !== undefined)
						this.#sum = addToSum(this.#sum, bytes);
					return { type: "data", entry, bytes };
				}
				case "padding": {
					const length = Math.min(this.#chunk.length - this.#at, this.#left);
					this.#at += length;
					this.#left -= length;
					if (this.#left > 0) return this.#starved("padding");
					this.#start = this.offset;
					this.#state = "header";
					break;
				}
				default:
					return undefined;
			}
		}
	}

	/** Skips NULs up to the next archive. */
	#between(): CpioEvent | "header" | undefined {
		const chunk = this.#chunk;
		while (this.#at < chunk.length && chunk[this.#at] === 0) this.#at++;
		if (this.#at === chunk.length) {
			if (this.#ended) this.#state = "ended";
			return undefined;
		}
		const offset = this.offset;
		const byte = chunk[this.#at] ?? 0;
		// init/initramfs.c, unpack_to_rootfs(): '0' at a multiple of four is an archive, anything else is compressed.
		if (byte === 0x30 && offset % alignment === 0) {
			this.#start = offset;
			this.#state = "header";
			return "header";
		}
		if (byte === 0x30) {
			throw this.#error("CPIO_ALIGNMENT", "archive does not begin at a multiple of 4", {
				offset,
				field: "magic",
				expected: `NULs up to offset ${alignUp(offset, alignment)}`,
				remedy: "Pad the segment before it with NULs.",
			});
		}
		if (this.#foreign) {
			this.#state = "foreign";
			return { type: "foreign", offset };
		}
		const found = `byte 0x${byte.toString(16).padStart(2, "0")}`;
		if (this.#archives === 0) {
			throw this.#error("CPIO_MAGIC", "not a newc archive", {
				offset,
				field: "magic",
				expected: "070701 or 070702",
				found,
			});
		}
		throw this.#error("CPIO_TRAILING", "junk behind the trailer", {
			offset,
			field: "magic",
			expected: "NULs, another archive or the end",
			found,
		});
	}

	#checkSizes(header: CpioHeader): void {
		const { namesize, filesize } = header;
		if (namesize === 0 || namesize > pathMax) {
			throw this.#fieldError(
				"CPIO_SIZE",
				"namesize",
				"name has no possible size",
				`1 to ${pathMax}`,
				namesize,
			);
		}
		if (kindOf(header.mode) === "symlink" && (filesize === 0 || filesize > pathMax)) {
			throw this.#fieldError(
				"CPIO_SIZE",
				"filesize",
				"symlink target has no possible size",
				`1 to ${pathMax}`,
				filesize,
			);
		}
	}

	#trim(bytes: Uint8Array, namesize: number): Uint8Array {
		const end = bytes.indexOf(0);
		const offset = this.#start + headerSize;
		if (end === -1 || end >= namesize) {
			throw this.#error("CPIO_NAME", "name is not terminated", {
				offset,
				field: "name",
				expected: `a NUL within ${namesize} bytes`,
				found: showBytes(bytes.subarray(0, Math.min(namesize, 64))),
			});
		}
		for (let i = end + 1; i < namesize; i++) {
			if (bytes[i] === 0) continue;
			throw this.#error("CPIO_NAME", "something is hidden behind the name's NUL", {
				offset: offset + i,
				field: "name",
				expected: "only NULs",
				found: `byte 0x${(bytes[i] ?? 0).toString(16).padStart(2, "0")}`,
			});
		}
		if (end === 0) {
			throw this.#error("CPIO_NAME", "name is empty", { offset, field: "name" });
		}
		return new Uint8Array(bytes.subarray(0, end));
	}

	/** Decides what follows a name. */
	#named(): CpioEvent | undefined {
		const header = this.#header as CpioHeader;
		if (isTrailer(this.#name)) {
			if (header.filesize !== 0) {
				throw this.#fieldError("CPIO_SIZE", "filesize", "trailer has data", "0", header.filesize);
			}
			this.#archives += 1;
			this.#state = "between";
			return { type: "trailer", offset: this.#start, end: this.offset };
		}
		const kind = kindOf(header.mode);
		if (kind === undefined) {
			const found = `0${header.mode.toString(8)}`;
			throw this.#fieldError(
				"CPIO_MODE",
				"mode",
				"type of the entry is unknown",
				"a type of inode(7)",
				found,
			);
		}
		if (kind === "symlink") {
			this.#state = "target";
			return undefined;
		}
		if (kind !== "file" && header.filesize !== 0) {
			throw this.#fieldError("CPIO_SIZE", "filesize", `a ${kind} has data`, "0", header.filesize);
		}
		return this.#begin(undefined);
	}

	#begin(target: Uint8Array | undefined): CpioEvent {
		const header = this.#header as CpioHeader;
		const nameEnd = this.#start + alignUp(headerSize + header.namesize, alignment);
		if (target?.includes(0)) {
			throw this.#error("CPIO_NAME", "symlink target holds a NUL", {
				offset: nameEnd + target.indexOf(0),
				field: "target",
			});
		}
		// The header becomes the entry: nobody else has it, and copying thirteen fields costs more than all else here.
		const entry = header as { -readonly [K in keyof ParsedEntry]: ParsedEntry[K] };
		entry.format = this.#format;
		entry.kind = kindOf(header.mode) as EntryKind;
		entry.name = this.#name;
		entry.target = target;
		entry.offset = this.#start;
		entry.dataOffset = nameEnd;
		this.#entry = entry;
		this.#sum = 0;
		this.#left = target === undefined ? header.filesize : 0;
		this.#state = "data";
		return { type: "entry", entry: this.#entry };
	}

	#finish(entry: ParsedEntry): CpioEvent {
		const summed = entry.format === "crc" && entry.kind === "file" && this.#sum !== undefined;
		if (summed && this.#sum !== entry.check) {
			const found = `the data's sum 0x${this.#sum?.toString(16)}`;
			const said = `0x${entry.check.toString(16)}`;
			throw this.#fieldError(
				"CPIO_CHECKSUM",
				"check",
				"data does not match its checksum",
				said,
				found,
			);
		}
		this.#left = alignUp(entry.filesize, alignment) - entry.filesize;
		this.#state = "padding";
		return { type: "end", entry };
	}

	/** Exactly `length` bytes in one piece, or undefined until they are there. Valid until the next call. */
	#take(length: number, field: string): Uint8Array | undefined {
		const available = this.#chunk.length - this.#at;
		if (this.#heldSize === 0 && available >= length) {
			this.#at += length;
			return this.#chunk.subarray(this.#at - length, this.#at);
		}
		const piece = Math.min(length - this.#heldSize, available);
		this.#held.set(this.#chunk.subarray(this.#at, this.#at + piece), this.#heldSize);
		this.#heldSize += piece;
		this.#at += piece;
		if (this.#heldSize < length) return this.#starved(field, length);
		this.#heldSize = 0;
		return this.#held.subarray(0, length);
	}

	/** More bytes are needed: fine, unless there will be none. */
	#starved(field: string, length?: number): undefined {
		if (!this.#ended) return undefined;
		if (field === "header" && this.#heldSize === 0) {
			throw this.#error("CPIO_NO_TRAILER", "archive has no trailer", {
				offset: this.offset,
				expected: `another entry or ${trailerName}`,
				found: "the end of the input",
			});
		}
		// A magic that is there in full is the better explanation of a stub.
		if (field === "header" && this.#heldSize >= magicSize) {
			readMagic(this.#held, { where: this.#where, offset: this.#start });
		}
		const inside = this.#name.length > 0 && field !== "header" && field !== "name";
		throw this.#error(
			"CPIO_TRUNCATED",
			`input ends within ${inside ? `the ${field} of ${showBytes(this.#name)}` : `a ${field}`}`,
			{
				offset: this.offset,
				field,
				expected: `${length === undefined ? this.#left : length - this.#heldSize} more bytes`,
				found: "the end of the input",
			},
		);
	}

	#fieldError(
		code: CpioCode,
		field: (typeof headerFields)[number],
		summary: string,
		expected: string,
		found: number | string,
	): EkexecError<CpioCode> {
		const offset = this.#start + magicSize + 8 * headerFields.indexOf(field);
		const of =
			this.#name.length > 0 && field !== "namesize"
				? `${summary} (${showBytes(this.#name)})`
				: summary;
		return this.#error(code, of, { offset, field, expected, found: String(found) });
	}

	#error(
		code: CpioCode,
		summary: string,
		details: { offset: number; field?: string; expected?: string; found?: string; remedy?: string },
	): EkexecError<CpioCode> {
		return new EkexecError("check", code, summary, { where: this.#where, ...details });
	}
}

function isTrailer(name: Uint8Array): boolean {
	if (name.length !== trailerName.length) return false;
	for (let i = 0; i < name.length; i++) if (name[i] !== trailerName.charCodeAt(i)) return false;
	return true;
}
