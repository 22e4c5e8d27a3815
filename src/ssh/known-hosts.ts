import { createHmac, randomBytes } from "node:crypto";
import type { PublicKey } from "./connection.ts";
import { matchList } from "./pattern.ts";
import { publicKey, typeOfBlob } from "./public-key.ts";

/** One line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHost {
	readonly file: string;
	/** Counted from 1. */
	readonly line: number;
	readonly marker: "none" | "revoked" | "cert-authority";
	/** `|1|salt|hash`, or patterns separated by commas. */
	readonly hosts: string;
	readonly key: PublicKey;
}

/** Known_hosts files of big sites reach some megabytes; longer input is no such file. */
export const maxKnownHosts: number = 64 * 1024 * 1024;

/** The usable lines of a file; like ssh, lines that make no sense are passed over. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
	const found: KnownHost[] = [];
	for (const [index, raw] of text.split("\n").entries()) {
		const entry = parseKnownHost(raw, file, index + 1);
		if (entry !== undefined) found.push(entry);
	}
	return found;
}

function parseKnownHost(raw: string, file: string, line: number): KnownHost | undefined {
	const fields = raw.trim().split(/[ \t]+/);
	if (fields[0] === "" || fields[0]?.startsWith("#")) return undefined;
	let marker: KnownHost["marker"] = "none";
	if (fields[0]?.startsWith("@")) {
		const name = fields.shift();
		if (name === "@revoked") marker = "revoked";
		else if (name === "@cert-authority") marker = "cert-authority";
		else return undefined;
	}
	const [hosts, type, base64] = fields;
	if (hosts === undefined || type === undefined || base64 === undefined) return undefined;
	if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
	const blob = Buffer.from(base64, "base64");
	const key = typeOfBlob(blob) === type ? publicKey(blob) : undefined;
	return key === undefined ? undefined : { file, line, marker, hosts, key };
}

/** The name under which ssh keeps a host: lower case, and `[host]:port` unless the port is 22. */
export function knownName(host: string, port: number): string {
	const name = host.toLowerCase();
	return port === 22 ? name : `[${name}]:${port}`;
}

/** Whether the line speaks of the host called `name` (see `knownName`). */
export function speaksOf(entry: Pick<KnownHost, "hosts">, name: string): boolean {
	if (entry.hosts.startsWith("|")) {
		const [, version, salt, hash, ...more] = entry.hosts.split("|");
		if (version !== "1" || salt === undefined || hash === undefined || more.length > 0)
			return false;
		const digest = createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest("base64");
		return digest === hash;
	}
	const patterns = entry.hosts.split(",").map((pattern) => pattern.toLowerCase());
	return matchList(name, patterns) === true;
}

/** What the files say of a key that a host showed. */
export type Verdict =
	/** Shown and known. */
	| { readonly verdict: "known"; readonly by: KnownHost }
	/** The key must not be accepted from anyone. */
	| { readonly verdict: "revoked"; readonly by: KnownHost }
	/** Another key of this type is known. */
	| { readonly verdict: "changed"; readonly by: KnownHost }
	/** Nothing of this type is known; `others` are the host's keys of other types. */
	| { readonly verdict: "unknown"; readonly others: readonly KnownHost[] };

/** Judges a key by the lines that speak of one of the host's names. Revocation beats everything. */
export function judge(
	entries: readonly KnownHost[],
	names: readonly string[],
	key: PublicKey,
): Verdict {
	const ours = entries.filter((entry) => names.some((name) => speaksOf(entry, name)));
	const same = (entry: KnownHost) => Buffer.compare(entry.key.blob, key.blob) === 0;
	const revoked = ours.find((entry) => entry.marker === "revoked" && same(entry));
	if (revoked) return { verdict: "revoked", by: revoked };
	const plain = ours.filter((entry) => entry.marker === "none");
	const known = plain.find(same);
	if (known) return { verdict: "known", by: known };
	const changed = plain.find((entry) => entry.key.type === key.type);
	if (changed) return { verdict: "changed", by: changed };
	return { verdict: "unknown", others: plain };
}

/** Types of the host's known keys, so that the server is asked to show one of those. */
export function knownTypes(entries: readonly KnownHost[], names: readonly string[]): Set<string> {
	const types = new Set<string>();
	for (const entry of entries) {
		if (entry.marker === "none" && names.some((name) => speaksOf(entry, name))) {
			types.add(entry.key.type);
		}
	}
	return types;
}

/** Whether a certificate authority is known for the host: only a host certificate can then satisfy it. */
export function knownAuthority(entries: readonly KnownHost[], names: readonly string[]): boolean {
	return entries.some(
		(entry) => entry.marker === "cert-authority" && names.some((name) => speaksOf(entry, name)),
	);
}

/** The line that ssh would add; hashed as ssh does it with a salt of 20 bytes. */
export function knownHostLine(name: string, key: PublicKey, hashed: boolean): string {
	let hosts = name;
	if (hashed) {
		const salt = randomBytes(20);
		const digest = createHmac("sha1", salt).update(name).digest("base64");
		hosts = `|1|${salt.toString("base64")}|${digest}`;
	}
	return `${hosts} ${key.type} ${Buffer.from(key.blob).toString("base64")}\n`;
}
