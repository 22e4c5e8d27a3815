// Certificate authorities: whom their certificates let in on the target, said as lines of root's authorized_keys (sshd(8)).
import { utf8 } from "../bytes/index.ts";
import {
	type AuthorizedKey,
	keyOption,
	parseAuthorizedKeys,
} from "../kexec/facts/authorized-keys.ts";
import { type AuthorizedPrincipal, isPrincipal } from "../kexec/facts/authorized-principals.ts";
import type { CertifiedLogin } from "../kexec/facts/facts.ts";
import { forcedCommand, type KeyLeftOut } from "./left-out.ts";

/**
 * The lines for TrustedUserCAKeys, so that the rescue system needs no further file: one for each authority and kind of
 * restriction, with all the names that the users' files list.
 */
export function authorityLines(logins: readonly CertifiedLogin[]): {
	readonly keys: readonly AuthorizedKey[];
	readonly leftOut: readonly KeyLeftOut[];
} {
	const groups = new Map<string, { before: string; after: string; names: Set<string> }>();
	const leftOut: KeyLeftOut[] = [];
	for (const login of logins) {
		for (const principal of login.principals) {
			const reason = reasonAgainst(principal, login);
			if (reason !== undefined) {
				const { user, path = "/etc/passwd" } = login;
				const { lineNumber = 0, name } = principal;
				leftOut.push({ user, path, lineNumber, comment: name, reason });
				continue;
			}
			for (const { type, blob } of login.authorities) {
				const before = principal.optionText === "" ? "" : `,${principal.optionText}`;
				const after = `${type} ${blob} TrustedUserCAKeys`;
				const known = groups.get(`${before} ${after}`);
				if (known) known.names.add(principal.name);
				else groups.set(`${before} ${after}`, { before, after, names: new Set([principal.name]) });
			}
		}
	}
	const lines = [...groups.values()].map(
		({ before, after, names }) =>
			`cert-authority,principals="${[...names].join(",")}"${before} ${after}`,
	);
	return { keys: parseAuthorizedKeys(utf8(lines.join("\n"))).keys, leftOut };
}

function reasonAgainst(
	{ name, options }: AuthorizedPrincipal,
	{ distrusted }: CertifiedLogin,
): string | undefined {
	if (distrusted !== undefined) return `sshd takes no name of its file: ${distrusted}`;
	if (options.some((option) => option.name === "command")) return forcedCommand;
	return isPrincipal(name) ? undefined : unwritable;
}

const unwritable = "its user's name cannot stand in a list of principals";

/**
 * A line of one user's authorized_keys as root of the rescue system needs it: an authority's certificates are held
 * against the name that is logged in with unless the line says which. Else the reason why it cannot come along.
 */
export function asRoots(key: AuthorizedKey, user: string): AuthorizedKey | { reason: string } {
	const named =
		keyOption(key, "cert-authority") === undefined || keyOption(key, "principals") !== undefined;
	if (named || user === "root") return key;
	if (!isPrincipal(user)) return { reason: unwritable };
	const [made] = parseAuthorizedKeys(utf8(`principals="${user}",${key.line}`)).keys;
	return made === undefined ? { reason: unwritable } : { ...made, lineNumber: key.lineNumber };
}
