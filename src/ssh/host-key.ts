import { appendFileSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { PublicKey } from "./connection.ts";
import { said, sshError } from "./error.ts";
import {
	judge,
	type KnownHost,
	knownAuthority,
	knownHostLine,
	knownName,
	knownTypes,
	maxKnownHosts,
	parseKnownHosts,
} from "./known-hosts.ts";
import type { SshOptions } from "./options.ts";
import type { Prompt } from "./prompt.ts";
import { rsaBits, shortType } from "./public-key.ts";

/** The host key check of one connection. */
export interface HostKeyCheck {
	/** Types of the keys known for this host; the server should show one of these. */
	readonly types: ReadonlySet<string>;
	/** Whether only a host certificate could satisfy known_hosts: the system's ssh can check those. */
	readonly needsCertificate: boolean;
	/**
	 * Resolves if the login may go on: with true where the key is the host's, with false where nobody knows whose it is,
	 * so that keys may open the login but no password must be shown. Rejects with the reason (`SSH_HOST_KEY_…`) otherwise.
	 */
	check(key: PublicKey): Promise<boolean>;
}

/** A check that accepts exactly one key, the one seen before the jump. */
export function insistOn(expected: PublicKey, where: string): HostKeyCheck {
	return {
		types: new Set([expected.type]),
		needsCertificate: false,
		async check(key) {
			if (Buffer.compare(key.blob, expected.blob) === 0) return true;
			throw sshError("SSH_HOST_KEY_CHANGED", "another host key than before", {
				where,
				expected: `${expected.type} ${expected.fingerprint}`,
				found: `${key.type} ${key.fingerprint}`,
			});
		},
	};
}

/** A check that lets every key pass: the caller has to prove the host by other means. */
export const takeAny: HostKeyCheck = {
	types: new Set(),
	needsCertificate: false,
	check: async () => false,
};

/** The check by the known_hosts files, with the operator asked where ssh would ask. */
export function checkByKnownHosts(
	options: SshOptions,
	prompt: Prompt,
	warn: (message: string) => void,
	addresses: () => readonly string[] = () => [],
): HostKeyCheck {
	const name = knownName(
		options.hostKeyAlias ?? options.host,
		options.hostKeyAlias ? 22 : options.port,
	);
	const entries = [...options.userKnownHostsFiles, ...options.globalKnownHostsFiles].flatMap(read);
	const names = [name];
	// As to ssh, what is known of the host without a port holds for a port of which nothing is known.
	const plainNames = options.hostKeyAlias === undefined ? [knownName(options.host, 22)] : names;
	const own = knownTypes(entries, names);
	const types = own.size > 0 ? own : knownTypes(entries, plainNames);
	return {
		types,
		needsCertificate: types.size === 0 && knownAuthority(entries, names),
		async check(key) {
			const bits = rsaBits(key);
			if (bits !== undefined && bits < options.requiredRsaSize) {
				throw sshError("SSH_HANDSHAKE", "the host's RSA key is too short", {
					where: name,
					expected: `${options.requiredRsaSize} bits (RequiredRSASize)`,
					found: `${bits} bits, ${key.fingerprint}`,
				});
			}
			let verdict = judge(entries, names, key);
			if (verdict.verdict === "unknown") {
				const plain = judge(entries, plainNames, key);
				if (plain.verdict === "known" || plain.verdict === "revoked") verdict = plain;
			}
			switch (verdict.verdict) {
				case "known":
					return true;
				case "revoked":
					throw sshError("SSH_HOST_KEY_REVOKED", "the host shows a revoked key", {
						where: name,
						found: `${key.type} ${key.fingerprint}, revoked in ${place(verdict.by)}`,
						remedy: "Do not log in: someone may hold the host's stolen key",
					});
				case "changed":
					if (options.strictHostKeyChecking === "no") return unproven(key);
					throw changed(name, key, verdict.by);
				case "unknown":
					return unknown(key, verdict.others);
			}
		},
	};

	/** As ssh does it: a password would go to whoever stands in between. */
	function unproven(key: PublicKey): boolean {
		warn(
			`the host key of ${name} has changed to ${key.fingerprint}; with StrictHostKeyChecking no the login goes on, but by keys only`,
		);
		return false;
	}

	async function unknown(key: PublicKey, others: readonly KnownHost[]): Promise<boolean> {
		const strict = options.strictHostKeyChecking;
		const [other] = others;
		// Stricter than ssh: accept-new and no take a key as new only of a host of which nothing is known, because
		// a man in the middle chooses the type that he shows.
		if (strict === "no" && other !== undefined) return unproven(key);
		if (strict === "yes" || (strict === "accept-new" && other !== undefined)) {
			if (other !== undefined) throw changed(name, key, other);
			throw refusal(
				key,
				"Add the key to known_hosts by other means (StrictHostKeyChecking is yes)",
			);
		}
		if (strict === "ask") {
			if (!prompt.possible) {
				throw refusal(
					key,
					"Log in once with ssh, or allow new hosts with -o StrictHostKeyChecking=accept-new",
				);
			}
			await confirm(key, others);
		}
		add(key);
		return true;
	}

	async function confirm(key: PublicKey, others: readonly KnownHost[]): Promise<void> {
		const lines = [
			`The authenticity of host '${[name, ...addresses()].join(", ")}' can't be established.`,
			`${shortType(key.type)} key fingerprint is ${key.fingerprint}.`,
			...others.map(
				(other) =>
					`Known of this host is ${other.key.type} ${other.key.fingerprint} (${place(other)}).`,
			),
			"Continue connecting (yes/no/fingerprint)? ",
		];
		let question = lines.join("\n");
		for (let attempt = 0; attempt < 5; attempt++) {
			const answer = (await prompt.ask(question, { echo: true })).trim();
			if (answer.toLowerCase() === "yes" || answer === key.fingerprint) return;
			if (answer.toLowerCase() === "no" || answer === "") break;
			question = "Type 'yes', 'no' or the fingerprint: ";
		}
		throw refusal(key, "You did not confirm it");
	}

	function refusal(key: PublicKey, remedy: string): Error {
		return sshError("SSH_HOST_KEY_UNKNOWN", "the host key is not known", {
			where: name,
			expected: `a key from ${options.userKnownHostsFiles.join(" or ") || "known_hosts"}`,
			found: `${key.type} ${key.fingerprint}`,
			remedy,
		});
	}

	function add(key: PublicKey): void {
		const [file] = options.userKnownHostsFiles;
		if (file === undefined || file === "/dev/null") return;
		try {
			mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
			const line = knownHostLine(name, key, options.hashKnownHosts);
			appendFileSync(file, (endsOpen(file) ? "\n" : "") + line, { mode: 0o600 });
			warn(`added ${key.type} ${key.fingerprint} of ${name} to ${file}`);
		} catch (error) {
			warn(`could not add the host key of ${name} to ${file}: ${said(error)}`);
		}
	}
}

function changed(name: string, key: PublicKey, by: KnownHost): Error {
	return sshError("SSH_HOST_KEY_CHANGED", "the host key has changed", {
		where: name,
		expected: `${by.key.type} ${by.key.fingerprint} (${place(by)})`,
		found: `${key.type} ${key.fingerprint}`,
		remedy: `Either someone is between you and the host, or it was reinstalled. Only if you know why it changed: ssh-keygen -f ${by.file} -R ${name}`,
	});
}

function place(entry: KnownHost): string {
	return `${entry.file}:${entry.line}`;
}

function read(file: string): KnownHost[] {
	try {
		if (statSync(file).size > maxKnownHosts) {
			throw sshError("SSH_KNOWN_HOSTS", "too large", { where: file });
		}
		return parseKnownHosts(readFileSync(file, "latin1"), file);
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code;
		if (code === "ENOENT" || code === "ENOTDIR") return [];
		if (code?.startsWith("SSH_")) throw error;
		// Not readable means: nothing is known, and revocations are not known either. That is no state to go on in.
		throw sshError("SSH_KNOWN_HOSTS", "cannot be read", {
			where: file,
			found: said(error),
			cause: error,
		});
	}
}

/** Whether the last line lacks its newline: a line added after it would be lost. */
function endsOpen(file: string): boolean {
	try {
		const bytes = readFileSync(file);
		return bytes.length > 0 && bytes[bytes.length - 1] !== 10;
	} catch {
		return false;
	}
}
