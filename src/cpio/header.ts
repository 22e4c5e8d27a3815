import { EkexecError, startsWith } from "../bytes/index.ts";
import type { CpioCode } from "./codes.ts";

// Linux, Documentation/driver-api/early-userspace/buffer-format.rst, "cpio_header": a magic of 6 characters,
// then 13 fields of 8 hexadecimal digits each.

/** Fields of a header in the order of the wire. */
export const headerFields = [
	"ino",
	"mode",
	"uid",
	"gid",
	"nlink",
	"mtime",
	"filesize",
	"devmajor",
	"devminor",
	"rdevmajor",
	"rdevminor",
	"namesize",
	"check",
] as const;

export type HeaderField = (typeof headerFields)[number];

/** The numbers of one header, as they stand in the archive. */
export type CpioHeader = Readonly<Record<HeaderField, number>>;

/** `newc` is 070701; `crc` is 070702, whose `check` is the 32-bit sum of the data's bytes. */
export type CpioFormat = "newc" | "crc";

export const magicSize = 6;
export const headerSize = 110;
/** Headers and data begin at multiples of this. */
export const alignment = 4;
/** PATH_MAX of Linux: `namesize` (with its NUL) and the body of a symlink may not exceed it. */
export const pathMax = 4096;
/** NAME_MAX of Linux (include/uapi/linux/limits.h): what lies between two slashes of a path has at most so many bytes. */
export const nameMax = 255;
/** `filesize` has 32 bits. */
export const maxFileSize = 0xffff_ffff;
export const trailerName = "TRAILER!!!";

/** What both magics begin with. */
const newcStem = Uint8Array.from("07070", (digit) => digit.charCodeAt(0));
const digits = Uint8Array.from("0123456789abcdef", (digit) => digit.charCodeAt(0));
const invalid = 255;
const values = new Uint8Array(256).fill(invalid);
for (let value = 0; value < 16; value++) {
	values[digits[value] ?? 0] = value;
	values["0123456789ABCDEF".charCodeAt(value)] = value;
}

/** Writes the 110 bytes of a header at `at`. Every value must be an integer from 0 to 2^32 − 1. */
export function putHeader(
	out: Uint8Array,
	at: number,
	format: CpioFormat,
	header: CpioHeader,
): void {
	// All digits are 0 at first; most stay so.
	out.fill(0x30, at, at + headerSize);
	out[at + 1] = out[at + 3] = 0x37;
	out[at + 5] = format === "newc" ? 0x31 : 0x32;
	let end = at + magicSize;
	for (const field of headerFields) {
		end += 8;
		for (let value = header[field], digit = end - 1; value > 0; digit--) {
			out[digit] = digits[value % 16] ?? 0;
			value = Math.floor(value / 16);
		}
	}
}

/** Where an error about a header lies. */
export interface HeaderPlace {
	readonly where?: string | undefined;
	/** Offset of the header in `where`. */
	readonly offset: number;
}

/** Which format a magic says, or an error that names the formats which are not newc. */
export function readMagic(bytes: Uint8Array, place: HeaderPlace): CpioFormat {
	const shared = bytes.length >= magicSize && startsWith(bytes, newcStem);
	if (shared && bytes[5] === 0x31) return "newc";
	if (shared && bytes[5] === 0x32) return "crc";
	const magic = String.fromCharCode(...bytes.subarray(0, magicSize));
	const found = [...bytes.subarray(0, magicSize)]
		.map((byte) => byte.toString(16).padStart(2, "0"))
		.join(" ");
	const odc = magic === "070707";
	throw new EkexecError<CpioCode>("check", "CPIO_MAGIC", "no newc header where one must be", {
		...place,
		field: "magic",
		expected: "070701 or 070702",
		found: odc ? "070707 (the old portable format, odc)" : `bytes ${found}`,
		...(odc ? { remedy: "Linux reads newc only; make the archive with cpio -H newc." } : {}),
	});
}

/** The fields of the 110 bytes at the start of `bytes`; strictly eight hexadecimal digits each, as new kernels insist. */
export function readHeader(bytes: Uint8Array, place: HeaderPlace): CpioHeader {
	const value = (index: number): number => {
		let sum = 0;
		const start = magicSize + 8 * index;
		for (let at = start; at < start + 8; at++) {
			const digit = values[bytes[at] ?? 0] ?? invalid;
			if (digit === invalid) throw badDigits(bytes, headerFields[index] ?? "check", place);
			sum = sum * 16 + digit;
		}
		return sum;
	};
	// In so many words: an object that is built by computed names is many times slower to make and to copy.
	return {
		ino: value(0),
		mode: value(1),
		uid: value(2),
		gid: value(3),
		nlink: value(4),
		mtime: value(5),
		filesize: value(6),
		devmajor: value(7),
		devminor: value(8),
		rdevmajor: value(9),
		rdevminor: value(10),
		namesize: value(11),
		check: value(12),
	};
}

function badDigits(
	bytes: Uint8Array,
	field: HeaderField,
	place: HeaderPlace,
): EkexecError<CpioCode> {
	const start = magicSize + 8 * headerFields.indexOf(field);
	const shown = [...bytes.subarray(start, start + 8)]
		.map((byte) =>
			byte > 0x20 && byte < 0x7f
				? String.fromCharCode(byte)
				: `\\x${byte.toString(16).padStart(2, "0")}`,
		)
		.join("");
	return new EkexecError("check", "CPIO_HEX", "damaged header", {
		where: place.where,
		offset: place.offset + start,
		field,
		expected: "8 hexadecimal digits",
		found: `"${shown}"`,
	});
}
