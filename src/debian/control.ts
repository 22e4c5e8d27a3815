import { debianError } from "./error.ts";

/** Fields of one stanza of deb822(5), by their names in lower case; continuation lines joined by newlines. */
export type Stanza = ReadonlyMap<string, string>;

/** Reads all stanzas of a control file, an apt source list or a Release file. Comments are left out. */
export function parseStanzas(text: string, where?: string): Stanza[] {
	const stanzas: Stanza[] = [];
	let current = new Map<string, string>();
	let field: string | undefined;
	for (const [index, line] of text.split("\n").entries()) {
		const bare = line.trimEnd();
		if (bare === "") {
			if (current.size > 0) stanzas.push(current);
			current = new Map();
			field = undefined;
		} else if (bare.startsWith("#")) {
			// A comment does not end the field around it.
		} else if (/^[ \t]/.test(bare)) {
			if (field === undefined) throw syntax(where, index, bare, "a field before its continuation");
			current.set(field, `${current.get(field)}\n${bare.slice(1)}`);
		} else {
			const colon = bare.indexOf(":");
			field = bare.slice(0, colon).toLowerCase();
			if (colon < 1 || /\s/.test(field)) throw syntax(where, index, bare, "Field: value");
			// Which of two would count differs between readers: nothing that is signed has that.
			if (current.has(field)) throw syntax(where, index, bare, "each field once");
			current.set(field, bare.slice(colon + 1).trim());
		}
	}
	if (current.size > 0) stanzas.push(current);
	return stanzas;
}

/** The only stanza of a control file. */
export function parseStanza(text: string, where?: string): Stanza {
	const [first, ...rest] = parseStanzas(text, where);
	if (first === undefined || rest.length > 0) {
		throw debianError("check", "DEBIAN_SYNTAX", "not a control file", {
			where,
			expected: "one stanza",
			found: `${rest.length + (first === undefined ? 0 : 1)}`,
		});
	}
	return first;
}

function syntax(where: string | undefined, index: number, line: string, expected: string): Error {
	return debianError("check", "DEBIAN_SYNTAX", "not deb822 syntax", {
		where,
		field: `line ${index + 1}`,
		expected,
		found: JSON.stringify(line.slice(0, 100)),
	});
}
