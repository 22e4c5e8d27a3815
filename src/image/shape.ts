import type { EkexecError, ErrorDetails } from "../bytes/index.ts";

/** Makes the error for a value that is not what its place asks for. */
export type Complaint = (field: string, expected: string, found: string) => EkexecError;

/** Parses JSON from outside. Throws what `refuse` makes of the reason, here and for every field that is wrong. */
export function parseShape(
	json: string,
	refuse: (details: Pick<ErrorDetails, "field" | "expected" | "found" | "cause">) => EkexecError,
): Shape {
	let value: unknown;
	try {
		value = JSON.parse(json);
	} catch (cause) {
		throw refuse({ expected: "JSON", found: "something else", cause });
	}
	return new Shape(value, "", (field, expected, found) => refuse({ field, expected, found }));
}

/** A typed view of parsed JSON that names the field in every complaint. */
export class Shape {
	readonly value: unknown;
	readonly field: string;
	readonly #complain: Complaint;

	constructor(value: unknown, field: string, complain: Complaint) {
		this.value = value;
		this.field = field;
		this.#complain = complain;
	}

	/** Throws that this value is not `expected`. */
	fail(expected: string): never {
		throw this.#complain(this.field, expected, describe(this.value));
	}

	get present(): boolean {
		return this.value !== undefined && this.value !== null;
	}

	get(key: string): Shape {
		if (typeof this.value !== "object" || this.value === null || Array.isArray(this.value)) {
			return this.fail("an object");
		}
		const field = this.field === "" ? key : `${this.field}.${key}`;
		const value = Object.hasOwn(this.value, key)
			? (this.value as Record<string, unknown>)[key]
			: undefined;
		return new Shape(value, field, this.#complain);
	}

	/** The members of an object, in its order. */
	members(): [string, Shape][] {
		if (typeof this.value !== "object" || this.value === null || Array.isArray(this.value)) {
			return this.fail("an object");
		}
		return Object.keys(this.value).map((key) => [key, this.get(key)]);
	}

	/** The items of an array of at most `cap` items; nothing there counts as an empty array. */
	items(cap: number): Shape[] {
		if (!this.present) return [];
		if (!Array.isArray(this.value)) return this.fail("an array");
		if (this.value.length > cap) return this.fail(`at most ${cap} items`);
		return this.value.map(
			(item, index) => new Shape(item, `${this.field}[${index}]`, this.#complain),
		);
	}

	string(pattern?: RegExp, expected = "a string"): string {
		if (typeof this.value !== "string") return this.fail(expected);
		if (pattern !== undefined && !pattern.test(this.value)) return this.fail(expected);
		return this.value;
	}

	strings(cap: number, pattern?: RegExp, expected?: string): string[] {
		return this.items(cap).map((item) => item.string(pattern, expected));
	}

	/** An integer from 0 to `cap`. */
	count(cap: number = Number.MAX_SAFE_INTEGER): number {
		const { value } = this;
		if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0 || value > cap) {
			return this.fail(`an integer from 0 to ${cap}`);
		}
		return value;
	}

	oneOf<const T extends string>(words: readonly T[]): T {
		const found = words.find((word) => word === this.value);
		return found ?? this.fail(`one of ${words.join(", ")}`);
	}
}

function describe(value: unknown): string {
	if (value === undefined) return "nothing";
	if (Array.isArray(value)) return `an array of ${value.length}`;
	if (typeof value === "object" && value !== null) return "an object";
	const told = JSON.stringify(value);
	return told.length > 80 ? `${told.slice(0, 80)}…` : told;
}
