/**
 * Whose fault an error is, and with it the exit code of the process.
 *
 * | kind | exit | meaning |
 * | --- | --- | --- |
 * | `check` | 1 | a check or comparison failed; the input is not what it should be |
 * | `usage` | 2 | the arguments, or a file they name, cannot be used |
 * | `refused` | 3 | refused, and nothing was changed |
 * | `failed` | 4 | the environment failed before anything irreversible; the target is as it was |
 * | `unproven` | 5 | jumped into the new kernel, but success could not be proven |
 * | `bug` | 70 | a fault of ekexec itself (EX_SOFTWARE of sysexits.h) |
 */
export type ErrorKind = "check" | "usage" | "refused" | "failed" | "unproven" | "bug";

const exitCodes: Readonly<Record<ErrorKind, number>> = {
	check: 1,
	usage: 2,
	refused: 3,
	failed: 4,
	unproven: 5,
	bug: 70,
};

/** What an error can say beyond its sentence. Offsets and sizes are in bytes. */
export interface ErrorDetails {
	/** File, host, archive or stream the error is about. */
	readonly where?: string | undefined;
	/** Offset in `where` at which the offending thing begins. */
	readonly offset?: number | bigint | undefined;
	/** Field, entry or option at fault. */
	readonly field?: string | undefined;
	readonly expected?: string | undefined;
	readonly found?: string | undefined;
	/** What the reader can do about it. */
	readonly remedy?: string | undefined;
	readonly cause?: unknown;
}

/**
 * The one error class of ekexec. `code` is from a closed set that each room declares; classify by it,
 * never by the text. The message is complete in itself: sentence, place, expectation, finding, remedy.
 */
export class EkexecError<Code extends string = string> extends Error {
	override readonly name = "EkexecError";
	readonly kind: ErrorKind;
	readonly code: Code;
	/** The bare sentence, without place and remedy. */
	readonly summary: string;
	readonly details: ErrorDetails;

	constructor(kind: ErrorKind, code: Code, summary: string, details: ErrorDetails = {}) {
		super(
			compose(summary, details),
			details.cause === undefined ? undefined : { cause: details.cause },
		);
		this.kind = kind;
		this.code = code;
		this.summary = summary;
		this.details = details;
	}

	get exitCode(): number {
		return exitCodes[this.kind];
	}

	/** The same error, told with what only a caller further out knows (usually the file's name). */
	with(details: ErrorDetails): EkexecError<Code> {
		const known = Object.entries(this.details).filter(([, value]) => value !== undefined);
		const told = new EkexecError(this.kind, this.code, this.summary, {
			...details,
			...Object.fromEntries(known),
		});
		// Where it was found out is of use, not where it was told on.
		if (this.stack !== undefined) {
			told.stack = this.stack.replace(this.message, () => told.message);
		}
		return told;
	}
}

function compose(summary: string, details: ErrorDetails): string {
	const { where, offset, field, expected, found, remedy } = details;
	const place = [
		where,
		offset === undefined ? undefined : `offset ${offset}`,
		field === undefined ? undefined : `field ${field}`,
	].filter((part) => part !== undefined);
	const parts = [place.length > 0 ? `${place.join(", ")}: ${summary}` : summary];
	if (expected !== undefined) parts.push(`expected ${expected}`);
	if (found !== undefined) parts.push(`found ${found}`);
	const message = parts.join("; ");
	if (remedy === undefined) return message;
	return `${message}${/[.?!]$/.test(message) ? "" : "."} ${remedy}`;
}
