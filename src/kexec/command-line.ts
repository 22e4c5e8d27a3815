// Kernel command lines: words, quoted as the kernel's own parser reads them (lib/cmdline.c next_arg).
import { concat, EkexecError, utf8 } from "../bytes/index.ts";
import type { HelperCode } from "./contract.ts";

/** One word: `name`, or `name=value`. */
export interface Parameter {
	readonly name: string;
	/** Undefined where the word has no `=`. */
	readonly value?: string;
}

/**
 * Words of a command line. Double quotes keep blanks within a word and are taken off where they enclose the word or
 * its value; there is no escape for the quote itself. What follows `--` is for init and comes as words too.
 */
export function parseCommandLine(line: string): Parameter[] {
	const words: Parameter[] = [];
	let word = "";
	let quoted = false;
	for (const letter of `${line} `) {
		if (letter === '"') quoted = !quoted;
		// The kernel's isspace() knows these and the no-break space of Latin-1, which UTF-8 never shows alone.
		if (!quoted && /[ \t\n\v\f\r]/.test(letter)) {
			if (word !== "") words.push(parameterOf(word));
			word = "";
		} else {
			word += letter;
		}
	}
	if (word.trim() !== "") words.push(parameterOf(word.trimEnd()));
	return words;
}

function parameterOf(word: string): Parameter {
	const whole = word.startsWith('"') ? unquote(word) : word;
	const equals = whole.indexOf("=");
	if (equals <= 0) return { name: whole };
	return { name: whole.slice(0, equals), value: unquote(whole.slice(equals + 1)) };
}

/** Takes off an opening quote and, if there is one, the closing one, as the kernel does. */
function unquote(text: string): string {
	if (!text.startsWith('"')) return text;
	return text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text.slice(1);
}

/** One command line of these words. Throws `HELPER_RANGE` where a word cannot be said: quotes, NUL, line feeds. */
export function formatCommandLine(parameters: readonly Parameter[]): string {
	return parameters.map(formatParameter).join(" ");
}

function formatParameter({ name, value }: Parameter): string {
	const word = value === undefined ? name : `${name}=${value}`;
	if (name === "" || /["\0\n\r\v\f]/.test(word) || (value !== undefined && name.includes("="))) {
		throw new EkexecError<HelperCode>(
			"usage",
			"HELPER_RANGE",
			"this cannot be said on a kernel command line",
			{
				field: name,
				found: JSON.stringify(word),
			},
		);
	}
	if (!/[ \t]/.test(word)) return word;
	return value === undefined || /[ \t]/.test(name) ? `"${word}"` : `${name}="${value}"`;
}

/** Parameters that may stand several times, each with its own meaning. */
const repeated = new Set([
	"console",
	"earlycon",
	"module_blacklist",
	"dyndbg",
	"systemd.mask",
	"systemd.wants",
]);

/**
 * `base` with the words of `changes`: one that `base` has with another value is replaced where it stands (the last of
 * several; the others go), a new one is added at the end, and before a `--`. Repeatable ones (`console`) are added unless they stand there.
 */
export function mergeCommandLine(
	base: readonly Parameter[],
	changes: readonly Parameter[],
): Parameter[] {
	const split = base.findIndex((word) => word.name === "--");
	const head = split < 0 ? [...base] : base.slice(0, split);
	const tail = split < 0 ? [] : base.slice(split);
	for (const change of changes) {
		// The kernel takes - and _ in names for the same.
		const same = (word: Parameter) =>
			word.name.replaceAll("-", "_") === change.name.replaceAll("-", "_");
		if (repeated.has(change.name)) {
			if (!head.some((word) => same(word) && word.value === change.value)) head.push(change);
			continue;
		}
		const last = head.findLastIndex(same);
		if (last < 0) {
			head.push(change);
			continue;
		}
		head[last] = change;
		for (let at = last - 1; at >= 0; at--) {
			const word = head[at];
			if (word !== undefined && same(word)) head.splice(at, 1);
		}
	}
	return [...head, ...tail];
}

/** A command line as kexec takes it: its bytes and a NUL. Throws `HELPER_RANGE` where it holds one itself. */
export function commandLineBytes(commandLine: string): Uint8Array {
	const bytes = utf8(commandLine);
	if (bytes.includes(0)) {
		throw new EkexecError<HelperCode>("usage", "HELPER_RANGE", "a kernel command line holds a NUL");
	}
	return concat([bytes, Uint8Array.of(0)]);
}
