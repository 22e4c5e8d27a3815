import { debianError } from "./error.ts";
import type { Clause, Package, PackageIndex, Relation } from "./package.ts";
import { parseDepends, showClause, showRelation } from "./relation.ts";
import { satisfies } from "./version.ts";

export interface SolveOptions {
	/**
	 * Names, `*` standing for anything, of packages that count as present without being taken: what only maintainer
	 * scripts or unused tools need. What they provide counts as present, too.
	 */
	readonly exclude?: readonly string[];
}

/** A set of packages that is complete but for what was excluded. */
export interface Solution {
	/** Sorted by name. */
	readonly packages: readonly Package[];
	readonly roots: readonly string[];
	readonly exclude: readonly string[];
	/** Dependencies that hold only because of an exclusion. */
	readonly waived: readonly { readonly package: string; readonly clause: string }[];
}

/** Why a package is in the set: the package that asked for it, up to a root. */
type Reasons = ReadonlyMap<string, { readonly by: string | undefined; readonly clause: string }>;

interface Demand {
	readonly clause: Clause;
	/** The package that asks; undefined for a root. */
	readonly by: string | undefined;
}

/** A choice that was made, and all that is needed to make another. */
interface Choice {
	readonly options: readonly Package[];
	next: number;
	readonly chosen: number;
	readonly hard: { readonly length: number; readonly head: number };
	readonly soft: { readonly length: number; readonly head: number };
}

/** Choices made, those taken back included, before a set counts as unsolvable; a desktop needs 2,000. */
const choicesMax = 20_000;

/**
 * The packages needed for `roots` (each a relation: `name`, `name (>= 1)` or `a | b`) by Pre-Depends and Depends.
 * Of alternatives the first that works is taken, unless one is in the set anyway; of versions the newest. Clauses with
 * one candidate are followed before those with several. The same index and arguments give the same set.
 * Throws `DEBIAN_UNSATISFIABLE` with the chain of packages that leads there.
 */
