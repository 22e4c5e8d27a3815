import { anyCharacter, anyRun, oneOf, Wildcard } from "../../bytes/index.ts";

/**
 * Aliases and what is asked for count `-` and `_` as the same, except within brackets: that is how both the tables
 * and the question are written down. Undefined for an alias with an unmatched bracket, which kmod leaves out.
 */
export function underscored(alias: string): string | undefined {
	let out = "";
	for (let at = 0; at < alias.length; at++) {
		const character = alias[at];
		if (character === "]") return undefined;
		if (character === "[") {
			const end = alias.indexOf("]", at);
			if (end === -1) return undefined;
			out += alias.slice(at, end + 1);
			at = end;
		} else {
			out += character === "-" ? "_" : character;
		}
	}
	return out;
}

/** A pattern as fnmatch(3) without flags takes it: `*`, `?`, `[a-z]`, `[!…]`; everything else is itself. */
function aliasPattern(pattern: string): Wildcard {
	const parts = pattern.match(/\*|\?|\[[!^]?[^\]]*\]|[\s\S]/g) ?? [];
	return new Wildcard(
		parts.map((part) => {
			if (part === "*") return anyRun;
			if (part === "?") return anyCharacter;
			return part.length > 1 ? setOf(part) : part;
		}),
	);
}

/** `[abx-z]`: one of these, and with `!` or `^` in front none of them. A range that goes backwards holds nothing. */
function setOf(part: string): (character: string) => boolean {
	const negated = part[1] === "!" || part[1] === "^";
	const within = oneOf(part.slice(negated ? 2 : 1, -1));
	return (character) => within(character) !== negated;
}

interface Pattern {
	readonly pattern: string;
	readonly module: string;
	/** Made when a question first comes near it: most patterns never meet one. */
	compiled: Wildcard | undefined;
}

/**
 * Finds modules by what the kernel asks for (`pci:v00001AF4d…`, `fs-ext4`). Tens of thousands of patterns are kept by
 * what stands before their first wildcard, so that a question meets only those that begin as it does.
 */
export class AliasTable {
	readonly #byStart = new Map<string, Pattern[]>();
	readonly #exact = new Map<string, Set<string>>();

	constructor(aliases: Iterable<{ readonly alias: string; readonly module: string }>) {
		for (const { alias, module } of aliases) {
			const pattern = underscored(alias);
			if (pattern === undefined) continue;
			if (!/[*?[]/.test(pattern)) {
				const found = this.#exact.get(pattern) ?? new Set();
				this.#exact.set(pattern, found.add(module));
				continue;
			}
			const start = pattern.match(/^[^*?[]*/)?.[0] ?? "";
			const found = this.#byStart.get(start) ?? [];
			this.#byStart.set(start, found);
			found.push({ pattern, module, compiled: undefined });
		}
	}

	/** Names of all modules one of whose aliases fits, sorted. */
	find(asked: string): string[] {
		const name = underscored(asked) ?? asked;
		const found = new Set(this.#exact.get(name));
		for (let length = 0; length <= name.length; length++) {
			for (const one of this.#byStart.get(name.slice(0, length)) ?? []) {
				one.compiled ??= aliasPattern(one.pattern);
				if (one.compiled.test(name)) found.add(one.module);
			}
		}
		return [...found].sort();
	}
}
