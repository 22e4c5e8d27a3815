import { EkexecError } from "../bytes/index.ts";

/** A whole number that was given to an option; one out of range, or none at all, is the user's mistake. */
export function wholeNumber(field: string, given: number, least = 0, most?: number): number {
	if (Number.isSafeInteger(given) && given >= least && (most === undefined || given <= most))
		return given;
	throw new EkexecError("usage", "CLI_NUMBER", "not a usable number", {
		field,
		expected: most === undefined ? `a whole number, ${least} or more` : `${least} to ${most}`,
		found: String(given),
	});
}
