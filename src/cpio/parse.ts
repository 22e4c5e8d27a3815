import { alignUp, EkexecError, type ErrorDetails, showBytes } from "../bytes/index.ts";
import type { CpioCode } from "./codes.ts";
import type { CpioEvent, ParsedEntry, ParseOptions } from "./event.ts";
import {
	type CpioFault,
	entryFault,
	fieldPlace,
	headerFault,
	isTrailer,
	kindInKernel,
	nameFault,
	noTrailer,
	nulsInside,
	targetFault,
	unnamed,
} from "./fault.ts";
import {
	alignment,
	type CpioFormat,
	type CpioHeader,
	type HeaderPlace,
	headerSize,
	magicSize,
	pathMax,
	readHeader,
	readMagic,
} from "./header.ts";
import type { EntryKind } from "./mode.ts";
import { addToSum } from "./sum.ts";

type State =
	| "between"
	| "next"
	| "header"
	| "name"
	| "named"
	| "target"
	| "begin"
	| "data"
	| "padding"
	| "skip"
	| "foreign"
	| "ended";

/**
 * A push parser of newc archives, as strict as the strictest kernel, and stricter unless `faults` says otherwise. Give it
 * bytes in pieces of any size with {@link push} (at the end {@link end}) and take events with {@link next} until it
 * returns undefined.
 *
 * It follows init/initramfs.c of Linux: archives follow one another, NULs may stand between them, an archive begins
 * at a multiple of four. What the kernel skips in silence (a name or target longer than PATH_MAX, data where none
 * belongs, an unknown type) is an error here, or a fault. Memory is constant: some 8 kB whatever the input says.
 */
export class CpioParser {
	readonly #where: string | undefined;
	readonly #foreign: boolean;
	readonly #lenient: boolean;
	#state: State = "between";
	#chunk: Uint8Array = new Uint8Array(0);
	#at = 0;
	/** Offset of the chunk's first byte. */
	#base: number;
	#ended = false;
	/** A header or name that came in pieces; both together never need more. */
	readonly #held = new Uint8Array(headerSize + pathMax + alignment);
	#heldSize = 0;
	/** Of the header being read. */
	#place: HeaderPlace = { offset: 0 };
	#format: CpioFormat = "newc";
	#header: CpioHeader | undefined;
	/** Bytes from the start of the header to that of the data. */
	#lead = 0;
	#name: Uint8Array = unnamed;
	#target: Uint8Array | undefined;
	#entry: ParsedEntry | undefined;
	/** Bytes of data, padding or what is skipped still to come. */
	#left = 0;
	/** Of the data so far; undefined once some was passed over. */
	#sum: number | undefined = 0;
	#archives = 0;

