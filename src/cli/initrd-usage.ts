import { EkexecError } from "../bytes/error.ts";

/** An option or argument that cannot be used as it was given. */
export function unusable(
	field: string,
	expected: string,
	found: string,
	summary = "cannot be used",
): EkexecError {
	return new EkexecError("usage", "INITRD_OPTION", summary, {
		field,
		expected,
		found: found === "" ? "an empty text" : found,
	});
}

/** Options that say nothing together: the one would be dropped in silence. */
export function atOdds(one: string, other: string, remedy?: string): EkexecError {
	const summary = `it says nothing together with ${other}`;
	return new EkexecError("usage", "INITRD_OPTION", summary, { field: one, remedy });
}

/** An input without a single segment, of which there is nothing to say or to take. */
export function emptyInitrd(where: string): EkexecError {
	return new EkexecError("check", "INITRD_SEGMENT", "there is no archive in it", {
		where,
		found: "an empty file, or nothing but NULs",
	});
}
