import { EkexecError, type ErrorDetails, type ErrorKind } from "../bytes/index.ts";

/** What can be wrong with an image, its recipe or its identity. */
export type ImageCode =
	| "IMAGE_NOT_FOUND"
	| "IMAGE_MANIFEST"
	| "IMAGE_FILE_MISSING"
	| "IMAGE_DAMAGED"
	| "IMAGE_UNSIGNED"
	| "IMAGE_SIGNATURE"
	| "IMAGE_FORMAT"
	| "IMAGE_RECIPE"
	| "IMAGE_KERNEL"
	| "IMAGE_TARGET"
	| "IMAGE_LIBRARY"
	| "IMAGE_IDENTITY"
	| "IMAGE_OVERLAY"
	| "IMAGE_NIX";

/** An error of this room. */
export function imageError(
	kind: ErrorKind,
	code: ImageCode,
	summary: string,
	details: ErrorDetails = {},
): EkexecError<ImageCode> {
	return new EkexecError(kind, code, summary, details);
}
