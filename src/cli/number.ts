import { EkexecError } from "../bytes/index.ts";

/** A whole number that was given to an option; one out of range, or none at all, is the user's mistake. */
export function wholeNumber(field: string, given: number, least = 0, most = Infinity): number {
	if (Number.isSafeInteger(given) && given >= least && given <= most) return given;
	throw new EkexecError("usage", "CLI_NUMBER", "not a usable number", {
		field,
		expected: most === Infinity ? `a whole number, ${least} or more` : `${least} to ${most}`,
		found: String(given),
	});
}
