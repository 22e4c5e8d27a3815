/**
 * One step of a pattern: this character; one that passes a test; a run (none, too) of such; or leave to skip the next
 * so many steps.
 */
export type WildcardStep =
	| string
	| ((character: string) => boolean)
	| { readonly run: (character: string) => boolean }
	| { readonly skip: number };

/**
 * A pattern with wildcards, compared in at most steps × characters, whatever either holds: a regular expression with
 * several stars would take the length of the text to the power of their number, and both may come from outside.
 */
export class Wildcard {
	readonly #steps: readonly WildcardStep[];
	/** What the pattern begins with, before anything else than plain characters. */
	readonly #prefix: string;

	constructor(steps: readonly WildcardStep[]) {
		const plain = steps.findIndex((step) => typeof step !== "string");
		this.#prefix = steps.slice(0, plain === -1 ? steps.length : plain).join("");
		this.#steps = plain === -1 ? [] : steps.slice(plain);
	}

	/** Whether the pattern means the whole text. Characters are UTF-16 units. */
	test(text: string): boolean {
		if (!text.startsWith(this.#prefix)) return false;
		const steps = this.#steps;
		// Which steps may come next: places[i] for step i, the last for the end.
		let places = new Uint8Array(steps.length + 1);
		places[0] = 1;
		for (let at = this.#prefix.length; at < text.length; at++) {
			const character = text.charAt(at);
			const next = new Uint8Array(steps.length + 1);
			let alive = false;
			for (let i = 0; i < steps.length; i++) {
				const step = steps[i];
				if (places[i] === 0 || step === undefined) continue;
				if (typeof step === "object") {
					for (const on of pastOf(step, i)) places[on] = 1;
					if (!("run" in step && step.run(character))) continue;
					next[i] = 1;
				} else {
					if (typeof step === "string" ? step !== character : !step(character)) continue;
					next[i + 1] = 1;
				}
				alive = true;
			}
			if (!alive) return false;
			places = next;
		}
		for (let i = 0; i < steps.length; i++) {
			const step = steps[i];
			if (places[i] === 1 && typeof step === "object") {
				for (const on of pastOf(step, i)) places[on] = 1;
			}
		}
		return places[steps.length] === 1;
	}
}

/** Where a step that needs no character leads. */
function pastOf(step: { run: unknown } | { skip: number }, i: number): readonly number[] {
	return "skip" in step ? [i + 1, i + 1 + step.skip] : [i + 1];
}

/** A step: any character. */
export const anyCharacter = (): boolean => true;
/** A step: any run. */
export const anyRun: WildcardStep = { run: anyCharacter };

/** The usual pattern: `*` is any run, `?` any character, all else itself. */
export function wildcard(pattern: string): Wildcard {
	return new Wildcard(
		pattern
			.split("")
			.map((character) =>
				character === "*" ? anyRun : character === "?" ? anyCharacter : character,
			),
	);
}

/** A step: one of the characters between brackets, `abx-z`; a backslash makes the next one plain. */
export function oneOf(set: string): (character: string) => boolean {
	const ends = (set.match(/\\[\s\S]|[\s\S]/g) ?? []).map((each) => ({
		plain: each.length > 1,
		character: each.slice(-1),
	}));
	const ranges: [string, string][] = [];
	for (let at = 0; at < ends.length; at++) {
		const from = ends[at]?.character ?? "";
		const to = ends[at + 2];
		const isRange = ends[at + 1]?.character === "-" && !ends[at + 1]?.plain && to !== undefined;
		ranges.push([from, isRange ? to.character : from]);
		if (isRange) at += 2;
	}
	return (character) => ranges.some(([from, to]) => from <= character && character <= to);
}
