import { EkexecError, type ErrorDetails, type ErrorKind, showBytes, utf8 } from "../bytes/index.ts";

/** Closed set of the codes of this room; each has one kind (see `kinds`). */
export type SshCode =
	| "SSH_TARGET"
	| "SSH_CONFIG"
	| "SSH_UNSUPPORTED"
	| "SSH_WORD"
	| "SSH_RESOLVE"
	| "SSH_UNREACHABLE"
	| "SSH_PROXY"
	| "SSH_HANDSHAKE"
	| "SSH_KNOWN_HOSTS"
	| "SSH_HOST_KEY_UNKNOWN"
	| "SSH_HOST_KEY_CHANGED"
	| "SSH_HOST_KEY_REVOKED"
	| "SSH_KEY_FILE"
	| "SSH_AUTH"
	| "SSH_NO_TERMINAL"
	| "SSH_LOST"
	| "SSH_CHANNEL"
	| "SSH_OUTPUT"
	| "SSH_UPLOAD"
	| "SSH_ELEVATE"
	| "SSH_DEADLINE"
	| "SSH_ABORTED";

const kinds: Readonly<Record<SshCode, ErrorKind>> = {
	SSH_TARGET: "usage",
	SSH_CONFIG: "usage",
	SSH_UNSUPPORTED: "usage",
	SSH_WORD: "bug",
	SSH_RESOLVE: "failed",
	SSH_UNREACHABLE: "failed",
	SSH_PROXY: "failed",
	SSH_HANDSHAKE: "failed",
	SSH_KNOWN_HOSTS: "failed",
	SSH_HOST_KEY_UNKNOWN: "refused",
	SSH_HOST_KEY_CHANGED: "refused",
	SSH_HOST_KEY_REVOKED: "refused",
	SSH_KEY_FILE: "usage",
	SSH_AUTH: "failed",
	SSH_NO_TERMINAL: "refused",
	SSH_LOST: "failed",
	SSH_CHANNEL: "failed",
	SSH_OUTPUT: "failed",
	SSH_UPLOAD: "failed",
	SSH_ELEVATE: "refused",
	SSH_DEADLINE: "failed",
	SSH_ABORTED: "failed",
};

/** An error of this room. Never put a password, passphrase or answer into `details`. */
export function sshError(
	code: SshCode,
	summary: string,
	details: ErrorDetails = {},
): EkexecError<SshCode> {
	return new EkexecError(kinds[code], code, summary, details);
}

/** Throws `SSH_ABORTED` if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined, where: string): void {
	if (signal?.aborted) throw aborted(where, signal);
}

export function aborted(where: string, signal?: AbortSignal): EkexecError<SshCode> {
	return sshError("SSH_ABORTED", "interrupted", { where, cause: signal?.reason });
}

/**
 * The first line of an unknown error's text, for the `found` of ours. It may hold what a server said, so control
 * characters are shown, not sent to the terminal.
 */
export function said(error: unknown): string {
	const message = error instanceof Error ? error.message : String(error);
	return showBytes(utf8(message.split(/\r?\n/, 1)[0] ?? ""));
}

/** A text of many lines from elsewhere, for a terminal: control characters are shown, not obeyed. */
export function shown(text: string): string {
	return text
		.split(/\r?\n/)
		.map((line) => showBytes(utf8(line)))
		.join("\n");
}
