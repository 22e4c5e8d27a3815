import { EkexecError, type ErrorDetails, showBytes } from "../bytes/index.ts";
import type { CpioCode } from "./codes.ts";
import {
	type CpioHeader,
	type HeaderField,
	type HeaderPlace,
	headerFields,
	headerSize,
	magicSize,
	pathMax,
	trailerName,
} from "./header.ts";
import { type EntryKind, kindOf } from "./mode.ts";

/**
 * What Linux makes of a faulty entry (init/initramfs.c), saying nothing of it: passes over it (`skips`); removes what has
 * its name and makes nothing of use (`removes`); takes it as far as it understands it (`takes`); or takes the archive as
 * over before it (`ends`). Then it unpacks what comes behind; of a compressed stream not always, for where the header of
 * something skipped lies across two pieces of the decompressor's output it is taken for the next header as well
 * (do_collect() has left GotHeader for do_skip()).
 */
export type KernelsWay = "skips" | "removes" | "takes" | "ends";

/** Something that no archive should hold, at which Linux goes on all the same. */
export interface CpioFault {
	/** The error's. */
	readonly code: CpioCode;
	/** What a strict parser throws for it, the entry named. Made anew each time that it is asked for. */
	readonly error: EkexecError<CpioCode>;
	/** What is wrong, with what was expected and found; neither place nor name. */
	readonly summary: string;
	readonly kernel: KernelsWay;
	/** Offset of the entry's header, or of where one should be; counted as the parser's `offset` option says. */
	readonly offset: number;
	/** The entry's; empty where there is none that could be read. */
	readonly name: Uint8Array;
}

/** The entry that is looked at. */
export interface FaultPlace extends HeaderPlace {
	readonly name: Uint8Array;
}

/** Of an entry whose name is not known. */
export const unnamed: Uint8Array = new Uint8Array(0);

/** What is wrong with a header so that its name is not even read: do_header(), name_len. */
export function headerFault(header: CpioHeader, place: HeaderPlace): CpioFault | undefined {
	const { namesize } = header;
	if (namesize > 0 && namesize <= pathMax) return undefined;
	return faultOf(
		"skips",
		"CPIO_SIZE",
		"name has no possible size",
		{ ...place, name: unnamed },
		{
			...fieldPlace("namesize", place),
			expected: `1 to ${pathMax}`,
			found: String(namesize),
		},
	);
}

/**
 * What is wrong with the `namesize` bytes of a name other than that they are a name and one NUL, at `end`. A name is over at
 * its first NUL; what stands behind that, other than NULs, no kernel sees. Throws `CPIO_NAME` where the last byte is no NUL:
 * newer kernels end there ("malformed archive"), older ones read on.
 */
export function nameFault(
	bytes: Uint8Array,
	namesize: number,
	end: number,
	place: HeaderPlace,
): CpioFault | undefined {
	const offset = place.offset + headerSize;
	if (end === -1 || end >= namesize) {
		throw new EkexecError<CpioCode>("check", "CPIO_NAME", "name is not terminated", {
			where: place.where,
			offset,
			field: "name",
			expected: `a NUL within ${namesize} bytes`,
			found: showBytes(bytes.subarray(0, Math.min(namesize, 64))),
		});
	}
	const name = new Uint8Array(bytes.subarray(0, end));
	const fault = (kernel: KernelsWay, summary: string, details: ErrorDetails) =>
		faultOf(kernel, "CPIO_NAME", summary, { ...place, name }, { field: "name", ...details });
	// A directory's owner and mode may go to the root from Linux 5.9 on: init_chown() and init_chmod() take "" for where they are.
	if (end === 0) return fault("skips", "name is empty", { offset });
	for (let i = end + 1; i < namesize; i++) {
		if (bytes[i] === 0) continue;
		const hidden = fault("takes", "something is hidden behind the name's NUL", {
			offset: offset + i,
			expected: "only NULs",
			found: `byte 0x${(bytes[i] ?? 0).toString(16).padStart(2, "0")}`,
		});
		if (bytes[namesize - 1] !== 0) throw hidden.error;
		return hidden;
	}
	return undefined;
}

/** What is wrong with an entry once its name is known. Throws for a trailer with data, of which kernels and programs differ. */
export function entryFault(
	header: CpioHeader,
	name: Uint8Array,
	place: HeaderPlace,
): CpioFault | undefined {
	const { filesize, mode } = header;
	const kind = kindOf(mode);
	const right = isTrailer(name, mode) ? filesize === 0 : kind !== undefined && fits(filesize, kind);
	// All that an error needs is made only then: this is done for every entry.
	return right ? undefined : wrongEntry(header, kind, { ...place, name });
}

/** Whether the entries of a kind can have so much data: do_header(), body_len. */
function fits(filesize: number, kind: EntryKind): boolean {
	if (kind === "file") return true;
	return kind === "symlink" ? filesize > 0 && filesize <= pathMax : filesize === 0;
}

