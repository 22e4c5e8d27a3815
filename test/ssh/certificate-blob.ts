/** A user certificate as PROTOCOL.certkeys lays it out, its signature left empty; blobs in base64. */
export function certificateBlob(of: {
	readonly authority: string;
	readonly principals: readonly string[];
	readonly critical?: readonly string[];
	readonly signedWith?: string;
	/** Seconds since 1970; for ever unless told. */
	readonly validBefore?: number;
}): string {
	const string = (content: string | Uint8Array): Buffer => {
		const bytes = typeof content === "string" ? Buffer.from(content) : content;
		const length = Buffer.alloc(4);
		length.writeUInt32BE(bytes.length);
		return Buffer.concat([length, bytes]);
	};
	const u64 = (value: bigint): Buffer => {
		const bytes = Buffer.alloc(8);
		bytes.writeBigUInt64BE(value);
		return bytes;
	};
	return Buffer.concat([
		string("ssh-ed25519-cert-v01@openssh.com"),
		string("nonce"),
		string(new Uint8Array(32)),
		Buffer.alloc(8),
		Buffer.from([0, 0, 0, 1]),
		string("id"),
		string(Buffer.concat(of.principals.map(string))),
		Buffer.alloc(8),
		u64(of.validBefore === undefined ? 2n ** 64n - 1n : BigInt(of.validBefore)),
		string(Buffer.concat((of.critical ?? []).flatMap((name) => [string(name), string("")]))),
		string(""),
		string(""),
		string(Buffer.from(of.authority, "base64")),
		string(Buffer.concat([string(of.signedWith ?? "ssh-ed25519"), string("signature")])),
	]).toString("base64");
}
