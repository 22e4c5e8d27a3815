import { EkexecError, type ErrorDetails, type ErrorKind } from "../bytes/index.ts";

export type RescueCode =
	| "RESCUE_REFUSED"
	| "RESCUE_NOT_CONFIRMED"
	| "RESCUE_NO_PLACE"
	| "RESCUE_NO_IMAGE"
	| "RESCUE_STAGE"
	| "RESCUE_LOAD"
	| "RESCUE_LOST"
	| "RESCUE_DEADLINE"
	| "RESCUE_NOT_PROVEN"
	| "RESCUE_KEY_FILE";

export function rescueError(
	kind: ErrorKind,
	code: RescueCode,
	summary: string,
	details: ErrorDetails = {},
): EkexecError<RescueCode> {
	return new EkexecError(kind, code, summary, details);
}
