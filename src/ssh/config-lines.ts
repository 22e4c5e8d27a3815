import { sshError } from "./error.ts";

/** One line of ssh_config with something on it. */
export interface ConfigLine {
	readonly file: string;
	/** Counted from 1. */
	readonly number: number;
	/** Keyword in lower case. */
	readonly word: string;
	/** Keyword as written. */
	readonly written: string;
	/** Everything after the keyword and its separator, for words whose value is a command. */
	readonly rest: string;
	/** The arguments, quotes resolved, up to a comment. */
	readonly values: readonly string[];
}

/** An ssh_config that someone wrote by hand has no more; longer input is no configuration. */
const maxFile = 4 * 1024 * 1024;

/** Words whose value goes to a shell as it stands. */
const commands = new Set(["proxycommand", "localcommand", "remotecommand", "knownhostscommand"]);

/**
 * The lines of an ssh_config(5) file. The `ssh-config` package is not used for this: it takes no single quotes,
 * cuts values at any `#`, joins the blanks of commands, loses repeated Match criteria, and knows no Include.
 */
export function parseConfigLines(text: string, file: string): ConfigLine[] {
	if (text.length > maxFile) {
		throw sshError("SSH_CONFIG", "too long for an ssh_config", { where: file });
	}
	const lines: ConfigLine[] = [];
	for (const [index, raw] of text.split("\n").entries()) {
		const line = parseConfigLine(raw, file, index + 1);
		if (line !== undefined) lines.push(line);
	}
	return lines;
}

/** One line, or undefined for an empty one or a comment. Also the form of `-o`. */
export function parseConfigLine(raw: string, file: string, number: number): ConfigLine | undefined {
	const line = raw.replace(/[ \t\r\f]+$/, "").replace(/^[ \t]+/, "");
	if (line === "" || line.startsWith("#")) return undefined;
	const match = /^(?:"([^"]+)"|([^\s"=]+))(?:[ \t]*=[ \t]*|[ \t]+|$)/.exec(line);
	if (!match) throw bad("a keyword and its value", file, number, line);
	const written = match[1] ?? match[2] ?? "";
	const word = written.toLowerCase();
	const rest = line.slice(match[0].length);
	const values = commands.has(word) ? [rest] : splitArguments(rest);
	if (values === undefined) throw bad("balanced quotes", file, number, line);
	return { file, number, word, written, rest, values };
}

/**
 * Splits as ssh's argv_split does: blanks separate; '…' and "…" quote; a backslash keeps a quote or another
 * backslash, and outside quotes a blank; `#` at the start of a word ends the line. Undefined if a quote stays open.
 */
export function splitArguments(text: string): string[] | undefined {
	const words: string[] = [];
	let at = 0;
	while (at < text.length) {
		if (text[at] === " " || text[at] === "\t") {
			at++;
			continue;
		}
		if (text[at] === "#") break;
		let word = "";
		let quote = "";
		for (; at < text.length; at++) {
			const char = text[at] ?? "";
			const next = text[at + 1] ?? "";
			if (
				char === "\\" &&
				next !== "" &&
				(`'"\\`.includes(next) || (quote === "" && next === " "))
			) {
				word += next;
				at++;
			} else if (quote === "" && (char === " " || char === "\t")) break;
			else if (quote === "" && (char === '"' || char === "'")) quote = char;
			else if (quote !== "" && char === quote) quote = "";
			else word += char;
		}
		if (quote !== "") return undefined;
		words.push(word);
	}
	return words;
}

function bad(expected: string, file: string, number: number, found: string): Error {
	return sshError("SSH_CONFIG", "cannot be read as ssh_config", {
		where: `${file}:${number}`,
		expected,
		found: JSON.stringify(found),
	});
}
