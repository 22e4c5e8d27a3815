import { crc32 } from "node:zlib";
import { concat } from "../bytes/index.ts";
import { compressError } from "./errors.ts";
import type { ByteSource } from "./source.ts";

/** RFC 1952, 2.3: ID1 ID2 CM FLG MTIME(4) XFL OS, then what FLG announces. */
const FIXED = 10;
const FHCRC = 0x02;
const FEXTRA = 0x04;
const FNAME = 0x08;
const FCOMMENT = 0x10;
const RESERVED = 0xe0;

/** Longest name or comment taken: PATH_MAX, as no tool writes more. Nothing is kept of either. */
export const MAX_GZIP_TEXT: number = 4096;

/** Consumes a member's header, its own check included. */
export async function skipGzipHeader(source: ByteSource): Promise<void> {
	const start = source.offset;
	const parts: Uint8Array[] = [];
	const take = async (count: number, field: string): Promise<Uint8Array> => {
		const bytes = await source.exactly(count, field);
		parts.push(bytes);
		return bytes;
	};
	const corrupt = (field: string, expected: string, found: string) =>
		compressError("COMPRESS_CORRUPT", {
			where: source.where,
			offset: start,
			field,
			expected,
			found,
		});

	const fixed = await take(FIXED, "gzip header");
	const [id1 = 0, id2 = 0, method = 0, flags = 0] = fixed;
	if (id1 !== 0x1f || (id2 !== 0x8b && id2 !== 0x9e)) {
		throw corrupt("gzip magic", "1f 8b", `${id1.toString(16)} ${id2.toString(16)}`);
	}
	if (method !== 8) throw corrupt("gzip CM", "8 (deflate)", String(method));
	if ((flags & RESERVED) !== 0) {
		throw corrupt("gzip FLG", "reserved bits clear", `0x${flags.toString(16)}`);
	}
	if ((flags & FEXTRA) !== 0) {
		const [low = 0, high = 0] = await take(2, "gzip XLEN");
		await take(low + 256 * high, "gzip extra field");
	}
	for (const [flag, field] of [
		[FNAME, "gzip name"],
		[FCOMMENT, "gzip comment"],
	] as const) {
		if ((flags & flag) === 0) continue;
		for (let end = -1, length = 0; end < 0; ) {
			// One more than may be, for the NUL behind it. At the end of the input `take` says what is missing.
			const bytes = (await source.next(MAX_GZIP_TEXT + 1 - length)) ?? (await take(1, field));
			end = bytes.indexOf(0);
			const text = end < 0 ? bytes : bytes.subarray(0, end + 1);
			parts.push(text);
			length += text.length;
			source.unread(bytes.subarray(text.length));
			if (end < 0 && length > MAX_GZIP_TEXT) {
				throw compressError("COMPRESS_LIMIT", {
					where: source.where,
					offset: start,
					field,
					expected: `at most ${MAX_GZIP_TEXT} bytes`,
				});
			}
		}
	}
	if ((flags & FHCRC) !== 0) {
		const computed = crc32(concat(parts)) % 65536;
		const [low = 0, high = 0] = await source.exactly(2, "gzip header CRC");
		if (low + 256 * high !== computed) {
			throw compressError("COMPRESS_CHECKSUM", {
				where: source.where,
				offset: start,
				field: "gzip header CRC",
				expected: computed.toString(16),
				found: (low + 256 * high).toString(16),
			});
		}
	}
}
