import { utf8 } from "../bytes/index.ts";
import {
	type AuthorizedKey,
	keyOption,
	parseAuthorizedKeys,
} from "../kexec/facts/authorized-keys.ts";
import type { Facts } from "../kexec/facts/facts.ts";
import { asRoots, type CertifiedPlan, planCertified } from "./authorities.ts";
import { type Check, note, refusal, warning } from "./check.ts";
import { forcedCommand, type KeyLeftOut, some } from "./left-out.ts";
import { checkLogin, expiryOf, type LoginProof } from "./login-again.ts";

/** What will open the rescue system. */
export interface KeyPlan {
	/** Content of root's authorized_keys. */
	readonly authorizedKeys: Uint8Array;
	/** Whom certificates let in besides. */
	readonly certified?: CertifiedPlan;
	readonly count: number;
	readonly leftOut: readonly KeyLeftOut[];
	readonly checks: readonly Check[];
}

export interface KeyOptions {
	readonly loginUser: string;
	readonly proof: LoginProof;
	/** Keys of every user, not only of root and the login user. */
	readonly allUsers: boolean;
	/** Whether the image has a place for certificate authorities, as far as that is known. */
	readonly certificates: boolean;
	/** Keys that are known to be revoked, blobs in base64. */
	readonly revoked: ReadonlySet<string>;
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
	const { allUsers, loginUser } = options;
	const rootUsers = new Set(facts.users.filter(({ uid }) => uid === 0).map(({ name }) => name));
	rootUsers.add("root");
	const wanted = ({ user }: { readonly user: string }): boolean =>
		allUsers || rootUsers.has(user) || user === loginUser;
	const denied = new Map(facts.ssh.denied.map(({ user, reason }) => [user, reason]));
	/** By user: keys for which sshd has met a forced command, so that no line of theirs counts that follows. */
	const forcedFor = new Map<string, Set<string>>();
	for (const file of facts.ssh.authorizedKeys.filter(wanted)) {
		const forced = forcedFor.get(file.user) ?? new Set();
		forcedFor.set(file.user, forced);
		for (const key of file.keys) {
			if (isAlwaysForced(key) && file.distrusted === undefined) forced.add(key.blob);
			const against =
				forced.has(key.blob) && keyOption(key, "cert-authority") === undefined
					? forcedCommand
					: reasonAgainst(key, file, denied.get(file.user), options);
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
			(key) =>
				keyOption(key, "command") === undefined &&
				expiryOf(key, facts.time) === undefined &&
				!options.revoked.has(key.blob) &&
				key.type !== "ssh-dss",
		);
		if (useful.length === 0) {
			const found =
				keys.length === 0
					? ""
					: "; DSA keys, those with a forced command or an end, and those that are revoked do not count";
			checks.push(
				refusal(
					"login-keys",
					`${name} holds no public key that OpenSSH takes${found}`,
					"Give the .pub file of a key pair with --key.",
				),
			);
		}
		for (const key of useful) lines.set(key.line, key);
		named ||= useful.length > 0;
	}
	const takes = options.certificates ? facts.ssh.certifiedLogins : [];
	const { certified, ...withCertificates } = planCertified(
		takes
			.filter((login) => wanted(login) && (!denied.has(login.user) || isCertified(login, options)))
			.sort((one, other) => Number(other.user === loginUser) - Number(one.user === loginUser)),
	);
	leftOut.push(...withCertificates.leftOut);
	const keys = [...lines.values()];
	checks.push(checkLogin(keys, leftOut, { ...options, named, certified }, facts));
	checks.push(...checkLeftOut(facts, leftOut), ...withCertificates.checks);
	if (takes.length < facts.ssh.certifiedLogins.length) {
		const paths = new Set(facts.ssh.certifiedLogins.map(({ authorities }) => authorities.path));
		checks.push(
			warning(
				"login-keys",
				`this image has no place for certificate authorities: ${[...paths].join(", ")}`,
				"Name a key that shall open the rescue system with --key FILE.",
			),
		);
	}
	return {
		authorizedKeys: utf8(keys.map(({ line }) => `${line}\n`).join("")),
		...(certified ? { certified } : {}),
		count: keys.length,
		leftOut,
		checks,
	};
}

/** What of the target's files and programs opens the target, and will not open the rescue system. */
function checkLeftOut({ ssh }: Facts, leftOut: readonly KeyLeftOut[]): Check[] {
	const checks: Check[] = [];
	const tell = (found: string): void => {
		checks.push(note("login-keys", found));
	};
	const barred = new Map(ssh.denied.map(({ user, reason }) => [user, reason]));
	const because = (text: string) => leftOut.filter(({ reason }) => reason.includes(text));
	const forced = because(forcedCommand);
	if (forced.length > 0) {
		const places = forced.map(({ path, lineNumber }) => `${path}:${lineNumber}`);
		tell(`left out for their forced commands: ${some(places)}`);
	}
	for (const user of new Set(because(nobodyAs).map((key) => key.user))) {
		tell(`keys of ${user} are left out: ${nobodyAs} ${user} (${barred.get(user)})`);
	}
	for (const { path, distrusted } of ssh.authorizedKeys) {
		const counts = leftOut.some((key) => key.path === path && key.reason.includes(noneOf));
		if (distrusted === undefined || !counts) continue;
		checks.push(
			warning(
				"login-keys",
				`the keys of ${path} are left out, since sshd takes none of them: ${distrusted}`,
				"Name a key that shall open the rescue system with --key FILE.",
			),
		);
	}
	// What another user put in the place of keys is not shown: it may be a link to anything.
	const unusable = ssh.authorizedKeys.flatMap((file) =>
		(file.distrusted === undefined ? file.unusable : []).map(
			({ lineNumber, reason }) => `${file.path}:${lineNumber} (${reason})`,
		),
	);
	if (unusable.length > 0) tell(`lines that are no keys: ${some(unusable)}`);
	if (ssh.keysCommand !== undefined) {
		tell(`keys that ${ssh.keysCommand} gives (AuthorizedKeysCommand) stay behind`);
	}
	return checks;
}

const nobodyAs = "sshd lets nobody in as";
const noneOf = "sshd takes no key of its file";

/**
 * Why a key does not come along, or undefined. The key of this very login was taken, whatever the file and the
 * configuration look like.
 */
function reasonAgainst(
	key: AuthorizedKey,
	{ user, distrusted }: Facts["ssh"]["authorizedKeys"][number],
	denied: string | undefined,
	options: KeyOptions,
): string | undefined {
	if (keyOption(key, "command") !== undefined) return forcedCommand;
	if (options.revoked.has(key.blob)) return "it is revoked (RevokedKeys)";
	const { proof } = options;
	const used =
		keyOption(key, "cert-authority") === undefined
			? proof.method === "publickey" && key.blob === proof.blob
			: isCertified({ user }, options);
	if (used) return undefined;
	if (denied !== undefined) return `${nobodyAs} ${user}: ${denied}`;
	return distrusted === undefined ? undefined : `${noneOf}: ${distrusted}`;
}

/** Whether a certificate opened this login, as this user. */
function isCertified(
	{ user }: { readonly user: string },
	{ proof, loginUser }: KeyOptions,
): boolean {
	return user === loginUser && proof.method === "publickey" && proof.certified === true;
}

/** Whether its command is forced wherever and whenever somebody logs in. */
function isAlwaysForced(key: AuthorizedKey): boolean {
	const has = (name: string): boolean => keyOption(key, name) !== undefined;
	return has("command") && !has("from") && !has("expiry-time");
}
