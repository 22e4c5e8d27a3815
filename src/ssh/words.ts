import { sshError } from "./error.ts";

/**
 * The characters that sh, bash, zsh, fish, busybox ash, csh and tcsh all take literally anywhere in a word
 * but for the two exceptions below. Left out on purpose: `~ ^ { } # ! * ? [ ] $ & ; | < > ( ) " ' \` and space.
 */
const literal = /^[A-Za-z0-9_@%+=:,./-]+$/;
/** sh takes `A=b` in front of a command as an assignment; zsh expands a leading `=`; csh and fish take a leading `%` as a job. */
const special = /^[=%]/;

/** Linux takes 128 KiB in one argument (MAX_ARG_STRLEN), and the shell gets the line as one. */
const maxLine = 100_000;

/**
 * One command line that every login shell splits into exactly these words. There is no quoting that all shells
 * agree on, hence none is done: a word that would need it is refused with `SSH_WORD`.
 */
export function commandLine(words: readonly string[]): string {
	if (words.length === 0) throw unsafe("", "at least one word");
	for (const [index, word] of words.entries()) {
		if (!literal.test(word) || special.test(word)) {
			throw unsafe(word, "only A-Z a-z 0-9 _ @ % + = : , . / -, and neither = nor % in front");
		}
		if (index === 0 && word.includes("=")) throw unsafe(word, "a program's name without =");
	}
	const line = words.join(" ");
	if (line.length > maxLine) throw unsafe(`${line.slice(0, 40)}…`, `at most ${maxLine} characters`);
	return line;
}

/** Whether `commandLine` takes the word as an argument. */
export function isPlainWord(word: string): boolean {
	return literal.test(word) && !special.test(word);
}

function unsafe(word: string, expected: string): Error {
	return sshError("SSH_WORD", "a word that login shells do not agree on", {
		field: JSON.stringify(word),
		expected,
	});
}
