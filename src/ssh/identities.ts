import { readFileSync, statSync } from "node:fs";
import { agentKeys, agentSign } from "./agent.ts";
import type { PublicKey } from "./connection.ts";
import { said, sshError } from "./error.ts";
import type { SshOptions } from "./options.ts";
import { type PrivateKey, parsePrivateKey } from "./private-key.ts";
import type { Prompt } from "./prompt.ts";
import { parsePublicLine } from "./public-key.ts";

/** A key that can be offered to the server; a passphrase is asked only once the server wants it. */
export interface Identity {
	readonly key: PublicKey;
	/** Key file or socket. */
	readonly source: string;
	/** Rejects with `SSH_KEY_FILE` where the key cannot be used after all. */
	sign(data: Buffer, hash: "sha256" | "sha512" | undefined): Promise<Buffer>;
}

export interface Identities {
	/** In the order in which ssh offers them. */
	readonly usable: readonly Identity[];
	/** Keys that only the system's ssh can use: certificates and security keys. */
	readonly beyond: readonly { readonly type: string; readonly source: string }[];
}

/** A private key has some thousand bytes. */
const maxKeyFile = 1024 * 1024;

/** Types that ssh2 can sign with or have signed. */
const usableType = /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))$/;

/**
 * Collects keys as ssh does: first those of the configured files that the agent holds, then the agent's others
 * (unless IdentitiesOnly), then those only in files.
 */
export async function collectIdentities(
	options: SshOptions,
	prompt: Prompt,
	warn: (message: string) => void,
): Promise<Identities> {
	const beyond: { type: string; source: string }[] = [];
	const socket = options.identityAgent;
	const held = socket === undefined ? [] : await agentKeys(socket);
	const fromAgent: Identity[] = [];
	for (const { key, comment } of held) {
		if (!usableType.test(key.type)) beyond.push({ type: key.type, source: `agent, ${comment}` });
		else if (socket !== undefined) {
			fromAgent.push({
				key,
				source: socket,
				sign: (data, hash) => agentSign(socket, key, data, hash),
			});
		}
	}
	const listed: Identity[] = [];
	const onlyInFiles: Identity[] = [];
	for (const path of options.identityFiles) {
		const file = readIdentity(path, options, prompt, warn);
		if (file === undefined) continue;
		const same = fromAgent.find((identity) => equalKeys(identity.key, file.key));
		if (same !== undefined) listed.push(same);
		else if (!usableType.test(file.key.type)) {
			beyond.push({ type: file.key.type, source: path });
		} else if (file.identity !== undefined) onlyInFiles.push(file.identity);
	}
	const others = options.identitiesOnly
		? []
		: fromAgent.filter((identity) => !listed.includes(identity));
	const usable = [...listed, ...others, ...onlyInFiles];
	return {
		usable: withoutRepeats(usable),
		beyond: options.identitiesOnly ? beyond.filter((b) => !b.source.startsWith("agent, ")) : beyond,
	};
}

function equalKeys(a: PublicKey, b: PublicKey): boolean {
	return Buffer.compare(a.blob, b.blob) === 0;
}

function withoutRepeats(identities: readonly Identity[]): Identity[] {
	return identities.filter(
		(identity, index) =>
			identities.findIndex((other) => equalKeys(other.key, identity.key)) === index,
	);
}

/** The public half, and the private one where the file has it. */
function readIdentity(
	path: string,
	options: SshOptions,
	prompt: Prompt,
	warn: (message: string) => void,
): { key: PublicKey; identity: Identity | undefined } | undefined {
	const pem = readSmall(path);
	const beside = parsePublicLine(readSmall(`${path}.pub`)?.split("\n", 1)[0] ?? "")?.key;
	if (pem === undefined) return beside && { key: beside, identity: undefined };
	// The private half may be in the agent alone; IdentityFile then names the .pub file.
	const itself = parsePublicLine(pem.split("\n", 1)[0] ?? "")?.key;
	if (itself !== undefined) return { key: itself, identity: undefined };

	const file = parsePrivateKey(pem);
	if (file === undefined) {
		warn(`${path} is no private key that can be read; it is left out`);
		return undefined;
	}
	if (isOpenToOthers(path)) {
		warn(`${path} can be read by others; like ssh, it is left out (chmod 600 ${path})`);
		return undefined;
	}
	const key = file.key ?? beside;
	if (key === undefined) {
		warn(
			`${path} is encrypted and has no ${path}.pub beside it; it is left out (ssh-keygen -y makes one)`,
		);
		return undefined;
	}
	let unlocked: PrivateKey | undefined;
	const sign = async (data: Buffer, hash: "sha256" | "sha512" | undefined): Promise<Buffer> => {
		unlocked ??= await unlock(path, file, options, prompt);
		if (!equalKeys(unlocked.key, key)) {
			throw sshError("SSH_KEY_FILE", "the .pub file beside it is of another key", { where: path });
		}
		return unlocked.sign(data, hash);
	};
	return { key, identity: { key, source: path, sign } };
}

async function unlock(
	path: string,
	file: NonNullable<ReturnType<typeof parsePrivateKey>>,
	options: SshOptions,
	prompt: Prompt,
): Promise<PrivateKey> {
	if (!file.encrypted) {
		const key = file.unlock(undefined);
		if (key !== undefined) return key;
		throw sshError("SSH_KEY_FILE", "the private key cannot be read", { where: path });
	}
	for (let attempt = 0; attempt < options.numberOfPasswordPrompts; attempt++) {
		const passphrase = await prompt.ask(`Enter passphrase for key '${path}': `);
		if (passphrase === "") break;
		const key = file.unlock(passphrase);
		if (key !== undefined) return key;
	}
	throw sshError("SSH_KEY_FILE", "not decrypted: no or wrong passphrase", { where: path });
}

function isOpenToOthers(path: string): boolean {
	const { mode, uid } = statSync(path);
	return uid === process.getuid?.() && (mode & 0o077) !== 0;
}

function readSmall(path: string): string | undefined {
	try {
		const stat = statSync(path);
		if (!stat.isFile()) return undefined;
		if (stat.size > maxKeyFile) return undefined;
		return readFileSync(path, "latin1");
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code;
		if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return undefined;
		throw sshError("SSH_KEY_FILE", "cannot be read", {
			where: path,
			found: said(error),
			cause: error,
		});
	}
}
