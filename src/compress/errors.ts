import { availableParallelism } from "node:os";
import { EkexecError, type ErrorDetails } from "../bytes/index.ts";

/**
 * Everything this room can complain about.
 *
 * - `COMPRESS_TRUNCATED`: the input ends within a stream
 * - `COMPRESS_CORRUPT`: the stream breaks its own format
 * - `COMPRESS_CHECKSUM`: the format is kept, the content does not match its check (of gzip and zstd: liblzma does not
 *   tell, so that for xz it is `COMPRESS_CORRUPT`)
 * - `COMPRESS_LIMIT`: a cap of the caller's (or the named default) would be passed
 * - `COMPRESS_UNSUPPORTED`: a valid stream, or a wish, that this program cannot serve
 * - `COMPRESS_UNKNOWN`: no format has this magic
 * - `COMPRESS_TRAILING`: something else follows the last stream
 * - `COMPRESS_OPTION`: an option out of its range
 */
export type CompressCode =
	| "COMPRESS_TRUNCATED"
	| "COMPRESS_CORRUPT"
	| "COMPRESS_CHECKSUM"
	| "COMPRESS_LIMIT"
	| "COMPRESS_UNSUPPORTED"
	| "COMPRESS_UNKNOWN"
	| "COMPRESS_TRAILING"
	| "COMPRESS_OPTION";

export type CompressError = EkexecError<CompressCode>;

const summaries = {
	COMPRESS_TRUNCATED: "compressed stream ends too early",
	COMPRESS_CORRUPT: "compressed stream is corrupt",
	COMPRESS_CHECKSUM: "content does not match its checksum",
	COMPRESS_LIMIT: "compressed stream asks for more than is allowed",
	COMPRESS_UNSUPPORTED: "compressed stream cannot be read",
	COMPRESS_UNKNOWN: "not a compression format that ekexec knows",
	COMPRESS_TRAILING: "something else follows the compressed stream",
	COMPRESS_OPTION: "option out of range",
} as const satisfies Record<CompressCode, string>;

/** An error of this room about an input. `summary` only where the usual sentence of the code would mislead. */
export function compressError(
	code: CompressCode,
	details: ErrorDetails,
	summary: string = summaries[code],
): CompressError {
	return new EkexecError(code === "COMPRESS_OPTION" ? "usage" : "check", code, summary, details);
}

/** An option as an integer within its range, or the usage error that says so. */
export function integerOption(
	field: string,
	value: number | undefined,
	fallback: number,
	low: number,
	high: number,
): number {
	const number = value ?? fallback;
	if (!Number.isSafeInteger(number) || number < low || number > high) {
		throw compressError("COMPRESS_OPTION", {
			field,
			expected: `an integer from ${low} to ${high}`,
			found: String(number),
		});
	}
	return number;
}

/** How many threads to work on: as many as the machine has cores unless told, `most` at most. */
export function threadsOption(threads: number | undefined, most: number): number {
	return integerOption("threads", threads, Math.min(availableParallelism(), most), 1, most);
}
