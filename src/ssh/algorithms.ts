import { sshError } from "./error.ts";
import type { SshOptions } from "./options.ts";
import { matchPattern } from "./pattern.ts";

// What ssh2 1.17 can do, best first, without anything that rests on SHA-1, MD5, CBC or DSA.
const kex = [
	"curve25519-sha256",
	"curve25519-sha256@libssh.org",
	"ecdh-sha2-nistp256",
	"ecdh-sha2-nistp384",
	"ecdh-sha2-nistp521",
	"diffie-hellman-group-exchange-sha256",
	"diffie-hellman-group16-sha512",
	"diffie-hellman-group18-sha512",
	"diffie-hellman-group14-sha256",
];
const hostKey = [
	"ssh-ed25519",
	"ecdsa-sha2-nistp256",
	"ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521",
	"rsa-sha2-512",
	"rsa-sha2-256",
];
const cipher = [
	"aes128-gcm@openssh.com",
	"aes256-gcm@openssh.com",
	"aes128-ctr",
	"aes192-ctr",
	"aes256-ctr",
	"chacha20-poly1305@openssh.com",
];
const mac = [
	"hmac-sha2-256-etm@openssh.com",
	"hmac-sha2-512-etm@openssh.com",
	"hmac-sha2-256",
	"hmac-sha2-512",
];

// What it can do besides, used only where ssh_config names it.
const kexOnRequest = [
	"diffie-hellman-group-exchange-sha1",
	"diffie-hellman-group14-sha1",
	"diffie-hellman-group1-sha1",
];
const hostKeyOnRequest = ["ssh-rsa"];
const cipherOnRequest = ["aes128-cbc", "aes192-cbc", "aes256-cbc"];
const macOnRequest = ["hmac-sha1-etm@openssh.com", "hmac-sha1"];

/** Names for one connection, best first. */
export interface Algorithms {
	readonly kex: string[];
	readonly serverHostKey: string[];
	readonly cipher: string[];
	readonly hmac: string[];
	readonly compress: string[];
}

/**
 * What to offer. Host key types that known_hosts holds come first, as ssh orders them: otherwise a server with
 * several keys would show one that nobody knows. Throws `SSH_UNSUPPORTED` if a list leaves nothing that ssh2 can do.
 */
export function chooseAlgorithms(options: SshOptions, known: ReadonlySet<string>): Algorithms {
	const { algorithms } = options;
	const hostKeys = select("HostKeyAlgorithms", algorithms.hostKey, hostKey, hostKeyOnRequest);
	const isKnown = (name: string) => known.has(name.startsWith("rsa-sha2-") ? "ssh-rsa" : name);
	return {
		kex: select("KexAlgorithms", algorithms.kex, kex, kexOnRequest),
		serverHostKey: [...hostKeys.filter(isKnown), ...hostKeys.filter((name) => !isKnown(name))],
		cipher: select("Ciphers", algorithms.cipher, cipher, cipherOnRequest),
		hmac: select("MACs", algorithms.mac, mac, macOnRequest),
		compress: options.compression ? ["zlib@openssh.com", "none"] : ["none"],
	};
}

/** Applies a list of ssh_config(5): `+` adds, `-` takes away (patterns), `^` puts in front, else it replaces. */
function select(
	word: string,
	list: string | undefined,
	defaults: readonly string[],
	more: readonly string[],
): string[] {
	if (list === undefined) return [...defaults];
	const able = new Set([...defaults, ...more]);
	const operator = /^[+^-]/.exec(list)?.[0] ?? "";
	const names = list.slice(operator.length).split(",");
	const usable = names.filter((name) => able.has(name));
	let chosen: string[];
	if (operator === "+") chosen = [...defaults, ...usable];
	else if (operator === "^") chosen = [...usable, ...defaults];
	else if (operator === "-") {
		chosen = defaults.filter((name) => !names.some((pattern) => matchPattern(name, pattern)));
	} else chosen = usable;
	if (chosen.length === 0) {
		throw sshError("SSH_UNSUPPORTED", "ssh2 can do none of the algorithms", {
			field: word,
			expected: [...able].join(","),
			found: list,
			remedy: "Use --transport openssh",
		});
	}
	return [...new Set(chosen)];
}
