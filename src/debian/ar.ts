import { open } from "node:fs/promises";
import { Cursor, text } from "../bytes/index.ts";
import { debianError } from "./error.ts";

/** Bytes that can be read at any place: a file, or an array. */
export interface Region {
	readonly where: string;
	readonly size: number;
	/** Exactly `length` bytes from `offset`. */
	read(offset: number, length: number): Promise<Uint8Array>;
	close(): Promise<void>;
}

/** Opens a file, or wraps bytes. */
export async function openRegion(input: string | Uint8Array, where?: string): Promise<Region> {
	if (typeof input !== "string") {
		return {
			where: where ?? "package",
			size: input.length,
			async read(offset, length) {
				return input.subarray(offset, offset + length);
			},
			async close() {},
		};
	}
	const file = await open(input, "r");
	const { size } = await file.stat();
	return {
		where: where ?? input,
		size,
		async read(offset, length) {
			const bytes = new Uint8Array(length);
			let filled = 0;
			while (filled < length) {
				const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
				if (bytesRead === 0)
					throw damaged(where ?? input, offset + filled, "more bytes", "the end");
				filled += bytesRead;
			}
			return bytes;
		},
		close: () => file.close(),
	};
}

/** A member of an ar archive: where its bytes are. */
export interface ArMember {
	readonly name: string;
	readonly offset: number;
	readonly size: number;
}

// ar.h: ar_name[16] ar_date[12] ar_uid[6] ar_gid[6] ar_mode[8] ar_size[10] ar_fmag[2] = "`\n"
const headerSize = 60;
const magic = "!<arch>\n";
/** deb(5) knows three members and lets others come after them. */
const membersMax = 64;

/** The members of an ar archive of plain (short) names, as deb(5) prescribes. */
export async function readAr(region: Region): Promise<ArMember[]> {
	const { where, size } = region;
	const head = size >= magic.length ? text(await region.read(0, magic.length)) : "";
	if (head !== magic) throw damaged(where, 0, JSON.stringify(magic), JSON.stringify(head));
	const members: ArMember[] = [];
	for (let at = magic.length; at < size; ) {
		if (members.length === membersMax) throw damaged(where, at, `${membersMax} members`, "more");
		if (at + headerSize > size) throw damaged(where, at, "a header of 60 bytes", `${size - at}`);
		const cursor = new Cursor(await region.read(at, headerSize), { where, base: at });
		// GNU ar ends a name with a slash, the others with blanks.
		const name = text(cursor.take(16, "ar_name")).trimEnd().replace(/\/$/, "");
		cursor.skip(12 + 6 + 6 + 8, "ar_date");
		const digits = text(cursor.take(10, "ar_size")).trimEnd();
		const end = text(cursor.take(2, "ar_fmag"));
		if (!/^\d+$/.test(digits) || end !== "`\n" || name === "") {
			throw damaged(where, at, "a member's header", JSON.stringify(name + digits + end));
		}
		const length = Number(digits);
		const offset = at + headerSize;
		if (length > size - offset) throw damaged(where, at, `${length} bytes`, `${size - offset}`);
		members.push({ name, offset, size: length });
		at = offset + length + (length % 2);
	}
	return members;
}

/** The bytes of a member in pieces. */
export async function* streamMember(
	region: Region,
	{ offset, size }: ArMember,
): AsyncGenerator<Uint8Array> {
	const piece = 1 << 20;
	for (let at = 0; at < size; at += piece) {
		yield await region.read(offset + at, Math.min(piece, size - at));
	}
}

function damaged(where: string, offset: number, expected: string, found: string): Error {
	return debianError("check", "DEBIAN_ARCHIVE", "not an ar archive", {
		where,
		offset,
		expected,
		found,
	});
}
