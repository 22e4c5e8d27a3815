// Text crosses into bytes only here. File names and host data stay bytes; these are for showing and for literals.

// TextEncoder and TextDecoder exist wherever ekexec runs but belong to no ECMAScript library of TypeScript.
declare const TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
declare const TextDecoder: new (
	label: string,
	options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const lossy = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
	return encoder.encode(text);
}

/** Bytes as text, with U+FFFD for what is no UTF-8. For data that must survive, use {@link showBytes}. */
export function text(bytes: Uint8Array): string {
	return lossy.decode(bytes);
}

/**
 * Bytes as text that can be printed and turned back by {@link parseShown}: UTF-8 where it is valid,
 * `\xNN` for control characters and for bytes that are no UTF-8, `\\` for a backslash.
 */
export function showBytes(bytes: Uint8Array): string {
	let whole: string | undefined;
	try {
		whole = strict.decode(bytes);
	} catch {
		whole = undefined;
	}
	if (whole !== undefined) return escapeControls(whole);
	let shown = "";
	for (let at = 0; at < bytes.length; ) {
		const length = sequenceLength(bytes, at);
		if (length === 0) {
			shown += hexEscape(bytes[at] ?? 0);
			at += 1;
		} else {
			shown += escapeControls(strict.decode(bytes.subarray(at, at + length)));
			at += length;
		}
	}
	return shown;
}

/** The bytes that {@link showBytes} made this text from. */
export function parseShown(shown: string): Uint8Array {
	const parts: number[] = [];
	const pattern = /\\x([0-9a-fA-F]{2})|\\\\|[^\\]+|\\/g;
	for (const match of shown.matchAll(pattern)) {
		if (match[1] !== undefined) parts.push(Number.parseInt(match[1], 16));
		else for (const byte of utf8(match[0] === "\\\\" ? "\\" : match[0])) parts.push(byte);
	}
	return Uint8Array.from(parts);
}

/**
 * Text that somebody else may have written, for a terminal: its lines and tabs stay, all else that could drive the terminal
 * or turn the reading direction is told as `\xNN`. A backslash stays one: this is to be read and not to be turned back.
 */
export function printable(said: string): string {
	return said
		.replaceAll("\r\n", "\n")
		.replace(/(?![\n\t])[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (char) =>
			[...utf8(char)].map(hexEscape).join(""),
		);
}

function escapeControls(valid: string): string {
	// C0, DEL and C1 can drive a terminal; a line or paragraph separator can break a log line.
	return valid.replace(/[\p{Cc}\u2028\u2029\\]/gu, (char) =>
		char === "\\" ? "\\\\" : [...utf8(char)].map(hexEscape).join(""),
	);
}

function hexEscape(byte: number): string {
	return `\\x${byte.toString(16).padStart(2, "0")}`;
}

/** Length of the valid UTF-8 sequence at `at`, or 0 if there is none (Unicode 15, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
	for (const length of [1, 2, 3, 4]) {
		if (at + length > bytes.length) return 0;
		try {
			if (strict.decode(bytes.subarray(at, at + length)).length > 0) return length;
		} catch {
			// Not complete at this length; a longer one may be.
		}
	}
	return 0;
}

/**
 * Breaks text at its spaces for a terminal. The first line begins in column `indent` already, the others are indented
 * to there; none is longer than `columns`, but for words that are. Lines of the text stay lines. Without `columns`
 * nothing is broken.
 */
export function wrap(text: string, columns: number | undefined, indent: number): string {
	if (columns === undefined) return text;
	const room = Math.max(20, columns - indent);
	const lines: string[] = [];
	for (const part of text.split("\n")) {
		let line = "";
		for (const word of part.split(" ")) {
			if (line === "") line = word;
			else if (line.length + 1 + word.length <= room) line += ` ${word}`;
			else {
				lines.push(line);
				line = word;
			}
		}
		lines.push(line);
	}
	return lines.join(`\n${" ".repeat(indent)}`);
}
