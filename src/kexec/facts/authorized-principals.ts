import { text } from "../../bytes/index.ts";
import { type KeyOption, parseOptions, type UnusableLine } from "./authorized-keys.ts";

/** A name that a certificate may be for, and what sshd restricts a login by it to. */
export interface AuthorizedPrincipal {
	readonly name: string;
	readonly options: readonly KeyOption[];
	/** The options as they stand in the file; empty: none. */
	readonly optionText: string;
	/** Counted from 1; absent where no file lists the name. */
	readonly lineNumber?: number;
}

export interface AuthorizedPrincipals {
	readonly principals: readonly AuthorizedPrincipal[];
	readonly unusable: readonly UnusableLine[];
}

/** What a list of `principals="…"` cannot hold as it is (match_list() and opt_dequote() of OpenSSH). */
const unwritable = /[,"\\\p{C}\s]/u;

/** Whether the name can stand among the principals of a line of authorized_keys. */
export function isPrincipal(name: string): boolean {
	return name !== "" && !unwritable.test(name);
}

/**
 * Reads the lines of AuthorizedPrincipalsFile (sshd_config(5)): a name, before it options as authorized_keys has them.
 * Of several lines for one name sshd goes by the first (auth2-pubkeyfile.c).
 */
export function parseAuthorizedPrincipals(file: Uint8Array): AuthorizedPrincipals {
	const principals = new Map<string, AuthorizedPrincipal>();
	const unusable: UnusableLine[] = [];
	text(file)
		.split("\n")
		.forEach((raw, index) => {
			// The `#` ends the line wherever it stands, within quotes as well.
			const line = (raw.split("#", 1)[0] ?? "").replace(/^[ \t]+|[ \t]+$/g, "");
			if (line === "") return;
			const lineNumber = index + 1;
			const parsed = parseLine(line);
			if (typeof parsed === "string") unusable.push({ lineNumber, reason: parsed });
			else if (!principals.has(parsed.name)) principals.set(parsed.name, { ...parsed, lineNumber });
		});
	return { principals: [...principals.values()], unusable };
}

function parseLine(line: string): AuthorizedPrincipal | string {
	const [head = "", name = ""] = /^(.*[ \t])?([^ \t]+)$/s.exec(line)?.slice(1) ?? [];
	if (!isPrincipal(name)) return "its name cannot stand in a list of principals";
	const before = head.replace(/[ \t]+$/, "");
	if (before === "") return { name, options: [], optionText: "" };
	const options = parseOptions(`${before} `);
	if (typeof options === "string") return options;
	if (options.length < before.length) return "more stands between its options and its name";
	const meaningless = options.options.find((option) =>
		["cert-authority", "principals"].includes(option.name),
	);
	if (meaningless !== undefined) return `the option ${meaningless.name} has no meaning here`;
	return { name, options: options.options, optionText: before };
}
