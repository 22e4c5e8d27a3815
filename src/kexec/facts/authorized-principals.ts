import { text } from "../../bytes/index.ts";
import { type KeyOption, parseOptions } from "./authorized-keys.ts";

/** A line of AuthorizedPrincipalsFile that sshd heeds: a name, before it options as authorized_keys has them. */
export interface PrincipalLine {
	/** Counted from 1. */
	readonly lineNumber: number;
	/** Without comment and blanks around it; each byte is one character (latin1). */
	readonly line: string;
	readonly name: string;
	readonly options: readonly KeyOption[];
}

/** Options by whether they have a value (auth-options.c of OpenSSH); with any other one sshd passes the line by. */
const knownOptions: ReadonlyMap<string, boolean> = new Map([
	...["command", "environment", "expiry-time", "from", "permitlisten", "permitopen", "tunnel"].map(
		(name) => [name, true] as const,
	),
	...[
		...["agent-forwarding", "no-agent-forwarding", "port-forwarding", "no-port-forwarding", "pty"],
		...["no-pty", "user-rc", "no-user-rc", "x11-forwarding", "no-x11-forwarding", "restrict"],
		...["touch-required", "no-touch-required", "verify-required", "no-verify-required"],
		"cert-authority",
	].map((name) => [name, false] as const),
	["principals", true],
]);
/** With two of one of these it does so, too. */
const onlyOnce = ["command", "from", "principals"];

/**
 * Reads a list of principals (auth_process_principals() of auth2-pubkeyfile.c). Of the lines for the names of a
 * certificate, sshd goes by the first in the file.
 */
export function parseAuthorizedPrincipals(file: Uint8Array): PrincipalLine[] {
	return Buffer.from(file.buffer, file.byteOffset, file.length)
		.toString("latin1")
		.split("\n")
		.flatMap((raw, index) => {
			// The `#` ends the line wherever it stands, within quotes as well.
			const line = withoutBlanks(raw.split("#", 1)[0] ?? "");
			if (line === "") return [];
			const space = line.lastIndexOf(" ");
			const before = space < 0 ? line.lastIndexOf("\t") : space;
			const options = before < 0 ? [] : heeded(line);
			if (options === undefined) return [];
			const name = text(Buffer.from(withoutBlanks(line.slice(before + 1)), "latin1"));
			return [{ lineNumber: index + 1, line, name, options }];
		});
}

/** The options that a line begins with; undefined: sshd passes it by. */
function heeded(line: string): readonly KeyOption[] | undefined {
	const parsed = parseOptions(line);
	if (typeof parsed === "string") return undefined;
	const known = parsed.options.every(
		({ name, value }) => knownOptions.get(name) === (value !== undefined),
	);
	const once = onlyOnce.every(
		(name) => parsed.options.filter((option) => option.name === name).length <= 1,
	);
	return known && once ? parsed.options : undefined;
}

function withoutBlanks(line: string): string {
	const isBlank = (at: number): boolean => line[at] === " " || line[at] === "\t";
	let start = 0;
	let end = line.length;
	while (start < end && isBlank(start)) start += 1;
	while (start < end && isBlank(end - 1)) end -= 1;
	return line.slice(start, end);
}

/** Whether a user's name can stand in a list of principals as it is. */
export function isPrincipal(name: string): boolean {
	return name !== "" && !/[#\p{C}\s\ufffd]/u.test(name);
}
