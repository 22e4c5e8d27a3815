import { createHash } from "node:crypto";
import { Cursor, text } from "../bytes/index.ts";
import type { PublicKey } from "./connection.ts";

/** Caps the name of a key type; the longest in use has 48 characters. */
const maxTypeLength = 64;

/** The key's own name for its type, if the bytes begin like a public key (RFC 4253, 6.6). */
export function typeOfBlob(blob: Uint8Array): string | undefined {
	if (blob.length < 5) return undefined;
	const cursor = new Cursor(blob, { endian: "big" });
	const length = cursor.u32();
	if (length < 1 || length > maxTypeLength || length > cursor.remaining) return undefined;
	const name = text(cursor.take(length));
	return /^[\x21-\x7e]+$/.test(name) ? name : undefined;
}

/** `SHA256:…` as ssh and ssh-keygen -l print it. */
export function fingerprint(blob: Uint8Array): string {
	return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

export function publicKey(blob: Uint8Array): PublicKey | undefined {
	const type = typeOfBlob(blob);
	return type === undefined
		? undefined
		: { type, blob: new Uint8Array(blob), fingerprint: fingerprint(blob) };
}

/** Reads `type base64 [comment]`, the line of a .pub file. */
export function parsePublicLine(line: string): { key: PublicKey; comment: string } | undefined {
	const match = /^\s*(\S+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+(.*?))?\s*$/.exec(line);
	if (!match) return undefined;
	const key = publicKey(Buffer.from(match[2] ?? "", "base64"));
	if (key === undefined || key.type !== match[1]) return undefined;
	return { key, comment: match[3] ?? "" };
}

/** What ssh calls the type when it talks to people: ED25519, ECDSA, RSA, … */
export function shortType(type: string): string {
	const plain = type.replace(/^sk-/, "").replace(/-cert-v\d+@openssh\.com$/, "");
	const name = plain.startsWith("ecdsa") ? "ECDSA" : plain.replace(/^ssh-/, "").replace(/@.*/, "");
	return `${name.toUpperCase()}${type.startsWith("sk-") ? "-SK" : ""}`;
}

/** Bits of an RSA key's modulus; undefined for a key of another type, 0 for one that makes no sense (RFC 4253, 6.6). */
export function rsaBits({ type, blob }: PublicKey): number | undefined {
	if (type !== "ssh-rsa") return undefined;
	try {
		const cursor = new Cursor(blob, { endian: "big" });
		for (const name of ["type", "exponent"]) cursor.take(cursor.u32(name), name);
		const modulus = cursor.take(cursor.u32("modulus"), "modulus");
		const first = modulus.findIndex((byte) => byte !== 0);
		return first < 0 ? 0 : (modulus.length - first) * 8 - (Math.clz32(modulus[first] ?? 0) - 24);
	} catch {
		return 0;
	}
}
