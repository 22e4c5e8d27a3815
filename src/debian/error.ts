import { EkexecError, type ErrorDetails, type ErrorKind } from "../bytes/index.ts";

/** What can go wrong between a mirror and the files of a package. */
export type DebianCode =
	/** No mirror is known, or what names it cannot be used. */
	| "DEBIAN_MIRROR"
	/** A server or file did not answer, or not with what was asked for, after all attempts. */
	| "DEBIAN_FETCH"
	/** The file is not on the mirror. */
	| "DEBIAN_MISSING"
	/** More bytes came than were announced or are allowed. */
	| "DEBIAN_SIZE"
	/** Bytes do not have the digest that the signed index gives. */
	| "DEBIAN_DIGEST"
	/** InRelease is not signed by a known key, or was changed after signing. */
	| "DEBIAN_SIGNATURE"
	/** InRelease is past its Valid-Until, or dated in the future. */
	| "DEBIAN_EXPIRED"
	/** InRelease is signed, but for something else than was asked for. */
	| "DEBIAN_RELEASE"
	/** A control file, index, lock or version does not follow its grammar. */
	| "DEBIAN_SYNTAX"
	/** A dependency cannot be satisfied. */
	| "DEBIAN_UNSATISFIABLE"
	/** A .deb is not built as deb(5) says. */
	| "DEBIAN_ARCHIVE"
	/** A name or link in a package points where it must not. */
	| "DEBIAN_PATH"
	/** A file is not the ELF object it claims to be. */
	| "DEBIAN_ELF"
	/** The folder of the cache is full, cannot be written, or can be written by others. */
	| "DEBIAN_CACHE"
	/** A deadline passed. */
	| "DEBIAN_TIMEOUT";

export function debianError(
	kind: ErrorKind,
	code: DebianCode,
	summary: string,
	details: ErrorDetails = {},
): EkexecError<DebianCode> {
	return new EkexecError(kind, code, summary, details);
}
