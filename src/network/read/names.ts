// Numbers of the kernel to the names that `ip` prints.

type Table = Readonly<Record<string, number>>;

const inverted = new WeakMap<Table, ReadonlyMap<number, string>>();

/** Name of a number in one of netlink's tables, or the number itself as text. */
export function nameOf(table: Table, value: number): string {
	let names = inverted.get(table);
	if (names === undefined) {
		// Backwards, so that the first of two names of one number stands.
		names = new Map(
			Object.entries(table)
				.reverse()
				.map(([name, number]) => [number, name]),
		);
		inverted.set(table, names);
	}
	return names.get(value) ?? String(value);
}

const none: readonly string[] = [];

/** Names of all bits that are set; bits without a name are left out. */
export function bitNames(table: Table, value: number): readonly string[] {
	if (value === 0) return none;
	return Object.entries(table)
		.filter(([, bit]) => Math.floor(value / bit) % 2 === 1)
		.map(([name]) => name);
}

/** `lowerUp` to `lower_up`. */
export function snake(name: string): string {
	return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The object without members that are undefined: the form that exact optional types and JSON agree on. */
export function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
	const kept: Record<string, unknown> = {};
	// The plainest loop: a host may have a million routes.
	for (const name in value) {
		const member = value[name];
		if (member !== undefined) kept[name] = member;
	}
	return kept as never;
}

/** One of a list by its number. */
export function pick(list: readonly string[], value: number | undefined): string | undefined {
	return value === undefined ? undefined : (list[value] ?? String(value));
}

/** A number as truth. */
export function truth(value: number | undefined): boolean | undefined {
	return value === undefined ? undefined : value !== 0;
}

/** The value if it is neither absent nor 0. */
export function positive(value: number | undefined): number | undefined {
	return value === 0 ? undefined : value;
}
