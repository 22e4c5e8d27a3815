// Numbers of the kernel to the names that `ip` prints.

/** Name of a number in one of netlink's tables, or the number itself as text. */
export function nameOf(table: Readonly<Record<string, number>>, value: number): string {
	for (const [name, number] of Object.entries(table)) if (number === value) return name;
	return String(value);
}

/** Names of all bits that are set; bits without a name are left out. */
export function bitNames(table: Readonly<Record<string, number>>, value: number): string[] {
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
	return Object.fromEntries(
		Object.entries(value).filter(([, member]) => member !== undefined),
	) as never;
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