function wrongEntry(
	{ filesize, mode }: CpioHeader,
	kind: EntryKind | undefined,
	place: FaultPlace,
): CpioFault {
	const size = { ...fieldPlace("filesize", place), expected: "0", found: String(filesize) };
	if (isTrailer(place.name, mode)) throw errorOf("CPIO_SIZE", "trailer has data", place, size);
	const wrongSize = (kernel: KernelsWay, summary: string, expected = size.expected) =>
		faultOf(kernel, "CPIO_SIZE", summary, place, { ...size, expected });
	if (kind === "symlink") {
		// do_symlink() has removed what stood there by then; an empty target is refused before Linux 5.9 and leads nowhere since.
		const kernel = filesize === 0 ? "removes" : "skips";
		return wrongSize(kernel, "symlink target has no possible size", `1 to ${pathMax}`);
	}
	if (kind !== undefined) {
		const device = kind === "character" || kind === "block" ? " device" : "";
		return wrongSize("skips", `a ${kind}${device} has data`);
	}
	// do_name() has removed what is of another type by then.
	const nothing = filesize > 0 ? "skips" : "removes";
	const kernel = kindInKernel(mode) === undefined ? nothing : "takes";
	return faultOf(kernel, "CPIO_MODE", "type of the entry is unknown", place, {
		...fieldPlace("mode", place),
		expected: "a type of inode(7)",
		found: `0${mode.toString(8)}`,
	});
}

/** Linux keeps 16 bits of the mode (umode_t). */
export function kindInKernel(mode: number): EntryKind | undefined {
	return kindOf(mode % 0x1_0000);
}

/**
 * What is wrong with a symlink's target, of `size` bytes from `offset` on, that holds a NUL, the first of them `nul`, or none
 * (-1) within PATH_MAX. For a kernel it is over at the NUL. Where then nothing is left, or more than a path may have, no
 * symlink of use comes about; do_symlink() has removed what stood there by then.
 */
export function targetFault(
	size: number,
	nul: number,
	offset: number,
	place: FaultPlace,
): CpioFault {
	const expected = `1 to ${pathMax - 1} bytes`;
	const fault = (kernel: KernelsWay, summary: string, details: ErrorDetails) =>
		faultOf(kernel, "CPIO_NAME", summary, place, { offset, field: "target", ...details });
	if (nul === 0) return fault("removes", "symlink target begins with a NUL", { expected });
	if (nul > 0) return fault("takes", "symlink target holds a NUL", { offset: offset + nul });
	return fault("removes", "symlink target is too long", { expected, found: `${size} without NUL` });
}

/** The archive is over, but has no trailer, which Documentation/driver-api/early-userspace/buffer-format.rst leaves open. */
export function noTrailer(place: HeaderPlace, found = "the end of the input"): CpioFault {
	return faultOf(
		"ends",
		"CPIO_NO_TRAILER",
		"archive has no trailer",
		{ ...place, name: unnamed },
		{
			expected: `another entry or ${trailerName}`,
			found,
		},
	);
}

/** NULs where an entry must be. A kernel passes over them, but so looks a file of which the rest never reached the disk. */
export function nulsInside(place: HeaderPlace): CpioFault {
	const details = { field: "magic", expected: `another entry or ${trailerName}`, found: "NULs" };
	const summary = "no newc header where one must be";
	return faultOf("ends", "CPIO_MAGIC", summary, { ...place, name: unnamed }, details);
}

/** Whether an entry ends the archive. A symlink never does: do_header() has gone another way before do_name() looks. */
export function isTrailer(name: Uint8Array, mode: number): boolean {
	if (name.length !== trailerName.length) return false;
	for (let i = 0; i < name.length; i++) if (name[i] !== trailerName.charCodeAt(i)) return false;
	return kindInKernel(mode) !== "symlink";
}

/** Where a field of a header lies. */
export function fieldPlace(field: HeaderField, place: HeaderPlace): ErrorDetails {
	return { field, offset: place.offset + magicSize + 8 * headerFields.indexOf(field) };
}

function errorOf(
	code: CpioCode,
	sentence: string,
	{ where, offset, name }: FaultPlace,
	details: ErrorDetails,
): EkexecError<CpioCode> {
	const told = name.length > 0 ? `${sentence} (${showBytes(name)})` : sentence;
	return new EkexecError("check", code, told, { where, offset, ...details });
}

function faultOf(
	kernel: KernelsWay,
	code: CpioCode,
	sentence: string,
	place: FaultPlace,
	details: ErrorDetails,
): CpioFault {
	const { expected, found } = details;
	return {
		code,
		// An archive can hold a million faults, and an error, with its stack, costs more than all else of one.
		get error() {
			return errorOf(code, sentence, place, details);
		},
		summary: [
			sentence,
			...(expected === undefined ? [] : [`expected ${expected}`]),
			...(found === undefined ? [] : [`found ${found}`]),
		].join("; "),
		kernel,
		offset: place.offset,
		name: place.name,
	};
}