export function solve(
	index: PackageIndex,
	roots: readonly string[],
	options: SolveOptions = {},
): Solution {
	const exclude = options.exclude ?? [];
	const excluded = matcher(exclude);
	const chosen = new Map<string, Package>();
	const order: { name: string; by: string | undefined; clause: string }[] = [];
	const provided = new Map<string, Package[]>();
	const hard = { queue: [] as Demand[], head: 0 };
	const soft = { queue: [] as Demand[], head: 0 };
	const choices: Choice[] = [];
	let taken = 0;
	let failure: Error | undefined;

	const candidates = (clause: Clause): Package[] => {
		const found = new Set<Package>();
		for (const relation of clause) {
			if (!sameArchitecture(relation, index.arch)) continue;
			for (const one of index.find(relation.name)) if (matches(one, relation)) found.add(one);
			for (const one of index.providers(relation.name)) if (matches(one, relation)) found.add(one);
		}
		return [...found].filter((one) => !excluded(one.name));
	};
	const waivedBy = (clause: Clause) =>
		clause.some(
			({ name }) =>
				excluded(name) || index.providers(name).some((provider) => excluded(provider.name)),
		);
	const holds = (clause: Clause) =>
		clause.some((relation) => {
			if (!sameArchitecture(relation, index.arch)) return false;
			const own = chosen.get(relation.name);
			if (own && matches(own, relation)) return true;
			return (provided.get(relation.name) ?? []).some((one) => matches(one, relation));
		});
	const demand = (clause: Clause, by: string | undefined) => {
		(candidates(clause).length < 2 ? hard : soft).queue.push({ clause, by });
	};
	const clash = (one: Package): string | undefined => {
		const same = chosen.get(one.name);
		if (same) return `${same.name} ${same.version} is taken already`;
		for (const relation of one.conflicts) {
			const other = [chosen.get(relation.name), ...(provided.get(relation.name) ?? [])].find(
				(other) => other && other.name !== one.name && matches(other, relation),
			);
			if (other) return `${one.name} conflicts with ${showRelation(relation)}: ${other.name}`;
		}
		for (const other of chosen.values()) {
			const relation = other.conflicts.find((relation) => matches(one, relation));
			if (relation) return `${other.name} conflicts with ${showRelation(relation)}: ${one.name}`;
		}
		return undefined;
	};
	const take = (one: Package, by: string | undefined, clause: string) => {
		chosen.set(one.name, one);
		order.push({ name: one.name, by, clause });
		for (const { name } of one.provides) {
			provided.set(name, [...(provided.get(name) ?? []), one]);
		}
		for (const needed of one.depends) demand(needed, one.name);
	};
	const undo = (length: number) => {
		for (const { name } of order.splice(length)) {
			const gone = chosen.get(name);
			chosen.delete(name);
			for (const { name: virtual } of gone?.provides ?? []) {
				const rest = (provided.get(virtual) ?? []).filter((one) => one !== gone);
				provided.set(virtual, rest);
			}
		}
	};
	/** Goes back to the last choice that has another option, and takes that. */
	const goBack = () => {
		for (;;) {
			const choice = choices.at(-1);
			if (choice === undefined) throw failure;
			undo(choice.chosen);
			hard.queue.length = choice.hard.length;
			hard.head = choice.hard.head;
			soft.queue.length = choice.soft.length;
			soft.head = choice.soft.head;
			if (choice.next < choice.options.length) return;
			choices.pop();
		}
	};

	for (const root of roots.flatMap(parseDepends)) {
		const named = root.map((relation) => relation.name);
		if (named.every(excluded)) {
			throw debianError("usage", "DEBIAN_UNSATISFIABLE", "asked for and excluded at once", {
				field: showClause(root),
				expected: "a package that no exclusion matches",
				found: exclude.filter((pattern) => named.some(matcher([pattern]))).join(", "),
			});
		}
		demand(root, undefined);
	}
	for (;;) {
		const queue = hard.head < hard.queue.length ? hard : soft;
		const next = queue.queue[queue.head];
		if (next === undefined) break;
		const { clause, by } = next;
		if (holds(clause) || (by !== undefined && waivedBy(clause))) {
			queue.head += 1;
			continue;
		}
		let choice = choices.at(-1);
		const again =
			choice !== undefined && choice.next > 0 && isHere(choice, hard, soft, order.length);
		if (!again || choice === undefined) {
			choice = {
				options: candidates(clause),
				next: 0,
				chosen: order.length,
				hard: { length: hard.queue.length, head: hard.head },
				soft: { length: soft.queue.length, head: soft.head },
			};
			choices.push(choice);
		}
		const clashes: string[] = [];
		let option = choice.options[choice.next];
		while (option !== undefined) {
			choice.next += 1;
			const reason = clash(option);
			if (reason === undefined) break;
			clashes.push(reason);
			option = choice.options[choice.next];
		}
		taken += 1;
		if (option === undefined || taken > choicesMax) {
			// The first dead end is the one that preferred choices lead to: it is the one worth telling.
			failure ??= unsatisfiable(index, next, new Map(order.map((o) => [o.name, o])), clashes);
			if (taken > choicesMax) throw failure;
			goBack();
			continue;
		}
		queue.head += 1;
		take(option, by, showClause(clause));
	}

	const packages = [...chosen.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
	const waived = packages.flatMap((one) =>
		one.depends
			.filter((clause) => !holds(clause))
			.map((clause) => ({ package: one.name, clause: showClause(clause) })),
	);
	return { packages, roots, exclude, waived };
}

/** Whether the search stands again where this choice was made. */
function isHere(
	choice: Choice,
	hard: { queue: Demand[]; head: number },
	soft: { queue: Demand[]; head: number },
	chosen: number,
): boolean {
	return (
		choice.chosen === chosen &&
		choice.hard.head === hard.head &&
		choice.hard.length === hard.queue.length &&
		choice.soft.head === soft.head &&
		choice.soft.length === soft.queue.length
	);
}

/** Whether a package is what the relation asks for, by its own name or one it provides. */
export function matches(one: Package, { name, operator, version }: Relation): boolean {
	if (operator === undefined || version === undefined) {
		return one.name === name || one.provides.some((provided) => provided.name === name);
	}
	if (one.name === name && satisfies(one.version, operator, version)) return true;
	// Only a versioned Provides answers a versioned relation (Debian policy 7.5).
	return one.provides.some(
		(provided) =>
			provided.name === name &&
			provided.version !== undefined &&
			satisfies(provided.version, operator, version),
	);
}

/** `:any` and `:native` are met by the one architecture an image has; another architecture never is. */
function sameArchitecture({ qualifier }: Relation, arch: string): boolean {
	return qualifier === undefined || ["any", "native", "all", arch].includes(qualifier);
}

function matcher(patterns: readonly string[]): (name: string) => boolean {
	const exact = new Set(patterns.filter((pattern) => !pattern.includes("*")));
	const globs = patterns
		.filter((pattern) => pattern.includes("*"))
		.map((pattern) => {
			const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
			return new RegExp(`^${parts.join(".*")}$`);
		});
	return (name) => exact.has(name) || globs.some((glob) => glob.test(name));
}

function unsatisfiable(
	index: PackageIndex,
	{ clause, by }: Demand,
	reasons: Reasons,
	clashes: readonly string[],
): Error {
	const chain: string[] = [showClause(clause)];
	for (let at = by; at !== undefined && chain.length < 100; at = reasons.get(at)?.by) {
		chain.unshift(at);
	}
	const known = clause.flatMap(({ name }) =>
		index.find(name).map((one) => `${one.name} ${one.version}`),
	);
	return debianError("failed", "DEBIAN_UNSATISFIABLE", "a dependency cannot be satisfied", {
		where: chain.join(" → "),
		found:
			clashes.length > 0
				? clashes.join("; ")
				: known.length > 0
					? known.join(", ")
					: "no package of that name",
		remedy: "Leave the package out, or exclude what it does not need to run.",
	});
}
