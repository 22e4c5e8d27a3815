import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { Cursor, concat, equal, utf8 } from "../bytes/index.ts";
import { imageError } from "./errors.ts";

/** Digests of a file that a signature may need, in one reading. */
export interface FileDigests {
	readonly sha256: Uint8Array;
	readonly sha512: Uint8Array;
	readonly blake2b512: Uint8Array;
}

/** Hashes chunks for {@link verifySignature}. */
export async function digestsOf(
	chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<FileDigests> {
	const hashes = (["sha256", "sha512", "blake2b512"] as const).map((name) => createHash(name));
	for await (const chunk of chunks) for (const hash of hashes) hash.update(chunk);
	const [sha256, sha512, blake2b512] = hashes.map((hash) => new Uint8Array(hash.digest()));
	const none = new Uint8Array(0);
	return { sha256: sha256 ?? none, sha512: sha512 ?? none, blake2b512: blake2b512 ?? none };
}

/** Namespaces of ssh signatures taken: what `ssh-keygen -Y sign -n` is usually given for a file, and our own. */
const namespaces = ["file", "ekexec"];
/** A signature file has some hundred bytes; an ssh one with an RSA key of 16384 bits, some thousands. */
export const maxSignatureBytes: number = 64 * 1024;

/**
 * Checks a detached signature, minisign's (prehashed, as it has been the default since 0.8) or that of
 * `ssh-keygen -Y sign`, made by `signer`: the text of a public key in the same system's form. Throws `IMAGE_SIGNATURE`.
 */
export function verifySignature(
	digests: FileDigests,
	signature: string,
	signer: string,
	where: string,
): void {
	if (signature.includes("-----BEGIN SSH SIGNATURE-----"))
		verifySsh(digests, signature, signer, where);
	else verifyMinisign(digests, signature, signer, where);
}

function bad(where: string, expected: string, found: string, cause?: unknown): never {
	throw imageError("check", "IMAGE_SIGNATURE", "the signature does not hold", {
		where,
		expected,
		found,
		remedy: "Nothing of the image was used. Fetch it again, and check where the key came from.",
		cause,
	});
}

// minisign: two letters of algorithm, 8 bytes of key id, then the key (32) or the signature (64), in base64.
function verifyMinisign(
	digests: FileDigests,
	signature: string,
	signer: string,
	where: string,
): void {
	const lines = signature.split(/\r?\n/);
	const [comment = "", packed = "", trusted = "", global = ""] = lines;
	if (!comment.startsWith("untrusted comment:") || !trusted.startsWith("trusted comment: ")) {
		bad(where, "a signature of minisign or ssh-keygen -Y", JSON.stringify(comment.slice(0, 60)));
	}
	const keyLine = signer
		.split(/\r?\n/)
		.map((line) => line.trim())
		.find((line) => line !== "" && !line.startsWith("untrusted comment:"));
	const key = decode(keyLine ?? "", 42, where, "a public key of minisign");
	const signed = decode(packed, 74, where, "a signature of minisign");
	const algorithm = String.fromCharCode(...signed.subarray(0, 2));
	if (algorithm !== "ED") bad(where, "a prehashed signature (ED)", JSON.stringify(algorithm));
	if (!equal(signed.subarray(2, 10), key.subarray(2, 10))) {
		bad(
			where,
			`a signature by key ${hex(key.subarray(2, 10))}`,
			`by key ${hex(signed.subarray(2, 10))}`,
		);
	}
	const publicKey = ed25519(key.subarray(10));
	const sig = signed.subarray(10);
	if (!verify(null, digests.blake2b512, publicKey, sig)) {
		bad(where, "a file as it was when it was signed", "other bytes");
	}
	const globalSig = decode(global, 64, where, "a signature of the trusted comment");
	const told = concat([sig, utf8(trusted.slice("trusted comment: ".length))]);
	if (!verify(null, told, publicKey, globalSig)) bad(where, "the comment as signed", "another one");
}

// PROTOCOL.sshsig of OpenSSH: "SSHSIG", u32 version, then strings: public key, namespace, reserved, hash, signature.
function verifySsh(digests: FileDigests, armoured: string, signer: string, where: string): void {
	const body = armoured.match(
		/-----BEGIN SSH SIGNATURE-----([\s\S]+?)-----END SSH SIGNATURE-----/,
	)?.[1];
	const blob = fromBase64((body ?? "").replace(/\s+/g, ""), where, "a signature of OpenSSH");
	const cursor = new Cursor(blob, { endian: "big", where });
	const magic = cursor.take(6, "magic");
	const version = cursor.u32("version");
	if (!equal(magic, utf8("SSHSIG")) || version !== 1)
		bad(where, "SSHSIG version 1", "something else");
	const string = (field: string): Uint8Array => cursor.take(cursor.u32(field), field);
	const key = string("publickey");
	const namespace = string("namespace");
	const reserved = string("reserved");
	const hash = string("hash_algorithm");
	const signature = new Cursor(string("signature"), { endian: "big", where });
	if (cursor.remaining > 0) bad(where, "the end of the signature", `${cursor.remaining} bytes`);

	const words = signer.trim().split(/\s+/);
	const wanted = words.find((word) => /^AAAA[\w+/=]+$/.test(word));
	const expected = new Uint8Array(Buffer.from(wanted ?? "", "base64"));
	if (wanted === undefined) bad(where, "a public key of OpenSSH as the signer", "none");
	if (!equal(key, expected)) bad(where, "a signature by the given key", "one by another key");
	const space = Buffer.from(namespace).toString();
	if (!namespaces.includes(space)) bad(where, `namespace ${namespaces.join(" or ")}`, space);
	const hashName = Buffer.from(hash).toString();
	const known = new Map([
		["sha512", digests.sha512],
		["sha256", digests.sha256],
	]);
	const digest = known.get(hashName) ?? bad(where, "hash sha512 or sha256", hashName);
	const message = concat([magic, ...[namespace, reserved, hash, digest].flatMap(sized)]);
	const type = Buffer.from(signature.take(signature.u32("type"), "type")).toString();
	const sig = signature.take(signature.u32("blob"), "blob");
	if (signature.remaining > 0) bad(where, "the end of the signature", "more bytes");
	const { publicKey, digestFor } = sshKey(key, type, where);
	if (!verify(digestFor, message, publicKey, sig)) {
		bad(where, "a file as it was when it was signed", "other bytes");
	}
}

function sized(bytes: Uint8Array): Uint8Array[] {
	const length = new Uint8Array(4);
	new DataView(length.buffer).setUint32(0, bytes.length);
	return [length, bytes];
}

function sshKey(
	blob: Uint8Array,
	type: string,
	where: string,
): { readonly publicKey: KeyObject; readonly digestFor: string | null } {
	const cursor = new Cursor(blob, { endian: "big", where });
	const string = (field: string): Uint8Array => cursor.take(cursor.u32(field), field);
	const kind = Buffer.from(string("key type")).toString();
	if (kind === "ssh-ed25519" && type === kind) {
		return { publicKey: ed25519(string("key")), digestFor: null };
	}
	if (kind === "ssh-rsa" && /^rsa-sha2-(256|512)$/.test(type)) {
		const [e, n] = [string("e"), string("n")].map((part) =>
			Buffer.from(part).toString("base64url"),
		);
		const publicKey = createPublicKey({
			key: { kty: "RSA", e: e ?? "", n: n ?? "" },
			format: "jwk",
		});
		return { publicKey, digestFor: type === "rsa-sha2-256" ? "sha256" : "sha512" };
	}
	return bad(where, "a key of type ssh-ed25519 or ssh-rsa with SHA-2", `${kind}, ${type}`);
}

function ed25519(raw: Uint8Array): KeyObject {
	const x = Buffer.from(raw).toString("base64url");
	return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

function decode(base64: string, length: number, where: string, expected: string): Uint8Array {
	const bytes = fromBase64(base64.trim(), where, expected);
	if (bytes.length !== length) bad(where, `${expected}, ${length} bytes`, `${bytes.length} bytes`);
	return bytes;
}

/** Node skips what is no base64; here nothing is skipped, so that a signature has one form only. */
function fromBase64(base64: string, where: string, expected: string): Uint8Array {
	const bytes = Buffer.from(base64, "base64");
	if (bytes.toString("base64") !== base64) bad(where, expected, "something that is no base64");
	return new Uint8Array(bytes);
}

function hex(bytes: Uint8Array): string {
	// minisign shows key ids as one little-endian number.
	return Buffer.from(bytes).reverse().toString("hex").toUpperCase();
}
