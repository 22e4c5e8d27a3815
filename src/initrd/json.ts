// What both descriptions of a tree in JSON say in the same form: tree.ts reads what to pack, as-manifest.ts what to compare.

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Permissions from octal text, with or without zeros in front; undefined for anything else. */
export function parsePermissions(value: unknown): number | undefined {
	if (typeof value !== "string" || !/^0?[0-7]{3,4}$/.test(value)) return undefined;
	return Number.parseInt(value, 8);
}
