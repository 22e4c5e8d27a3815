import { compressError } from "./errors.ts";
import type { ByteSource } from "./source.ts";

/** Counts unpacked bytes; throws `COMPRESS_LIMIT` as soon as `limit` would be passed, before they are handed on. */
export function outputMeter(source: ByteSource, limit: number): (bytes: number) => void {
	const start = source.offset;
	let total = 0;
	return (bytes) => {
		total += bytes;
		if (total <= limit) return;
		throw compressError("COMPRESS_LIMIT", {
			where: source.where,
			offset: start,
			field: "unpacked size",
			expected: `at most ${limit} bytes`,
			found: `${total} bytes and more to come`,
			remedy: "If the input is trusted, raise the limit.",
		});
	};
}
