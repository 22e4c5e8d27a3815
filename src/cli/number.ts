import { EkexecError } from "../bytes/index.ts";

/** A number that was given to an option; less than `least`, or none at all, is the user's mistake. */
export function wholeNumber(field: string, given: number, least = 0): number {
	if (Number.isSafeInteger(given) && given >= least) return given;
	throw new EkexecError("usage", "CLI_NUMBER", "not a usable number", {
		field,
		expected: `a whole number, ${least} or more`,
		found: String(given),
	});
}
