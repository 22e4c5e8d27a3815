/**
 * Patterns of ssh_config(5) and sshd(8): `*` is any run, `?` exactly one character; nothing else is special.
 * Iterative, so that a hostile pattern costs at most pattern × text steps.
 */
export function matchPattern(text: string, pattern: string): boolean {
	let t = 0;
	let p = 0;
	let star = -1;
	let mark = 0;
	while (t < text.length) {
		const want = pattern[p];
		if (want === "*") {
			star = p++;
			mark = t;
		} else if (want === "?" || (want !== undefined && want === text[t])) {
			p++;
			t++;
		} else if (star >= 0) {
			p = star + 1;
			t = ++mark;
		} else return false;
	}
	while (pattern[p] === "*") p++;
	return p === pattern.length;
}

/**
 * A list of patterns, some negated by `!`: true if one matches and no negated one does, `"negated"` if a negated
 * one does, false otherwise.
 */
export function matchList(text: string, patterns: readonly string[]): boolean | "negated" {
	let found = false;
	for (const pattern of patterns) {
		if (pattern.startsWith("!")) {
			if (matchPattern(text, pattern.slice(1))) return "negated";
		} else if (matchPattern(text, pattern)) found = true;
	}
	return found;
}
