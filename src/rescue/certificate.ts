import { Cursor, EkexecError, text } from "../bytes/index.ts";

/** What decides whether a rescue system lets in who shows this OpenSSH certificate (PROTOCOL.certkeys). */
export interface Certificate {
	/** Blob of the key that signed it, in base64. */
	readonly authority: string;
	/** Names that it was signed for. None: any name, which sshd does not take from a line with principals. */
	readonly principals: readonly string[];
	/** Names of its critical options, such as `force-command`. */
	readonly critical: readonly string[];
}

/** How many strings the public key itself takes, between nonce and serial number, by the certificate's type. */
const keyFields: Readonly<Record<string, number>> = {
	"ssh-rsa-cert-v01@openssh.com": 2,
	"ssh-dss-cert-v01@openssh.com": 4,
	"ecdsa-sha2-nistp256-cert-v01@openssh.com": 2,
	"ecdsa-sha2-nistp384-cert-v01@openssh.com": 2,
	"ecdsa-sha2-nistp521-cert-v01@openssh.com": 2,
	"ssh-ed25519-cert-v01@openssh.com": 1,
	"sk-ssh-ed25519-cert-v01@openssh.com": 2,
	"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com": 3,
};

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
		const fields = keyFields[text(string())];
		if (fields === undefined) return undefined;
		for (let i = 0; i < 1 + fields; i++) string();
		cursor.skip(8, "serial");
		cursor.skip(4, "type");
		string();
		const principals = list();
		cursor.skip(16, "validity");
		// Names and values by turns; so are the extensions, which open nothing here.
		const critical = list().filter((_, index) => index % 2 === 0);
		string();
		string();
		return { authority: Buffer.from(string()).toString("base64"), principals, critical };
	} catch (error) {
		if (error instanceof EkexecError) return undefined;
		throw error;
	}
}
