// Whether the login that was used will work again, in the rescue system.
import { type AuthorizedKey, keyOption } from "../kexec/facts/authorized-keys.ts";
import type { Facts } from "../kexec/facts/facts.ts";
import { readCertificate } from "../ssh/certificate.ts";
import type { CertifiedPlan } from "./authorities.ts";
import { type Check, ok, refusal, warning } from "./check.ts";
import { forcedCommand, type KeyLeftOut, some } from "./left-out.ts";

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

export interface LoginAgain {
	readonly loginUser: string;
	readonly proof: LoginProof;
	/** Whether a key was named that opens the rescue system in any case. */
	readonly named: boolean;
	readonly certified: CertifiedPlan | undefined;
}

/** The login that was used has to work again, or the plan refuses. */
export function checkLogin(
	keys: readonly AuthorizedKey[],
	leftOut: readonly KeyLeftOut[],
	{ proof, named, loginUser, certified }: LoginAgain,
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
		const why = againstCertificate(proof.blob, keys, certified, facts.time);
		const programs = facts.ssh.certifiedLogins.some(({ command }) => command !== undefined);
		const where = programs ? " (AuthorizedPrincipalsCommand may give its name)" : "";
		if (why !== undefined) return lost(`this login was opened by a certificate ${why}${where}`);
		const certificate = "the certificate of this login";
		return ok(
			"login-keys",
			keys.length === 0
				? `${certificate} opens the rescue system`
				: `${counted}, and so does ${certificate}`,
		);
	}
	if (proof.type === "ssh-dss")
		return lost("this login was opened by a DSA key, which no sshd takes now");
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

/** A rescue takes minutes, and logs in at its end. Seconds. */
const soon = 15 * 60;

/**
 * What keeps a certificate out of the rescue system, or undefined: TrustedUserCAKeys goes before the lines of
 * authorized_keys (user_key_allowed() of auth2-pubkey.c).
 */
function againstCertificate(
	blob: string,
	keys: readonly AuthorizedKey[],
	trusted: CertifiedPlan | undefined,
	now: number,
): string | undefined {
	const certificate = readCertificate(blob);
	if (certificate === undefined) return "that cannot be read";
	const { authority, principals, critical, validBefore, signedWith } = certificate;
	if (/^ssh-(?:rsa|dss)$/.test(signedWith))
		return `signed with ${signedWith}, which no sshd takes now`;
	if (critical.includes("force-command")) {
		return "with a forced command, whose program the rescue system lacks";
	}
	if (validBefore < now / 1000 + soon) {
		return `that ends at ${new Date(validBefore * 1000).toISOString()}`;
	}
	const listed = trusted?.authorities.keys.some((key) => key.blob === authority) ?? false;
	const line = listed ? trusted?.lines.find(({ name }) => principals.includes(name)) : undefined;
	if (line !== undefined) {
		if (line.options.some(({ name }) => name === "command")) {
			return `for ${line.name}, for whom a command is forced`;
		}
		const end = line.options.find(({ name }) => name === "expiry-time")?.value;
		return end !== undefined && expired(end, now) ? `for ${line.name}, until ${end}` : undefined;
	}
	const lines = keys.filter(
		(key) =>
			keyOption(key, "cert-authority") !== undefined &&
			key.blob === authority &&
			expiryOf(key, now) === undefined,
	);
	if (lines.length === 0 && !listed) return "whose authority the rescue system would not know";
	// Without the option the name is the user's, and all log in as root there.
	const taken = [
		...(listed ? (trusted?.lines.map(({ name }) => name) ?? []) : []),
		...lines.flatMap((key) => (keyOption(key, "principals") ?? "root").split(",")),
	];
	if (lines.length > 0 && principals.some((name) => taken.includes(name))) return undefined;
	const signedFor =
		principals.length === 0 ? "no name, which not every sshd takes," : some(principals);
	return `for ${signedFor}, and the rescue system takes those for ${some(taken)}`;
}

/** The lines that let in who has this key, without any certificate. */
function linesOf(blob: string, keys: readonly AuthorizedKey[]): AuthorizedKey[] {
	return keys.filter((key) => key.blob === blob && keyOption(key, "cert-authority") === undefined);
}

/** When a key expires, where that is too soon to count on it. */
export function expiryOf(key: AuthorizedKey, now: number): string | undefined {
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
