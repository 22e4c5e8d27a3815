// Text crosses into bytes only here. File names and host data stay bytes; these are for showing and for literals.

// TextEncoder and TextDecoder exist wherever ekexec runs but belong to no ECMAScript library of TypeScript.
declare const TextEncoder: new () => { encode(text: string): Uint8Array<ArrayBuffer> };
declare const TextDecoder: new (
	label: string,
	options: { fatal: boolean; ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const lossy = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
const valid = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * What is never printed as it is: controls (C0, DEL, C1) can drive a terminal, separators of lines and paragraphs break a
 * line of a log, and what has no look of its own (UAX #44, Default_Ignorable_Code_Point; annotation marks) makes two names
 * look the same or, as all of Bidi_Control (UAX #9, 2) does, turns the direction in which what stands around it is read.
 */
const unsafe = String.raw`\p{Cc}\p{Default_Ignorable_Code_Point}\u2028\u2029\ufff9-\ufffb`;
/** But for these: scripts and emoji are written with joiners and variation selectors. */
const needed = String.raw`\u200c\u200d\p{Variation_Selector}`;
const unsafeInText = new RegExp(String.raw`[${unsafe}](?<![\n\t${needed}])`, "gu");
const unsafeInNames = new RegExp(String.raw`[${unsafe}\\](?<![${needed}])`, "gu");

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
 * `\xNN` for what is not safe to print and for bytes that are no UTF-8, `\\` for a backslash.
 */
export function showBytes(bytes: Uint8Array): string {
	let shown = "";
	for (let at = 0; at < bytes.length; ) {
		let end = at;
		for (let more = sequenceLength(bytes, end); more > 0; more = sequenceLength(bytes, end)) {
			end += more;
		}
		shown += valid.decode(bytes.subarray(at, end)).replace(unsafeInNames, escaped);
		at = end;
		for (; at < bytes.length && sequenceLength(bytes, at) === 0; at++) {
			shown += hexEscape(bytes[at] ?? 0);
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
 * Text that somebody else may have written, for a terminal: its lines and tabs stay, all else that is not safe to print is
 * told as `\xNN`. A backslash stays one: this is to be read and not to be turned back.
 */
export function printable(said: string): string {
	return said.replaceAll("\r\n", "\n").replace(unsafeInText, escaped);
}

function escaped(char: string): string {
	return char === "\\" ? "\\\\" : [...utf8(char)].map(hexEscape).join("");
}

function hexEscape(byte: number): string {
	return `\\x${byte.toString(16).padStart(2, "0")}`;
}

/** Length of the valid UTF-8 sequence at `at`, or 0 if there is none (Unicode 15, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
	const first = bytes[at] ?? 0xff;
	if (first < 0x80) return 1;
	if (first < 0xc2 || first > 0xf4) return 0;
	const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	// Longer forms than needed, surrogates, and what lies beyond U+10FFFF.
	const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
	const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
	const second = bytes[at + 1] ?? 0;
	if (second < least || second > most) return 0;
	for (let i = 2; i < length; i++) {
		const next = bytes[at + i] ?? 0;
		if (next < 0x80 || next > 0xbf) return 0;
	}
	return length;
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
