import { utf8 } from "../bytes/index.ts";
import {
	type AuthorizedKey,
	keyOption,
	parseAuthorizedKeys,
} from "../kexec/facts/authorized-keys.ts";
import type { CertifiedLogin, Facts } from "../kexec/facts/facts.ts";
import { readCertificate } from "../ssh/certificate.ts";
import { asRoots, authorityLines } from "./authorities.ts";
import { type Check, note, ok, refusal, warning } from "./check.ts";
import { forcedCommand, type KeyLeftOut } from "./left-out.ts";

/** How this very login was opened, as far as the rescue system has to open for it again. */
export type LoginProof =
	/** Type of the key and its blob in base64; `certified` where a certificate authority vouched for it. */
	| {
			readonly method: "publickey";
			readonly type: string;
			readonly blob: string;
			readonly certified?: boolean;
	  }
	| { readonly method: "password" | "keyboard-interactive" | "none" | "other" };

/** What will open the rescue system. */
export interface KeyPlan {
	/** Content of root's authorized_keys. */
	readonly authorizedKeys: Uint8Array;
	readonly count: number;
	readonly leftOut: readonly KeyLeftOut[];
	readonly checks: readonly Check[];
}

export interface KeyOptions {
	readonly loginUser: string;
	readonly proof: LoginProof;
	/** Keys of every user, not only of root and the login user. */
	readonly allUsers: boolean;
	/** Content of further public key files, each with its name. */
	readonly added: readonly { readonly name: string; readonly content: Uint8Array }[];
}

/**
 * Chooses the keys. A line is taken over as it stands, options included. A key with a forced command is left out: its
 * program does not exist in the rescue system, and without the command it would open more than it was given for.
 */
export function planKeys(facts: Facts, options: KeyOptions): KeyPlan {
	const lines = new Map<string, AuthorizedKey>();
	const leftOut: KeyLeftOut[] = [];
	const rootUsers = new Set(facts.users.filter(({ uid }) => uid === 0).map(({ name }) => name));
	rootUsers.add("root");
	const wanted = ({ user }: { readonly user: string }): boolean =>
		options.allUsers || rootUsers.has(user) || user === options.loginUser;
	for (const file of facts.ssh.authorizedKeys.filter(wanted)) {
		for (const key of file.keys) {
			const against = reasonAgainst(key, file, options.proof);
			const taken = against === undefined ? asRoots(key, file.user) : { reason: against };
			if (!("reason" in taken)) lines.set(taken.line, taken);
			else {
				const { lineNumber, comment } = key;
				const { reason } = taken;
				leftOut.push({ user: file.user, path: file.path, lineNumber, comment, reason });
			}
		}
	}
	const checks: Check[] = [];
	let named = false;
	for (const { name, content } of options.added) {
		const { keys } = parseAuthorizedKeys(content);
		const useful = keys.filter(
			(key) => keyOption(key, "command") === undefined && expiryOf(key, facts.time) === undefined,
		);
		if (useful.length === 0) {
			const found = keys.length === 0 ? "" : " without a forced command or an end";
			checks.push(
				refusal(
					"login-keys",
					`${name} holds no public key${found} that OpenSSH takes`,
					"Give the .pub file of a key pair with --key.",
				),
			);
		}
		for (const key of useful) lines.set(key.line, key);
		named ||= useful.length > 0;
	}
	const certified = facts.ssh.certifiedLogins.filter(wanted);
	const authorities = authorityLines(certified);
	for (const key of authorities.keys) lines.set(key.line, key);
	leftOut.push(...authorities.leftOut);
	const keys = [...lines.values()];
	checks.push(checkLogin(keys, leftOut, { ...options, named }, facts));
	checks.push(...checkLeftOut(facts, certified, leftOut));
	return {
		authorizedKeys: utf8(keys.map(({ line }) => `${line}\n`).join("")),
		count: keys.length,
		leftOut,
		checks,
	};
}

/** What of the target's files and programs opens the target, and will not open the rescue system. */
function checkLeftOut(
	{ ssh }: Facts,
	certified: readonly CertifiedLogin[],
	leftOut: readonly KeyLeftOut[],
): Check[] {
	const checks: Check[] = [];
	const tell = (found: string): void => {
		checks.push(note("login-keys", found));
	};
	const forced = leftOut.filter(({ reason }) => reason === forcedCommand);
	if (forced.length > 0) {
		const named = forced.map(({ path, lineNumber }) => `${path}:${lineNumber}`).join(", ");
		tell(`left out for their forced commands: ${named}`);
	}
	const files = [...ssh.authorizedKeys, ...certified];
	for (const file of files) {
		const { path, distrusted } = file;
		const counts = leftOut.some((key) => key.path === path && key.reason !== forcedCommand);
		if (distrusted === undefined || !counts) continue;
		const what = "principals" in file ? "names for certificates" : "keys";
		checks.push(
			warning(
				"login-keys",
				`the ${what} of ${path} are left out, since sshd takes none of them: ${distrusted}`,
				"Name a key that shall open the rescue system with --key FILE.",
			),
		);
	}
	// What another user put in the place of keys is not shown: it may be a link to anything.
	const unusable = files.flatMap((file) =>
		(file.distrusted === undefined ? file.unusable : []).map(
			({ lineNumber, reason }) => `${file.path}:${lineNumber} (${reason})`,
		),
	);
	if (unusable.length > 0) tell(`lines that open nothing: ${unusable.slice(0, 5).join(", ")}`);
	if (ssh.keysCommand !== undefined) {
		tell(`keys that ${ssh.keysCommand} gives (AuthorizedKeysCommand) stay behind`);
	}
	for (const command of new Set(certified.flatMap(({ command }) => command ?? []))) {
		tell(`names for certificates that ${command} gives (AuthorizedPrincipalsCommand) stay behind`);
	}
	return checks;
}

