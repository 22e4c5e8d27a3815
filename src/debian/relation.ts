import { debianError } from "./error.ts";
import type { Clause, Operator, Provided, Relation } from "./package.ts";

// deb-control(5): name[:qualifier] [(operator version)]; what binary packages never carry ([arch], <profile>) is refused.
const grammar =
	/^([a-zA-Z0-9][a-zA-Z0-9+._-]*)(?::([a-z0-9-]+))?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s()]+)\s*\))?$/;

/** `a (>= 1) | b, c` as clauses. An empty text has none. */
export function parseDepends(text: string): Clause[] {
	return split(text, ",").map((clause) => split(clause, "|").map(parseRelation));
}

/** Conflicts, Breaks: a list without alternatives. */
export function parseRelations(text: string): Relation[] {
	return split(text, ",").map(parseRelation);
}

/** Provides: names, some in a version. */
export function parseProvides(text: string): Provided[] {
	return split(text, ",").map((part) => {
		const { name, version } = parseRelation(part);
		return version === undefined ? { name } : { name, version };
	});
}

export function showClause(clause: Clause): string {
	return clause.map(showRelation).join(" | ");
}

export function showRelation({ name, qualifier, operator, version }: Relation): string {
	const bound = operator === undefined ? "" : ` (${operator} ${version ?? ""})`;
	return `${name}${qualifier === undefined ? "" : `:${qualifier}`}${bound}`;
}

function split(text: string, separator: string): string[] {
	return text
		.split(separator)
		.map((part) => part.trim())
		.filter((part) => part !== "");
}

function parseRelation(text: string): Relation {
	const match = grammar.exec(text);
	if (!match) {
		throw debianError("check", "DEBIAN_SYNTAX", "not a relation between packages", {
			expected: "name[:qualifier] [(operator version)]",
			found: JSON.stringify(text.slice(0, 200)),
		});
	}
	const [, name = "", qualifier, sign, version] = match;
	// The single signs are the obsolete spelling of <= and >=.
	const operator = (sign === "<" ? "<=" : sign === ">" ? ">=" : sign) as Operator | undefined;
	return {
		name,
		...(qualifier === undefined ? {} : { qualifier }),
		...(operator === undefined || version === undefined ? {} : { operator, version }),
	};
}
