import { EkexecError } from "../bytes/error.ts";
import { printable, wrap } from "../bytes/text.ts";
import { sentenceOf } from "../initrd/reasons.ts";

/** Columns in front of what stands on a line of its own. */
const margin = 12;

/** An error for a person at a terminal: a sentence, then a line for each thing it knows. No `\n` at the end. */
export function showError(error: EkexecError, columns: number, colour: boolean): string {
	const paint = (text: string, parameter: number) =>
		colour ? `\u001b[${parameter}m${text}\u001b[0m` : text;
	const { where, offset, field, expected, found, remedy } = error.details;
	const rows: [string, string | undefined][] = [
		["where", offset === undefined ? where : `${where ?? "input"}, offset ${offset}`],
		["field", field],
		["expected", expected],
		// Several things are said with `; ` between: refusals, places that were tried.
		["found", found?.replaceAll("; ", "\n")],
		["to do", remedy],
	];
	const lines = [`ekexec: ${paint(printable(error.summary), 1)}`];
	for (const [name, value] of rows) {
		if (value === undefined || value === "") continue;
		lines.push(
			`  ${paint(name, 36)}${" ".repeat(margin - 2 - name.length)}${wrap(printable(value), columns, margin)}`,
		);
	}
	return lines.join("\n");
}

/** What the system says of a file, in words. */
export function reason(error: unknown): string {
	const { code, message } = error as NodeJS.ErrnoException;
	const sentence = sentenceOf(code);
	if (sentence === undefined) return code ?? message;
	return `${sentence.charAt(0).toLowerCase()}${sentence.slice(1, -1)} (${code})`;
}

/** What only files and devices say: known as theirs without a path, which writing to an open file does not tell. */
const ofFiles = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS"]);

/** An error of a file that nobody told in words: the environment's fault, and no bug of ekexec. */
export function asFileError(error: unknown): EkexecError | undefined {
	const { code, syscall, path } = error as NodeJS.ErrnoException;
	if (!(error instanceof Error) || code === undefined) return undefined;
	if (path === undefined && !ofFiles.has(code)) return undefined;
	return new EkexecError("failed", "CLI_FILE", "a file cannot be used", {
		where: path,
		found: `${reason(error)}${syscall === undefined ? "" : `, at ${syscall}`}`,
		cause: error,
	});
}
