import { EkexecError, text, wildcard } from "../../bytes/index.ts";
import { parseSshConnection, type SshConnection } from "../../network/index.ts";
import type { Source } from "../contract.ts";
import { errnoName } from "../errno.ts";
import { literalPath, source } from "../sources.ts";
import { type AuthorizedKeys, parseAuthorizedKeys } from "./authorized-keys.ts";
import type { Evidence } from "./evidence.ts";
import type { AuthorizedKeysFile, HostKeyFile, SshFacts } from "./facts.ts";
import { groupsOf, parsePasswd, type User } from "./proc.ts";
import { readPath, readText, sshdConfig, usualIncludes } from "./sources.ts";
import {
	effectiveSshdConfig,
	expandUserPath,
	includes,
	parseSshdConfig,
	type SshdLine,
} from "./sshd-config.ts";
import { distrust, trustSources } from "./trust.ts";

/** What the operator knows of the login, and whose keys are wanted. */
export interface LoginContext {
	/** Name that was logged in with; root may have been become afterwards. */
	readonly loginUser: string;
	/** SSH_CONNECTION of the login shell, where the helper itself no longer sees it (sudo clears it). */
	readonly sshConnection?: string;
	/** Every user's keys instead of those of root and the login user. */
	readonly allUsers: boolean;
}

/** sshd's own defaults (sshd_config(5)). */
const defaultHostKeys = ["rsa", "ecdsa", "ed25519"].map((type) => `/etc/ssh/ssh_host_${type}_key`);
const defaultKeysFiles = [".ssh/authorized_keys", ".ssh/authorized_keys2"];

type Config = ReadonlyMap<string, readonly (readonly string[])[]>;

/** The login's view of the sshd configuration that the evidence holds so far. */
function configFor(evidence: Evidence, user: User, context: LoginContext): Config {
	const files = new Map<string, SshdLine[]>();
	const take = (path: string): void => {
		const bytes = evidence.file(path);
		if (bytes && !files.has(path)) files.set(path, parseSshdConfig(path, bytes));
	};
	take(sshdConfig);
	for (const path of readPaths(evidence, usualIncludes)) take(path);
	const wanted = [...files.values()].flatMap((lines) => includes(lines));
	for (const path of wanted.flatMap((pattern) => readPaths(evidence, pattern))) take(path);
	const connection = parseConnection(context.sshConnection);
	const group = evidence.file("/etc/group");
	return effectiveSshdConfig(
		sshdConfig,
		files,
		(pattern) => {
			// `*.conf` within the usual folder was asked for as `*`.
			const all = new Set([...readPaths(evidence, pattern), ...readPaths(evidence, usualIncludes)]);
			return [...all].filter((path) => fits(pattern, path)).sort();
		},
		{
			user: user.name,
			groups: group ? groupsOf(user, group) : [],
			address: connection?.client ?? "",
			localAddress: connection?.server ?? "",
			localPort: connection?.serverPort ?? 0,
		},
	);
}

/** As glob(7): no wildcard stands for a slash. */
function fits(pattern: string, path: string): boolean {
	const parts = pattern.split("/");
	const names = path.split("/");
	return (
		parts.length === names.length &&
		parts.every((part, index) => wildcard(part).test(names[index] ?? ""))
	);
}

/** Users whose keys are wanted: root and the login user, or all that have a home. */
function wantedUsers(evidence: Evidence, context: LoginContext): User[] {
	const passwd = evidence.file("/etc/passwd");
	const users = passwd ? parsePasswd(passwd) : [];
	if (!users.some((user) => user.uid === 0)) {
		// A broken /etc/passwd does not unmake root.
		users.unshift({ name: "root", uid: 0, gid: 0, home: "/root", shell: "" });
	}
	return users.filter(
		({ name, uid }) => context.allUsers || uid === 0 || name === context.loginUser,
	);
}

interface Paths {
	readonly hostKeys: readonly string[];
	readonly keysFiles: readonly {
		readonly user: User;
		readonly path: string;
		readonly strict: boolean;
	}[];
	readonly authorityFiles: readonly string[];
}

