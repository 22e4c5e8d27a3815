// Certificate authorities: whom their certificates let in on the target they let in as root of the rescue system.
import { utf8 } from "../bytes/index.ts";
import {
	type AuthorizedKey,
	keyOption,
	parseAuthorizedKeys,
} from "../kexec/facts/authorized-keys.ts";
import { isPrincipal, type PrincipalLine } from "../kexec/facts/authorized-principals.ts";
import type { AuthoritiesFile, CertifiedLogin } from "../kexec/facts/facts.ts";
import { type Check, note, warning } from "./check.ts";
import { forcedCommand, type KeyLeftOut } from "./left-out.ts";

/** What the rescue system's sshd is told of certificates. */
export interface CertifiedPlan {
	/** Of whom certificates are taken: what one file of the target says (TrustedUserCAKeys). */
	readonly authorities: AuthoritiesFile;
	/** The same as a file. */
	readonly trusted: Uint8Array;
	/** The names that let in root, in the order in which sshd goes by them. */
	readonly lines: readonly PrincipalLine[];
	/** The same as a file (AuthorizedPrincipalsFile). */
	readonly principals: Uint8Array;
}

/** What no host's people need, and the identity has no room for. Bytes. */
const largest = 256 * 1024;

/**
 * Joins the users' lists of names, the first user's first: for a certificate with several names sshd goes by the first
 * line of the list. A forced command stays one, but does nothing: its program does not exist there, or means another
 * thing when root runs it. Where another user's list lets the same name in without, it does not hinder.
 */
export function planCertified(logins: readonly CertifiedLogin[]): {
	readonly certified?: CertifiedPlan;
	readonly leftOut: readonly KeyLeftOut[];
	readonly checks: readonly Check[];
} {
	const leftOut: KeyLeftOut[] = [];
	const checks: Check[] = [];
	const [first] = logins;
	const taken: {
		readonly user: string;
		readonly path: string;
		readonly own: readonly PrincipalLine[];
	}[] = [];
	let size = 0;
	for (const login of logins) {
		const { user, authorities, principals } = login;
		const path = principals?.path ?? "/etc/passwd";
		// One file for several users is one file.
		if (principals !== undefined && taken.some((each) => each.path === path)) continue;
		const own = linesOf(login);
		const bytes = own.reduce((sum, { line }) => sum + line.length + 1, 0);
		const reason =
			authorities !== first?.authorities
				? `only one file of authorities can be carried: ${first?.authorities.path}`
				: size + bytes > largest
					? "there are too many of them"
					: principals?.distrusted;
		if (reason === undefined) {
			size += bytes;
			taken.push({ user, path, own });
			continue;
		}
		checks.push(
			warning(
				"login-keys",
				`certificates for ${user} by ${authorities.path} and ${path} are left out: ${reason}`,
				"Name a key that shall open the rescue system with --key FILE.",
			),
		);
	}
	const lines: PrincipalLine[] = [];
	const free = taken.map(({ own }) => freeNames(own));
	for (const { user, path, own } of taken) {
		for (const line of own) {
			if (!isForced(line)) {
				lines.push(line);
				continue;
			}
			if (!free.some((names) => names.has(line.name))) lines.push(disarmed(line));
			const { lineNumber, name } = line;
			leftOut.push({ user, path, lineNumber, comment: name, reason: forcedCommand });
		}
	}
	const commands = new Set(logins.flatMap(({ command }) => command ?? []));
	for (const command of commands) {
		checks.push(
			note(
				"login-keys",
				`names for certificates that ${command} gives (AuthorizedPrincipalsCommand) stay behind`,
			),
		);
	}
	if (first === undefined || lines.length === 0) return { leftOut, checks };
	const trusted = first.authorities.keys.map(({ type, blob }) => `${type} ${blob}\n`).join("");
	const file = Buffer.from(lines.map(({ line }) => `${line}\n`).join(""), "latin1");
	return {
		certified: {
			authorities: first.authorities,
			trusted: utf8(trusted),
			lines,
			principals: new Uint8Array(file),
		},
		leftOut,
		checks,
	};
}

/** A file or a program takes the place of the user's own name (user_cert_trusted_ca() of auth2-pubkey.c). */
function linesOf({ user, principals, command }: CertifiedLogin): readonly PrincipalLine[] {
	if (principals !== undefined) return principals.lines;
	if (command !== undefined || !isPrincipal(user)) return [];
	const line = Buffer.from(user).toString("latin1");
	return [{ lineNumber: 0, line, name: user, options: [] }];
}

function isForced({ options }: PrincipalLine): boolean {
	return options.some(({ name }) => name === "command");
}

/** Names for which the first line, by which sshd goes, forces no command. */
function freeNames(lines: readonly PrincipalLine[]): ReadonlySet<string> {
	const first = new Map([...lines].reverse().map((line) => [line.name, line]));
	return new Set([...first.values()].filter((line) => !isForced(line)).map(({ name }) => name));
}

function disarmed({ line, ...rest }: PrincipalLine): PrincipalLine {
	const space = line.lastIndexOf(" ");
	const name = line.slice((space < 0 ? line.lastIndexOf("\t") : space) + 1);
	return { ...rest, line: `restrict,command="false" ${name}` };
}

/**
 * A line of one user's authorized_keys as root of the rescue system needs it: an authority's certificates are held
 * against the name that is logged in with unless the line says which. Else the reason why it cannot come along.
 */
export function asRoots(key: AuthorizedKey, user: string): AuthorizedKey | { reason: string } {
	const named =
		keyOption(key, "cert-authority") === undefined || keyOption(key, "principals") !== undefined;
	if (named || user === "root") return key;
	const [made] =
		/[,"\\]/.test(user) || !isPrincipal(user)
			? []
			: parseAuthorizedKeys(utf8(`principals="${user}",${key.line}`)).keys;
	if (made === undefined) return { reason: "its user's name cannot stand in a list of principals" };
	return { ...made, lineNumber: key.lineNumber };
}
