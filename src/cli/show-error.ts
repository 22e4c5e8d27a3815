import type { EkexecError } from "../bytes/error.ts";
import { wrap } from "../bytes/text.ts";

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
		["found", found],
		["to do", remedy],
	];
	const lines = [`ekexec: ${paint(error.summary, 1)}`];
	for (const [name, value] of rows) {
		if (value === undefined || value === "") continue;
		lines.push(
			`  ${paint(name, 36)}${" ".repeat(margin - 2 - name.length)}${wrap(value, columns, margin)}`,
		);
	}
	return lines.join("\n");
}
