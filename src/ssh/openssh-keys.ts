import { readFileSync } from "node:fs";
import { agentKeys } from "./agent.ts";
import type { AuthenticatedBy, Executor, PublicKey } from "./connection.ts";
import { parseKnownHosts } from "./known-hosts.ts";
import type { Heard } from "./openssh-talk.ts";
import type { SshOptions } from "./options.ts";
import { parsePrivateKey } from "./private-key.ts";
import { parsePublicLine } from "./public-key.ts";
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
	const { identityAgent, identityFiles } = parts.options;
	const held = identityAgent === undefined ? [] : await agentKeys(identityAgent);
	const keys = [
		...[accepted.source, ...identityFiles].map((source) => ({ source, key: publicHalf(source) })),
		...held.map(({ key }) => ({ source: identityAgent ?? "", key })),
	];
	for (const { source, key } of keys) {
		if (key?.fingerprint === accepted.fingerprint) return { method, key, source };
	}
	return { method: "other" };
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
