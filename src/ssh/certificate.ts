import { Cursor, EkexecError, text, utf8 } from "../bytes/index.ts";
import { sshStrings } from "./strings.ts";

/** What an OpenSSH certificate says (PROTOCOL.certkeys), as far as it decides who is let in or taken for the host. */
export interface Certificate {
	/** Blob of the key that it is for, in base64. */
	readonly key: string;
	/** Blob of the key that signed it, in base64. */
	readonly authority: string;
	/** The algorithm of the signature: `ssh-rsa` is that with SHA-1. */
	readonly signedWith: string;
	/** Names that it was signed for. None: any name, which sshd does not take from a line with principals. */
	readonly principals: readonly string[];
	/** Seconds since 1970; Infinity: it does not end. */
	readonly validBefore: number;
	/** Names of its critical options, such as `force-command`. */
	readonly critical: readonly string[];
}

/** By the certificate's type: the type of the key alone, and how many strings it takes between nonce and serial number. */
const keyTypes: ReadonlyMap<string, readonly [type: string, fields: number]> = new Map([
	["ssh-rsa-cert-v01@openssh.com", ["ssh-rsa", 2]],
	["ssh-dss-cert-v01@openssh.com", ["ssh-dss", 4]],
	["ecdsa-sha2-nistp256-cert-v01@openssh.com", ["ecdsa-sha2-nistp256", 2]],
	["ecdsa-sha2-nistp384-cert-v01@openssh.com", ["ecdsa-sha2-nistp384", 2]],
	["ecdsa-sha2-nistp521-cert-v01@openssh.com", ["ecdsa-sha2-nistp521", 2]],
	["ssh-ed25519-cert-v01@openssh.com", ["ssh-ed25519", 1]],
	["sk-ssh-ed25519-cert-v01@openssh.com", ["sk-ssh-ed25519@openssh.com", 2]],
	["sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", ["sk-ecdsa-sha2-nistp256@openssh.com", 3]],
]);

/** Reads a certificate's blob, given in base64. Undefined where it makes no sense. */
export function readCertificate(blob: string): Certificate | undefined {
	try {
		const cursor = new Cursor(Buffer.from(blob, "base64"), { endian: "big" });
		const string = (from: Cursor = cursor): Uint8Array => from.take(from.u32());
		const list = (): string[] => {
			const within = new Cursor(string(), { endian: "big" });
			const items: string[] = [];
			while (within.remaining > 0) items.push(text(string(within)));
			return items;
		};
		const known = keyTypes.get(text(string()));
		if (known === undefined) return undefined;
		const [type, count] = known;
		string();
		const key = sshStrings([utf8(type), ...Array.from({ length: count }, () => string())]);
		cursor.skip(8, "serial");
		cursor.skip(4, "type");
		string();
		const principals = list();
		cursor.skip(8, "valid after");
		const end = cursor.u64("valid before");
		const validBefore = end > BigInt(Number.MAX_SAFE_INTEGER) ? Infinity : Number(end);
		// Names and values by turns; so are the extensions, which open nothing here.
		const critical = list().filter((_, index) => index % 2 === 0);
		string();
		string();
		const authority = string();
		const signature = new Cursor(string(), { endian: "big" });
		if (cursor.remaining > 0) return undefined;
		return {
			key: base64(key),
			authority: base64(authority),
			signedWith: text(string(signature)),
			principals,
			validBefore,
			critical,
		};
	} catch (error) {
		if (error instanceof EkexecError) return undefined;
		throw error;
	}
}

/** Whether the blob holds a key of a type of today, and nothing but that. */
export function isWholeKey(blob: Uint8Array): boolean {
	try {
		const cursor = new Cursor(blob, { endian: "big" });
		const string = (): Uint8Array => cursor.take(cursor.u32());
		const type = text(string());
		const [, count] = [...keyTypes.values()].find(([plain]) => plain === type) ?? [];
		if (count === undefined || type === "ssh-dss") return false;
		for (let i = 0; i < count; i++) string();
		return cursor.remaining === 0;
	} catch (error) {
		if (error instanceof EkexecError) return false;
		throw error;
	}
}

function base64(blob: Uint8Array): string {
	return Buffer.from(blob).toString("base64");
}
