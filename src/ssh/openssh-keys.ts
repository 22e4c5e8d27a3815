import { readFileSync } from "node:fs";
import { agentKeys } from "./agent.ts";
import { readCertificate } from "./certificate.ts";
import type { AuthenticatedBy, Executor, PublicKey } from "./connection.ts";
import { parseKnownHosts } from "./known-hosts.ts";
import type { Heard } from "./openssh-talk.ts";
import type { SshOptions } from "./options.ts";
import { parsePrivateKey } from "./private-key.ts";
import { parsePublicLine, publicKey } from "./public-key.ts";
import { run } from "./run.ts";

// ssh names keys by their fingerprints. Which keys those are, the operator's machine knows, or else the target.

export interface LoginFacts {
	readonly options: SshOptions;
	readonly expectHostKey: PublicKey | "any" | undefined;
}

/** The key that opened the login. */
export async function loginKey(parts: LoginFacts, heard: Heard): Promise<AuthenticatedBy> {
	const { accepted } = heard;
	const method = heard.partly ? "publickey" : heard.method;
	if (method === "password" || method === "keyboard-interactive" || method === "none")
		return { method };
	if (method !== "publickey" || accepted === undefined) return { method: "other" };
	const { identityAgent, identityFiles, certificateFiles } = parts.options;
	const held = identityAgent === undefined ? [] : await agentKeys(identityAgent);
	const files = [
		accepted.source,
		...(accepted.certified ? certificateFiles : []),
		...identityFiles,
	];
	const read = accepted.certified ? certificateAt : publicHalf;
	// Of several certificates for one key in an agent, ssh tells the comment.
	const named = (comment: string): number => Number(comment !== accepted.source);
	const keys = [
		...files.map((source) => ({ source, key: read(source) })),
		...held
			.sort((one, other) => named(one.comment) - named(other.comment))
			.map(({ key }) => ({ source: identityAgent ?? "", key })),
	];
	for (const { source, key } of keys) {
		if (key === undefined) continue;
		const { fingerprint } = accepted;
		const found = accepted.certified ? certifiedFingerprint(key) : key.fingerprint;
		if (found === fingerprint) return { method, key: { ...key, fingerprint }, source };
	}
	return { method: "other" };
}

/** The certificate in this file, or in the one that ssh takes for that of a private key (CertificateFile of ssh_config(5)). */
function certificateAt(path: string): PublicKey | undefined {
	for (const file of [path, `${path}-cert.pub`, `${path}.pub`]) {
		const found = parsePublicLine(readQuietly(file)?.split("\n", 1)[0] ?? "")?.key;
		if (found !== undefined && certifiedFingerprint(found) !== undefined) return found;
	}
	return undefined;
}

/** ssh names a certificate by the fingerprint of the key that it is for; undefined for what is none. */
function certifiedFingerprint({ blob }: PublicKey): string | undefined {
	const certificate = readCertificate(Buffer.from(blob).toString("base64"));
	return certificate && publicKey(Buffer.from(certificate.key, "base64"))?.fingerprint;
}

function publicHalf(path: string): PublicKey | undefined {
	const text = readQuietly(`${path}.pub`) ?? readQuietly(path);
	if (text === undefined) return undefined;
	return parsePublicLine(text.split("\n", 1)[0] ?? "")?.key ?? parsePrivateKey(text)?.key;
}

function readQuietly(path: string): string | undefined {
	try {
		return readFileSync(path, "latin1");
	} catch {
		return undefined;
	}
}

/** The host's key, if a known_hosts file has it; `learnt` is the one that ssh may have written for this login. */
export function hostKeyOf(
	parts: LoginFacts,
	fingerprint: string,
	learnt: string,
): PublicKey | undefined {
	const { expectHostKey } = parts;
	if (typeof expectHostKey === "object" && expectHostKey.fingerprint === fingerprint)
		return expectHostKey;
	const { userKnownHostsFiles, globalKnownHostsFiles } = parts.options;
	for (const file of [learnt, ...userKnownHostsFiles, ...globalKnownHostsFiles]) {
		for (const { key } of parseKnownHosts(readQuietly(file) ?? "", file)) {
			if (key.fingerprint === fingerprint) return key;
		}
	}
	return undefined;
}

/** The host's key from the target itself: its fingerprint is the one that was verified. */
export async function hostKeyFromTarget(
	connection: Executor,
	fingerprint: string,
): Promise<PublicKey | undefined> {
	for (const type of ["ed25519", "ecdsa", "rsa"]) {
		const result = await run(connection, ["cat", `/etc/ssh/ssh_host_${type}_key.pub`], {
			limit: 64 * 1024,
		});
		const key = parsePublicLine(result.text)?.key;
		if (key?.fingerprint === fingerprint) return key;
	}
	return undefined;
}
