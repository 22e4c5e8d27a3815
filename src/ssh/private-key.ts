import { createPrivateKey, createPublicKey, type KeyObject, sign as signWith } from "node:crypto";
import ssh2 from "ssh2";
import { Cursor, concat, startsWith, text, utf8 } from "../bytes/index.ts";
import type { PublicKey } from "./connection.ts";
import { publicKey } from "./public-key.ts";
import { sshStrings } from "./strings.ts";

/** A private key file, read but perhaps still encrypted. */
export interface PrivateKeyFile {
	/** In the clear in OpenSSH's own format even when the rest is encrypted; otherwise only of unencrypted keys. */
	readonly key: PublicKey | undefined;
	readonly encrypted: boolean;
	/** Decrypts. Returns undefined if the passphrase is wrong; throws if the format is not supported. */
	unlock(passphrase: string | undefined): PrivateKey | undefined;
}

/** A key that can sign. */
export interface PrivateKey {
	readonly key: PublicKey;
	/** RSA takes the hash; the other types ignore it. The signature is bare, ECDSA's as DER. */
	sign(data: Buffer, hash: "sha256" | "sha512" | undefined): Buffer;
}

const header = /-----BEGIN ((?:[A-Z0-9]+ )*)PRIVATE KEY-----/;

/** Reads OpenSSH's own format, PEM (PKCS#1, SEC1) and PKCS#8; undefined if it is none of them. */
export function parsePrivateKey(pem: string): PrivateKeyFile | undefined {
	const kind = header.exec(pem)?.[1]?.trim();
	if (kind === undefined) return undefined;
	if (kind === "OPENSSH") return parseOpenSsh(pem);
	const encrypted = kind === "ENCRYPTED" || /^Proc-Type: 4,ENCRYPTED/m.test(pem);
	const unlock = (passphrase: string | undefined) => {
		let object: KeyObject;
		try {
			object = createPrivateKey({
				key: pem,
				...(passphrase === undefined ? {} : { passphrase }),
			});
		} catch {
			return undefined;
		}
		return fromKeyObject(object);
	};
	return { key: encrypted ? undefined : unlock(undefined)?.key, encrypted, unlock };
}

const magic = utf8("openssh-key-v1\0");

/** PROTOCOL.key of OpenSSH: magic, cipher, kdf, kdf options, number of keys, public key, private part. */
function parseOpenSsh(pem: string): PrivateKeyFile | undefined {
	const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\s\S]*?)-----END/.exec(pem)?.[1];
	const bytes = Buffer.from(body ?? "", "base64");
	if (!startsWith(bytes, magic)) return undefined;
	const cursor = new Cursor(bytes, { endian: "big", where: "private key" });
	cursor.skip(magic.length);
	const string = (field: string) => cursor.take(cursor.u32(field), field);
	let key: PublicKey | undefined;
	let encrypted: boolean;
	try {
		encrypted = text(string("cipher")) !== "none";
		string("kdf");
		string("kdf options");
		cursor.u32("number of keys");
		key = publicKey(string("public key"));
	} catch {
		return undefined;
	}
	if (key === undefined) return undefined;
	const shown = key;
	return {
		key,
		encrypted,
		unlock(passphrase) {
			const parsed = ssh2.utils.parseKey(pem, passphrase);
			if (parsed instanceof Error || !parsed.isPrivateKey()) return undefined;
			return {
				key: shown,
				sign(data, hash) {
					const signature = parsed.sign(data, hash);
					if (!Buffer.isBuffer(signature)) throw signature;
					return signature;
				},
			};
		},
	};
}

function fromKeyObject(object: KeyObject): PrivateKey | undefined {
	const key = publicKey(blobOf(createPublicKey(object)) ?? new Uint8Array());
	if (key === undefined) return undefined;
	return {
		key,
		sign(data, hash) {
			const curve = object.asymmetricKeyDetails?.namedCurve;
			return signWith(curve === undefined ? hash : curves[curve]?.hash, data, object);
		},
	};
}

/** RFC 5656: curve as OpenSSL calls it, as SSH calls it, and the hash that goes with it. */
const curves: Readonly<Record<string, { name: string; hash: string } | undefined>> = {
	prime256v1: { name: "nistp256", hash: "sha256" },
	secp384r1: { name: "nistp384", hash: "sha384" },
	secp521r1: { name: "nistp521", hash: "sha512" },
};

function blobOf(key: KeyObject): Uint8Array | undefined {
	const jwk = key.export({ format: "jwk" });
	const part = (value: string | undefined) => new Uint8Array(Buffer.from(value ?? "", "base64url"));
	if (key.asymmetricKeyType === "rsa") {
		return sshStrings([utf8("ssh-rsa"), unsigned(part(jwk.e)), unsigned(part(jwk.n))]);
	}
	if (key.asymmetricKeyType === "ed25519") return sshStrings([utf8("ssh-ed25519"), part(jwk.x)]);
	if (key.asymmetricKeyType === "ec") {
		const curve = curves[key.asymmetricKeyDetails?.namedCurve ?? ""];
		if (curve === undefined) return undefined;
		const point = concat([Uint8Array.of(4), part(jwk.x), part(jwk.y)]);
		return sshStrings([utf8(`ecdsa-sha2-${curve.name}`), utf8(curve.name), point]);
	}
	return undefined;
}

/** An mpint of RFC 4251 that is positive: a zero byte in front where the first bit is set. */
function unsigned(bytes: Uint8Array): Uint8Array {
	return (bytes[0] ?? 0) >= 0x80 ? concat([Uint8Array.of(0), bytes]) : bytes;
}
