/** Things of one sort that are not carried over for one reason. */
export interface LeftOut {
	readonly what: "link" | "address" | "route" | "rule" | "nexthop" | "neighbour" | "setting";
	readonly reason: string;
	readonly count: number;
	/** The first of them, in words. */
	readonly examples: readonly string[];
}

/** Enough to recognise them; a host may have a million routes. */
const shownExamples = 12;

/** Collects what is left out, grouped by sort and reason, in the order of first mention. */
export class Leavings {
	readonly #groups = new Map<
		string,
		{ readonly first: LeftOut; count: number; examples: string[] }
	>();

	add(what: LeftOut["what"], item: string, reason: string): void {
		const key = `${what} ${reason}`;
		const group = this.#groups.get(key);
		if (group === undefined) {
			const first = { what, reason, count: 1, examples: [] };
			this.#groups.set(key, { first, count: 1, examples: [item] });
			return;
		}
		group.count++;
		if (group.examples.length < shownExamples) group.examples.push(item);
	}

	list(): readonly LeftOut[] {
		return [...this.#groups.values()].map(({ first, count, examples }) => ({
			what: first.what,
			reason: first.reason,
			count,
			examples,
		}));
	}
}
