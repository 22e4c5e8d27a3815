import { Cursor, EkexecError, startsWith, text, utf8 } from "../bytes/index.ts";
import type { Adapter } from "../image/index.ts";
import { parseAuthorizedKeys } from "../kexec/facts/authorized-keys.ts";
import type { Facts } from "../kexec/facts/facts.ts";
import { readCertificate } from "../ssh/certificate.ts";
import { parsePublicLine } from "../ssh/public-key.ts";
import { type Check, note, warning } from "./check.ts";

/** Keys that let nobody in, for the rescue system's sshd. */
export interface RevokedKeys {
	readonly path: string;
	readonly content: Uint8Array;
}

/**
 * Which of the target's files of revoked keys the rescue system heeds, and what the operator has to know of the others.
 * sshd takes one file, and no key at all where it cannot read that: it gets nothing which another version may not know.
 */
export function planRevoked(
	{ ssh }: Facts,
	adapter: Adapter | undefined,
): {
	readonly carried?: RevokedKeys;
	/** Blobs in base64 of those that a list names. */
	readonly listed: ReadonlySet<string>;
	readonly checks: readonly Check[];
} {
	const listed = new Set<string>();
	const checks: Check[] = [];
	let carried: RevokedKeys | undefined;
	for (const { path, content } of ssh.revokedKeys) {
		if (content?.length === 0) continue;
		const read = content && readRevoked(content);
		for (const blob of read?.blobs ?? []) listed.add(blob);
		if (read !== undefined && carried === undefined && adapter !== "nixos-images") {
			carried = { path, content: read.content };
			const partly = read.dropped === 0 ? "" : `; lines that no sshd takes now: ${read.dropped}`;
			checks.push(
				note("login-keys", `keys that ${path} revokes open the rescue system neither${partly}`),
			);
			continue;
		}
		const which = read === undefined ? `${path}, which cannot be read,` : path;
		checks.push(
			warning(
				"login-keys",
				`keys that ${which} revokes (RevokedKeys) open the rescue system where they stand among those carried`,
				"Take them out of the files of authorized keys first.",
			),
		);
	}
	return { ...(carried ? { carried } : {}), listed, checks };
}

interface Read {
	readonly content: Uint8Array;
	readonly blobs: readonly string[];
	/** Lines that are no key, or one of a type that OpenSSH no longer has. */
	readonly dropped: number;
}

/** A KRL as it is, or the lines of a list that any sshd can read; undefined: a KRL that not every sshd can. */
function readRevoked(content: Uint8Array): Read | undefined {
	if (startsWith(content, utf8("SSHKRL\n\0"))) {
		return isPlainKrl(content) ? { content, blobs: [], dropped: 0 } : undefined;
	}
	const kept: string[] = [];
	const blobs: string[] = [];
	let dropped = 0;
	for (const line of text(content).split("\n")) {
		if (/^[ \t]*(?:#|$)/.test(line)) continue;
		const blob = readableKey(line);
		if (blob === undefined) dropped += 1;
		else {
			kept.push(`${line}\n`);
			blobs.push(blob);
		}
	}
	return { content: utf8(kept.join("")), blobs, dropped };
}

/** The blob of a line that holds nothing but a key or certificate of a type that any sshd knows. */
function readableKey(line: string): string | undefined {
	const parsed = parsePublicLine(line);
	if (parsed === undefined || /^ssh-dss/.test(parsed.key.type)) return undefined;
	const blob = Buffer.from(parsed.key.blob).toString("base64");
	if (readCertificate(blob) !== undefined) return blob;
	const [key] = parseAuthorizedKeys(utf8(line)).keys;
	return key?.options.length === 0 ? blob : undefined;
}

/** Kinds of sections that every sshd knows (PROTOCOL.krl): certificates, keys, and their digests. */
const plainSections: ReadonlySet<number> = new Set([1, 2, 3, 5]);

function isPlainKrl(content: Uint8Array): boolean {
	try {
		const cursor = new Cursor(content, { endian: "big" });
		cursor.skip(8, "magic");
		if (cursor.u32("format") !== 1) return false;
		cursor.skip(24, "version, date and flags");
		for (const field of ["reserved", "comment"]) cursor.skip(cursor.u32(field), field);
		while (cursor.remaining > 0) {
			if (!plainSections.has(cursor.u8("kind of section"))) return false;
			cursor.skip(cursor.u32("section"), "section");
		}
		return true;
	} catch (error) {
		if (error instanceof EkexecError) return false;
		throw error;
	}
}
