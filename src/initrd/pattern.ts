/**
 * Whether a path is meant by a pattern: `*` and `?` stand for anything but a slash, `**` for anything, `[…]` for one of
 * a set. A pattern that means a folder means all that is in it. Slashes in front are dropped on both sides.
 */
export function matcher(patterns: readonly string[]): (key: string) => boolean {
	const expressions = patterns.map(toExpression);
	return (key) => expressions.some((expression) => expression.test(key));
}

function toExpression(pattern: string): RegExp {
	// One character a byte, as keys are.
	const bytes = Buffer.from(pattern).toString("latin1");
	const trimmed = bytes.replace(/^(?:\.?\/)+/, "").replace(/\/+$/, "");
	const source = trimmed.replace(
		/\*\*\/?|\*|\?|\[(!?)((?:\\.|[^\]\\])+)\]|[\s\S]/g,
		(token: string, not: string | undefined, set: string | undefined) => {
			if (token === "**" || token === "**/") return token === "**" ? "[^]*" : "(?:[^]*/)?";
			if (token === "*") return "[^/]*";
			if (token === "?") return "[^/]";
			if (set !== undefined)
				return `[${not === "!" ? "^/" : ""}${set.replace(/[[\]^\\]/g, "\\$&")}]`;
			return token.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
		},
	);
	return new RegExp(`^${source === "" || source === "\\." ? "[^]*" : source}(?:/[^]*)?$`);
}
