import { anyRun, oneOf, Wildcard, type WildcardStep } from "../bytes/index.ts";

/**
 * Whether a path is meant by a pattern: `*` and `?` stand for anything but a slash, `**` for anything, `[a-z]` for one of
 * a set, `[!a-z]` for one that is not in it. A backslash makes what follows plain; `\xNN` is that byte, so that a name can
 * be given as a list shows it. What is literally a path means it, whatever it holds. A pattern that means a folder means
 * all that is in it. Slashes in front are dropped on both sides.
 */
export function matcher(patterns: readonly string[]): (key: string) => boolean {
	const compiled = patterns.flatMap(compile);
	return (key) => compiled.some((pattern) => pattern.test(key));
}

const noSlash = (character: string): boolean => character !== "/";
/** The folder's content, too. */
const orBelow: readonly WildcardStep[] = [{ skip: 2 }, "/", anyRun];

function compile(pattern: string): Wildcard[] {
	// One character a byte, as keys are.
	const bytes = Buffer.from(pattern).toString("latin1");
	const trimmed = bytes.replace(/^(?:\.?\/)+/, "").replace(/\/+$/, "");
	if (trimmed === "" || trimmed === ".") return [new Wildcard([anyRun])];
	const parts =
		trimmed.match(/\*\*\/?|\*|\?|\[!?(?:\\.|[^\]\\])+\]|\\x[0-9a-fA-F]{2}|\\[\s\S]|[\s\S]/g) ?? [];
	const steps = parts.flatMap((part): WildcardStep[] => {
		if (part === "**/") return [{ skip: 2 }, anyRun, "/"];
		if (part === "**") return [anyRun];
		if (part === "*") return [{ run: noSlash }];
		if (part === "?") return [noSlash];
		if (part.startsWith("[") && part.length > 1) return [setOf(part)];
		return [plain(part)];
	});
	const meant = new Wildcard([...steps, ...orBelow]);
	if (!/[\\[]/.test(trimmed)) return [meant];
	return [meant, new Wildcard([...trimmed.split(""), ...orBelow])];
}

/** What a character, or an escape, stands for. */
function plain(part: string): string {
	if (part.length === 4) return String.fromCharCode(Number.parseInt(part.slice(2), 16));
	return part.slice(-1);
}

/** `[abx-z]`: one of these; with `!` in front anything but these and a slash. */
function setOf(part: string): (character: string) => boolean {
	const negated = part[1] === "!";
	// What an escape stands for is plain for the set, too.
	const set = part
		.slice(negated ? 2 : 1, -1)
		.replace(/\\(?:x[0-9a-fA-F]{2}|[\s\S])/g, (escaped) => `\\${plain(escaped)}`);
	const within = oneOf(set);
	return negated ? (character) => character !== "/" && !within(character) : within;
}