/** Why a key does not come along, or undefined. The key of this very login was taken, whatever the file looks like. */
function reasonAgainst(
	key: AuthorizedKey,
	{ distrusted }: Facts["ssh"]["authorizedKeys"][number],
	proof: LoginProof,
): string | undefined {
	if (keyOption(key, "command") !== undefined) return forcedCommand;
	const used = proof.method === "publickey" && key.blob === proof.blob;
	return distrusted === undefined || used
		? undefined
		: `sshd takes no key of its file: ${distrusted}`;
}

/** The login that was used has to work again, or the plan refuses. */
function checkLogin(
	keys: readonly AuthorizedKey[],
	leftOut: readonly KeyLeftOut[],
	{ proof, named, loginUser }: KeyOptions & { readonly named: boolean },
	facts: Facts,
): Check {
	const counted = `${keys.length} ${keys.length === 1 ? "key opens" : "keys open"} the rescue system`;
	/** The login will not work again; whoever named a key has another one. */
	const lost = (why: string): Check =>
		named
			? warning("login-keys", `${counted}, those named with --key among them, but ${why}`)
			: refusal("login-keys", why, "Name a public key that you hold with --key FILE.");
	if (proof.method !== "publickey") {
		if (named) return ok("login-keys", counted);
		return lost(
			`this login was opened by ${proof.method}, which the rescue system does not take: it takes keys only`,
		);
	}
	if (proof.certified === true) {
		const why = againstCertificate(proof.blob, keys, facts.time);
		const programs = facts.ssh.certifiedLogins.some(({ command }) => command !== undefined);
		const where = programs ? " (AuthorizedPrincipalsCommand may give its name)" : "";
		if (why !== undefined) return lost(`this login was opened by a certificate ${why}${where}`);
		return ok("login-keys", `${counted}, this login's among them`);
	}
	const used = linesOf(proof.blob, keys);
	if (used.length > 0) {
		// sshd passes a line by that has expired.
		const ends = used.map((key) => expiryOf(key, facts.time));
		if (!ends.includes(undefined)) return lost(`the key of this login expires at ${ends[0]}`);
		return ok("login-keys", `${counted}, that of this login among them`);
	}
	const owners = loginUser === "root" ? "root" : `root's or ${loginUser}`;
	const forced = leftOut.some(({ reason }) => reason === forcedCommand)
		? " without a forced command"
		: "";
	const where = facts.ssh.keysCommand === undefined ? "" : " (AuthorizedKeysCommand may give it)";
	return lost(
		`the key of this login stands in no file of ${owners}'s authorized keys${forced}${where}`,
	);
}

/** What keeps a certificate out of the rescue system, or undefined: sshd(8) on `cert-authority` and `principals`. */
function againstCertificate(
	blob: string,
	keys: readonly AuthorizedKey[],
	now: number,
): string | undefined {
	const certificate = readCertificate(blob);
	if (certificate === undefined) return "that cannot be read";
	const { key: bare, authority, principals, critical } = certificate;
	// ssh offers the key without its certificate as well.
	if (linesOf(bare, keys).some((key) => expiryOf(key, now) === undefined)) return undefined;
	if (critical.includes("force-command")) {
		return "with a forced command, whose program the rescue system lacks";
	}
	const lines = keys.filter(
		(key) =>
			keyOption(key, "cert-authority") !== undefined &&
			key.blob === authority &&
			expiryOf(key, now) === undefined,
	);
	if (lines.length === 0) return "whose authority the rescue system would not know";
	// Without the option the name is the user's, and all log in as root there.
	const taken = lines.flatMap((key) => (keyOption(key, "principals") ?? "root").split(","));
	if (principals.some((name) => taken.includes(name))) return undefined;
	const signedFor = principals.length === 0 ? "no name" : principals.join(", ");
	return `for ${signedFor}, and the rescue system takes those for ${taken.join(", ")}`;
}

/** The lines that let in who has this key, without any certificate. */
function linesOf(blob: string, keys: readonly AuthorizedKey[]): AuthorizedKey[] {
	return keys.filter((key) => key.blob === blob && keyOption(key, "cert-authority") === undefined);
}

/** When a key expires, where that is too soon to count on it. */
function expiryOf(key: AuthorizedKey, now: number): string | undefined {
	const time = keyOption(key, "expiry-time");
	return time !== undefined && expired(time, now) ? time : undefined;
}

/** expiry-time is YYYYMMDD[Z] or YYYYMMDDHHMM[SS][Z] (sshd(8)), here read as UTC; a day of grace for time zones. */
function expired(time: string, now: number): boolean {
	const [, y, m, d, hh = "00", mm = "00"] =
		/^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(?:\d\d)?)?Z?$/.exec(time) ?? [];
	if (y === undefined) return false;
	return Date.parse(`${y}-${m}-${d}T${hh}:${mm}:00Z`) < now + 86_400_000;
}
