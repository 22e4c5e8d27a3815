import type { Source } from "../contract.ts";
import { parseAuthorizedKeys } from "./authorized-keys.ts";
import { certifiedLoginSources, certifiedLogins } from "./certified-logins.ts";
import { deniedUsers } from "./denied.ts";
import type { Evidence } from "./evidence.ts";
import type { AuthorizedKeysFile, RevokedKeysFile, SshFacts } from "./facts.ts";
import { hostCertificates, hostKeyFiles, hostKeySources } from "./host-keys.ts";
import {
	type Config,
	type ConfiguredUser,
	configuredUsers,
	type LoginContext,
	parseConnection,
	pathsOf,
	readPaths,
} from "./login.ts";
import type { User } from "./proc.ts";
import { readPath, readText, sshdConfig, usualIncludes } from "./sources.ts";
import { expandUserPath, includes, parseSshdConfig } from "./sshd-config.ts";
import { distrust, isStrict, trustSources } from "./trust.ts";

/** sshd's own default (sshd_config(5)). */
const defaultKeysFiles = [".ssh/authorized_keys", ".ssh/authorized_keys2"];

interface KeysFile {
	readonly user: User;
	readonly path: string;
	readonly strict: boolean;
}

function keysFiles({ user, config }: ConfiguredUser): KeysFile[] {
	const templates = config.has("authorizedkeysfile")
		? pathsOf(config, "authorizedkeysfile")
		: defaultKeysFiles;
	return templates.map((template) => ({
		user,
		path: expandUserPath(template, user),
		strict: isStrict(config),
	}));
}

/** The configuration for root: what the rescue system does as a whole goes by it. */
function configOfRoot(users: readonly ConfiguredUser[]): Config | undefined {
	return users.find(({ user }) => user.uid === 0)?.config;
}

/** Paths of RevokedKeys, root's first. */
function revokedPaths(users: readonly ConfiguredUser[]): string[] {
	const configs = [configOfRoot(users), ...users.map(({ config }) => config)];
	return [...new Set(configs.flatMap((config) => pathsOf(config, "revokedkeys")))];
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
	const users = configuredUsers(evidence, context);
	const files = users.flatMap(keysFiles);
	const unique = (paths: readonly string[]): string[] => [...new Set(paths)];
	const isUsual = (pattern: string): boolean => /^\/etc\/ssh\/sshd_config\.d\/[^/]*$/.test(pattern);
	return [
		...(main ? unique(nested).filter((pattern) => !isUsual(pattern)) : [])
			.slice(0, mostPatterns)
			.map(readText),
		...hostKeySources(configOfRoot(users)),
		...unique(files.map(({ path }) => path)).map(readPath),
		...trustSources(files),
		...certifiedLoginSources(users),
		...revokedPaths(users).map(readPath),
	];
}

/** How people get in, from the evidence of both rounds. */
export function sshFacts(evidence: Evidence, context: LoginContext): SshFacts {
	const users = configuredUsers(evidence, context);
	const config = configOfRoot(users);
	const ports = (config?.get("port") ?? [])
		.flat()
		.map(Number)
		.filter((port: number) => Number.isInteger(port) && port > 0 && port < 65_536);
	const [keysCommand] = pathsOf(config, "authorizedkeyscommand");
	const connection = parseConnection(context.sshConnection);
	return {
		ports: ports.length > 0 ? [...new Set<number>(ports)] : [22],
		hostKeys: hostKeyFiles(evidence, config),
		hostCertificates: hostCertificates(evidence, config),
		authorizedKeys: users.flatMap(keysFiles).flatMap((file) => authorizedKeysFile(evidence, file)),
		certifiedLogins: certifiedLogins(evidence, users),
		denied: deniedUsers(users),
		revokedKeys: revokedPaths(users).map((path) => revokedKeysFile(evidence, path)),
		...(keysCommand === undefined ? {} : { keysCommand }),
		...(connection ? { connection } : {}),
	};
}

function authorizedKeysFile(
	evidence: Evidence,
	{ user, path, strict }: KeysFile,
): AuthorizedKeysFile[] {
	const bytes = evidence.file(path);
	if (!bytes) return [];
	const distrusted = distrust(evidence, user, path, strict);
	return [
		{
			user: user.name,
			path,
			...parseAuthorizedKeys(bytes),
			...(distrusted ? { distrusted } : {}),
		},
	];
}

function revokedKeysFile(evidence: Evidence, path: string): RevokedKeysFile {
	const content = evidence.wholeFile(path);
	return { path, ...(content === undefined ? {} : { content }) };
}
