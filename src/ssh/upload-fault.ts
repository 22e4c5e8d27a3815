import { said, sshError } from "./error.ts";

/** The target's own reason why the file cannot be written. */
export function uploadFault(where: string, error: unknown): Error {
	return sshError("SSH_UPLOAD", "the file cannot be written", {
		where,
		found: said(error),
		remedy: "Is the place writable, and is there room?",
		cause: error,
	});
}
