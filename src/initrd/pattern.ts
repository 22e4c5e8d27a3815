import { anyRun, oneOf, Wildcard, type WildcardStep } from "../bytes/index.ts";

/**
 * Whether a path is meant by a pattern: `*` and `?` stand for anything but a slash, `**` for anything, `[…]` for one of
 * a set. A pattern that means a folder means all that is in it. Slashes in front are dropped on both sides.
 */
export function matcher(patterns: readonly string[]): (key: string) => boolean {
	const compiled = patterns.map(compile);
	return (key) => compiled.some((pattern) => pattern.test(key));
}

const noSlash = (character: string): boolean => character !== "/";

function compile(pattern: string): Wildcard {
	// One character a byte, as keys are.
	const bytes = Buffer.from(pattern).toString("latin1");
	const trimmed = bytes.replace(/^(?:\.?\/)+/, "").replace(/\/+$/, "");
	if (trimmed === "" || trimmed === ".") return new Wildcard([anyRun]);
	const parts = trimmed.match(/\*\*\/?|\*|\?|\[!?(?:\\.|[^\]\\])+\]|[\s\S]/g) ?? [];
	const steps = parts.flatMap((part): WildcardStep[] => {
		if (part === "**/") return [{ skip: 2 }, anyRun, "/"];
		if (part === "**") return [anyRun];
		if (part === "*") return [{ run: noSlash }];
		if (part === "?") return [noSlash];
		return [part.length > 1 ? setOf(part) : part];
	});
	// The folder's content, too.
	return new Wildcard([...steps, { skip: 2 }, "/", anyRun]);
}

/** `[abx-z]`: one of these; with `!` in front anything but these and a slash. */
function setOf(part: string): (character: string) => boolean {
	const negated = part[1] === "!";
	const within = oneOf(part.slice(negated ? 2 : 1, -1));
	return negated ? (character) => character !== "/" && !within(character) : within;
}