function pathsOf(evidence: Evidence, context: LoginContext): Paths {
	const users = wantedUsers(evidence, context);
	const root = users.find(({ uid }) => uid === 0);
	const global = root ? configFor(evidence, root, context) : new Map();
	const hostKeys = (global.get("hostkey") ?? []).flat();
	const keysFiles: { user: User; path: string; strict: boolean }[] = [];
	const authorityFiles = new Set<string>();
	for (const user of users) {
		const config = configFor(evidence, user, context);
		const strict = config.get("strictmodes")?.[0]?.[0]?.toLowerCase() !== "no";
		const templates = config.get("authorizedkeysfile")?.[0] ?? defaultKeysFiles;
		for (const template of templates) {
			if (template.toLowerCase() === "none") continue;
			keysFiles.push({ user, path: expandUserPath(template, user), strict });
		}
		for (const path of config.get("trustedusercakeys")?.[0] ?? []) {
			if (path.toLowerCase() !== "none") authorityFiles.add(path);
		}
	}
	return {
		hostKeys: hostKeys.length > 0 ? hostKeys : defaultHostKeys,
		keysFiles,
		authorityFiles: [...authorityFiles],
	};
}

/** More files than this are included by no configuration that is to be understood. */
const mostPatterns = 1024;

/** What the answers of the first round make worth asking: included files, keys, authorities. */
export function sshSources(evidence: Evidence, context: LoginContext): Source[] {
	const main = evidence.file(sshdConfig);
	const nested = [sshdConfig, ...readPaths(evidence, usualIncludes)].flatMap((path) => {
		const bytes = evidence.file(path);
		return bytes ? includes(parseSshdConfig(path, bytes)) : [];
	});
	const { hostKeys, keysFiles, authorityFiles } = pathsOf(evidence, context);
	const unique = (paths: readonly string[]): string[] => [...new Set(paths)];
	const isUsual = (pattern: string): boolean => /^\/etc\/ssh\/sshd_config\.d\/[^/]*$/.test(pattern);
	return [
		...(main ? unique(nested).filter((pattern) => !isUsual(pattern)) : [])
			.slice(0, mostPatterns)
			.map(readText),
		...unique(hostKeys).flatMap((path) => [
			source.stat(literalPath(path)),
			source.read(literalPath(path), { cap: keyHead.length }),
			readPath(`${path}.pub`),
		]),
		...unique(keysFiles.map(({ path }) => path)).map(readPath),
		...trustSources(keysFiles),
		...unique(authorityFiles).map(readPath),
	];
}

/** Paths of the files that a pattern found. */
function readPaths(evidence: Evidence, pattern: string): string[] {
	return evidence.found("read", pattern).map(({ path }) => path);
}

/** How people get in, from the evidence of both rounds. */
export function sshFacts(evidence: Evidence, context: LoginContext): SshFacts {
	const { hostKeys, keysFiles, authorityFiles } = pathsOf(evidence, context);
	const [root] = wantedUsers(evidence, { ...context, allUsers: false });
	const config = root ? configFor(evidence, root, context) : new Map();
	const ports = (config.get("port") ?? [])
		.flat()
		.map(Number)
		.filter((port: number) => Number.isInteger(port) && port > 0 && port < 65_536);
	const keysCommand = config.get("authorizedkeyscommand")?.[0]?.[0];
	const connection = parseConnection(context.sshConnection);
	return {
		ports: ports.length > 0 ? [...new Set<number>(ports)] : [22],
		hostKeys: hostKeys.flatMap((path) => hostKeyFile(evidence, path)),
		authorizedKeys: keysFiles.flatMap((file) => authorizedKeysFile(evidence, file)),
		userAuthorities: authorityFiles.flatMap((path) => {
			const bytes = evidence.file(path);
			return bytes ? parseAuthorizedKeys(bytes).keys.map(({ type, blob }) => ({ type, blob })) : [];
		}),
		...(keysCommand !== undefined && keysCommand.toLowerCase() !== "none" ? { keysCommand } : {}),
		...(connection ? { connection } : {}),
	};
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
	const [, type, blob] =
		/^(\S+)\s+(\S+)/.exec(text(evidence.file(`${path}.pub`) ?? new Uint8Array())) ?? [];
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

function authorizedKeysFile(
	evidence: Evidence,
	{ user, path, strict }: Paths["keysFiles"][number],
): AuthorizedKeysFile[] {
	const bytes = evidence.file(path);
	if (!bytes) return [];
	const parsed: AuthorizedKeys = parseAuthorizedKeys(bytes);
	const distrusted = distrust(evidence, user, path, strict);
	return [{ user: user.name, path, ...parsed, ...(distrusted ? { distrusted } : {}) }];
}

/** What cannot be read as SSH_CONNECTION is as good as none: the plan says so. */
function parseConnection(value: string | undefined): SshConnection | undefined {
	try {
		return value === undefined ? undefined : parseSshConnection(value);
	} catch (error) {
		if (error instanceof EkexecError) return undefined;
		throw error;
	}
}
