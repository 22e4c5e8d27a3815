import { generateKeyPairSync, randomBytes } from "node:crypto";
import { concat, utf8 } from "../bytes/index.ts";

/** A key pair as OpenSSH's files have it. */
export interface SshKeyPair {
	/** The text of the private key file, without a passphrase (PROTOCOL.key of OpenSSH). */
	readonly privateKey: string;
	/** The line of the public key file. */
	readonly publicKey: string;
}

/** A new ed25519 key pair, for machines that are thrown away. */
export function makeSshKey(comment: string): SshKeyPair {
	const { publicKey, privateKey } = generateKeyPairSync("ed25519");
	// The last 32 bytes of both DER forms are the key itself (RFC 8410).
	const point = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
	const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(-32);
	const type = string(utf8("ssh-ed25519"));
	const blob = concat([type, string(point)]);
	const check = randomBytes(4);
	const secret = [
		check,
		check,
		type,
		string(point),
		string(concat([seed, point])),
		string(utf8(comment)),
	];
	const length = secret.reduce((sum, part) => sum + part.length, 0);
	// Padding 1, 2, 3… to the block size of the cipher "none", which is 8.
	const padding = Uint8Array.from({ length: (8 - (length % 8)) % 8 }, (_, index) => index + 1);
	const none = string(utf8("none"));
	const file = concat([
		utf8("openssh-key-v1\0"),
		none,
		none,
		string(new Uint8Array()),
		number(1),
		string(blob),
		string(concat([...secret, padding])),
	]);
	const lines =
		Buffer.from(file)
			.toString("base64")
			.match(/.{1,70}/g) ?? [];
	const marker = (word: string): string => `-----${word} OPENSSH PRIVATE KEY-----`;
	return {
		privateKey: `${[marker("BEGIN"), ...lines, marker("END")].join("\n")}\n`,
		publicKey: `ssh-ed25519 ${Buffer.from(blob).toString("base64")} ${comment}`,
	};
}

function number(value: number): Uint8Array {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, value);
	return bytes;
}

/** A string of SSH: length, then bytes (RFC 4251, section 5). */
function string(bytes: Uint8Array): Uint8Array {
	return concat([number(bytes.length), bytes]);
}