	constructor(options: ParseOptions = {}) {
		this.#where = options.where;
		this.#foreign = options.foreign === "event";
		this.#lenient = options.faults === "event";
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
				case "next": {
					const event = this.#lenient ? this.#over() : undefined;
					if (event !== undefined) return event;
					if (this.#lenient && this.#at === this.#chunk.length) return undefined;
					this.#place = { where: this.#where, offset: this.offset };
					this.#state = "header";
					break;
				}
				case "header": {
					const bytes = this.#take(headerSize, "header");
					if (bytes === undefined) return undefined;
					this.#name = unnamed;
					this.#format = readMagic(bytes, this.#place);
					this.#header = readHeader(bytes, this.#place);
					this.#lead = alignUp(headerSize + this.#header.namesize, alignment);
					this.#state = "name";
					const fault = headerFault(this.#header, this.#place);
					if (fault !== undefined) return this.#fault(fault, this.#lead - headerSize);
					break;
				}
				case "name": {
					const { namesize } = this.#header as CpioHeader;
					const bytes = this.#take(this.#lead - headerSize, "name");
					if (bytes === undefined) return undefined;
					const end = bytes.indexOf(0);
					const usual = end > 0 && end === namesize - 1;
					const fault = usual ? undefined : nameFault(bytes, namesize, end, this.#place);
					// Not slice(): a Buffer's shares the memory.
					this.#name = new Uint8Array(bytes.subarray(0, end));
					this.#state = "named";
					if (fault !== undefined) return this.#fault(fault);
					break;
				}
				case "named": {
					const event = this.#named();
					if (event !== undefined) return event;
					break;
				}
				case "target": {
					const { filesize } = this.#header as CpioHeader;
					const bytes = this.#take(filesize, "target");
					if (bytes === undefined) return undefined;
					this.#state = "begin";
					const nul = bytes.indexOf(0);
					// Not slice(): a Buffer's shares the memory.
					this.#target = new Uint8Array(nul === -1 ? bytes : bytes.subarray(0, nul));
					if (nul === -1 && filesize < pathMax) break;
					const place = { ...this.#place, name: this.#name };
					const offset = this.#place.offset + this.#lead;
					// The target itself has been read.
					return this.#fault(targetFault(filesize, nul, offset, place), -filesize);
				}
				case "begin":
					return this.#begin();
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
				case "padding":
				case "skip": {
					const length = Math.min(this.#chunk.length - this.#at, this.#left);
					this.#at += length;
					this.#left -= length;
					if (this.#left > 0) return this.#starved(this.#state === "skip" ? "data" : "padding");
					this.#state = "next";
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
			this.#place = { where: this.#where, offset };
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

	/** Whether the archive ends here without a trailer; undefined if an entry follows, or more bytes are needed. */
	#over(): CpioEvent | undefined {
		const place = { where: this.#where, offset: this.offset };
		const byte = this.#chunk[this.#at];
		if (byte === undefined) {
			if (!this.#ended) return undefined;
			this.#state = "ended";
			return { type: "fault", fault: noTrailer(place) };
		}
		// do_reset(), unpack_to_rootfs(): NULs may follow any entry, and so may a compressed archive.
		if (byte === 0x30 || (byte !== 0 && !this.#foreign)) return undefined;
		this.#archives += 1;
		this.#state = "between";
		const fault = byte === 0 ? nulsInside(place) : noTrailer(place, "something else");
		return { type: "fault", fault };
	}

	/** Decides what follows a name. */
	#named(): CpioEvent | undefined {
		const header = this.#header as { -readonly [K in keyof CpioHeader]: CpioHeader[K] };
		const fault = entryFault(header, this.#name, this.#place);
		if (fault !== undefined) {
			// As the kernel takes it; next time there is nothing wrong with it.
			header.mode %= 0x1_0000;
			return this.#fault(fault);
		}
		if (isTrailer(this.#name, header.mode)) {
			this.#archives += 1;
			this.#state = "between";
			return { type: "trailer", offset: this.#place.offset, end: this.offset };
		}
		this.#target = undefined;
		this.#state = kindInKernel(header.mode) === "symlink" ? "target" : "begin";
		return undefined;
	}

	/** Throws a fault, or tells it and passes over what the kernel does: the data, from so many bytes behind this on. */
	#fault(fault: CpioFault, toData = 0): CpioEvent {
		if (!this.#lenient) throw fault.error;
		if (fault.kernel !== "takes") {
			const { filesize } = this.#header as CpioHeader;
			this.#left = toData + alignUp(filesize, alignment);
			this.#state = "skip";
		}
		return { type: "fault", fault };
	}

	#begin(): CpioEvent {
		const header = this.#header as CpioHeader;
		const target = this.#target;
		// The header becomes the entry: nobody else has it, and copying thirteen fields costs more than all else here.
		const entry = header as { -readonly [K in keyof ParsedEntry]: ParsedEntry[K] };
		entry.format = this.#format;
		entry.kind = kindInKernel(header.mode) as EntryKind;
		entry.name = this.#name;
		entry.target = target;
		entry.offset = this.#place.offset;
		entry.dataOffset = this.#place.offset + this.#lead;
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
			const told = `data does not match its checksum (${showBytes(entry.name)})`;
			throw this.#error("CPIO_CHECKSUM", told, {
				...fieldPlace("check", entry),
				expected: said,
				found,
			});
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
			throw noTrailer({ where: this.#where, offset: this.offset }).error;
		}
		// A magic that is there in full is the better explanation of a stub.
		if (field === "header" && this.#heldSize >= magicSize) {
			readMagic(this.#held, this.#place);
		}
		const inside = this.#name.length > 0 && field !== "header" && field !== "name";
		throw this.#error(
			"CPIO_TRUNCATED",
			`input ends within ${inside ? `the ${field} of ${showBytes(this.#name)}` : field === "data" ? "an entry" : `a ${field}`}`,
			{
				offset: this.offset,
				field,
				expected: `${length === undefined ? this.#left : length - this.#heldSize} more bytes`,
				found: "the end of the input",
			},
		);
	}

	#error(code: CpioCode, summary: string, details: ErrorDetails): EkexecError<CpioCode> {
		return new EkexecError("check", code, summary, { where: this.#where, ...details });
	}
}
