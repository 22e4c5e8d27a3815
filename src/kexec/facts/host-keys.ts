// What sshd shows of itself: private keys, of which nothing but the beginning is read, and their certificates.
import { text } from "../../bytes/index.ts";
import type { Source } from "../contract.ts";
import { errnoName } from "../errno.ts";
import { literalPath, source } from "../sources.ts";
import type { Evidence } from "./evidence.ts";
import type { HostCertificate, HostKeyFile } from "./facts.ts";
import { type Config, pathsOf } from "./login.ts";
import { readPath } from "./sources.ts";

/** sshd's own default (sshd_config(5)). */
const defaultHostKeys = ["rsa", "ecdsa", "ed25519"].map((type) => `/etc/ssh/ssh_host_${type}_key`);

function hostKeyPaths(config: Config | undefined): string[] {
	const paths = (config?.get("hostkey") ?? []).flat();
	return paths.length > 0 ? paths : defaultHostKeys;
}

export function hostKeySources(config: Config | undefined): Source[] {
	return [
		...[...new Set(hostKeyPaths(config))].flatMap((path) => [
			source.stat(literalPath(path)),
			source.read(literalPath(path), { cap: keyHead.length }),
			readPath(`${path}.pub`),
		]),
		...[...new Set(pathsOf(config, "hostcertificate"))].map(readPath),
	];
}

export function hostKeyFiles(evidence: Evidence, config: Config | undefined): HostKeyFile[] {
	return hostKeyPaths(config).flatMap((path) => hostKeyFile(evidence, path));
}

/** Certificates of host keys, in the order in which sshd is told of them. */
export function hostCertificates(
	evidence: Evidence,
	config: Config | undefined,
): HostCertificate[] {
	return [...new Set(pathsOf(config, "hostcertificate"))].flatMap((path) => {
		const [type, blob] = publicHalf(evidence.file(path));
		return type !== undefined && blob !== undefined ? [{ path, type, blob }] : [];
	});
}

/** How every private key file begins that sshd loads (PEM and OpenSSH's own form). No more of one is ever read. */
const keyHead = "-----BEGIN ";
/** sshd reads no key file above this (MAX_KEY_FILE_SIZE of OpenSSH's authfile.c). */
const largestKey = 1024 * 1024;

/** Why a private key cannot be carried. Where its beginning can be read, all of it can: keys are smaller than a page. */
function troubleOf(evidence: Evidence, path: string, size: number): string | undefined {
	const head = evidence.head(path);
	if (head === undefined) return undefined;
	if (head.errno !== 0) return `cannot be read (${errnoName(head.errno)})`;
	if (size === 0) return "is empty";
	if (size > largestKey) return "is too long for a key";
	return text(head.bytes) === keyHead ? undefined : "is in no form that sshd loads";
}

function hostKeyFile(evidence: Evidence, path: string): HostKeyFile[] {
	const stat = evidence.stat(path);
	if (!stat) return [];
	const trouble = troubleOf(evidence, path, stat.size);
	const [type, blob] = publicHalf(evidence.file(`${path}.pub`));
	const publicKey = type !== undefined && blob !== undefined ? { publicKey: { type, blob } } : {};
	return [
		{
			path,
			size: stat.size,
			mode: stat.mode % 0o10000,
			...publicKey,
			...(trouble === undefined ? {} : { trouble }),
		},
	];
}

/** Type and blob, the first two words of a .pub file. */
function publicHalf(file: Uint8Array | undefined): [type?: string, blob?: string] {
	const [, type, blob] = /^(\S+)\s+(\S+)/.exec(text(file ?? new Uint8Array())) ?? [];
	return type === undefined || blob === undefined ? [] : [type, blob];
}
