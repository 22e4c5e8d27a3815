import { Cursor, EkexecError, startsWith, text, utf8 } from "../bytes/index.ts";
import type { Adapter } from "../image/index.ts";
import type { Facts } from "../kexec/facts/facts.ts";
import { isWholeKey, readCertificate } from "../ssh/certificate.ts";
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
		const first = carried === undefined && adapter !== "nixos-images";
		if (read !== undefined && first) carried = { path, content: read.content };
		// Of a list, what stands in the files of authorized keys is left out there.
		if (read !== undefined && (first || read.isList)) {
			const partly =
				read.dropped === 0
					? ""
					: `; lines that the rescue system's sshd could not read: ${read.dropped}`;
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
	readonly isList: boolean;
	/** Those that a list names, in base64. */
	readonly blobs: readonly string[];
	/** Lines that are no key, or one of a type that OpenSSH no longer has. */
	readonly dropped: number;
}

/** A KRL as it is, or the lines of a list that any sshd can read; undefined: a KRL that not every sshd can. */
function readRevoked(content: Uint8Array): Read | undefined {
	if (startsWith(content, utf8("SSHKRL\n\0"))) {
		return isPlainKrl(content) ? { content, isList: false, blobs: [], dropped: 0 } : undefined;
	}
	const kept: string[] = [];
	const blobs: string[] = [];
	let dropped = 0;
	for (const line of text(content).split("\n")) {
		if (/^[ \t]*(?:#|$)/.test(line)) continue;
		const key = parsePublicLine(line)?.key;
		if (key === undefined || !isReadable(key.blob)) dropped += 1;
		else {
			const blob = Buffer.from(key.blob).toString("base64");
			kept.push(`${key.type} ${blob}\n`);
			blobs.push(blob);
		}
	}
	return { content: utf8(kept.join("")), isList: true, blobs, dropped };
}

/** Whether it is a key, or a certificate by one, of a type that an sshd of today knows. */
function isReadable(blob: Uint8Array): boolean {
	const certificate = readCertificate(Buffer.from(blob).toString("base64"));
	if (certificate === undefined) return isWholeKey(blob);
	const { key, authority } = certificate;
	return [key, authority].every((each) => isWholeKey(Buffer.from(each, "base64")));
}

/** Whether a KRL holds nothing but what every sshd knows: certificates, keys, and their digests (PROTOCOL.krl). */
function isPlainKrl(content: Uint8Array): boolean {
	try {
		const cursor = new Cursor(content, { endian: "big" });
		cursor.skip(8, "magic");
		if (cursor.u32("format") !== 1) return false;
		cursor.skip(24, "version, date and flags");
		for (const field of ["reserved", "comment"]) cursor.skip(cursor.u32(field), field);
		while (cursor.remaining > 0) {
			const kind = cursor.u8("kind of section");
			const section = cursor.sub(cursor.u32("section"), "section");
			if (!isPlainSection(kind, section)) return false;
		}
		return true;
	} catch (error) {
		if (error instanceof EkexecError) return false;
		throw error;
	}
}

const certificates = 1;
/** Keys, and their digests by SHA-1 and SHA-256: strings. */
const lists: ReadonlySet<number> = new Set([2, 3, 5]);
/** Certificates by serial numbers, ranges and bitmaps of them, and by names. */
const kindsOfCertificates: ReadonlySet<number> = new Set([0x20, 0x21, 0x22, 0x23]);

function isPlainSection(kind: number, section: Cursor): boolean {
	const string = (): Uint8Array => section.take(section.u32("string"), "string");
	if (kind === certificates) {
		const authority = string();
		if (authority.length > 0 && !isWholeKey(authority)) return false;
		string();
		while (section.remaining > 0) {
			if (!kindsOfCertificates.has(section.u8("kind of certificates"))) return false;
			string();
		}
		return true;
	}
	if (!lists.has(kind)) return false;
	while (section.remaining > 0) string();
	return true;
}
