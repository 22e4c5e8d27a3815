// Who logs in, and the configuration of sshd that is in force for them.
import { EkexecError, wildcard } from "../../bytes/index.ts";
import { parseSshConnection, type SshConnection } from "../../network/index.ts";
import type { Evidence } from "./evidence.ts";
import { groupsIn, parsePasswd, type User } from "./proc.ts";
import { sshdConfig, usualIncludes } from "./sources.ts";
import { effectiveSshdConfig, includes, parseSshdConfig, type SshdLine } from "./sshd-config.ts";

/** What the operator knows of the login, and whose keys are wanted. */
export interface LoginContext {
	/** Name that was logged in with; root may have been become afterwards. */
	readonly loginUser: string;
	/** SSH_CONNECTION of the login shell, where the helper itself no longer sees it (sudo clears it). */
	readonly sshConnection?: string;
	/** Every user's keys instead of those of root and the login user. */
	readonly allUsers: boolean;
}

/** Keywords in lower case, each with the arguments of the lines that count. */
export type Config = ReadonlyMap<string, readonly (readonly string[])[]>;

/** A user, and the configuration that sshd goes by when they log in. */
export interface ConfiguredUser {
	readonly user: User;
	readonly groups: readonly string[];
	readonly config: Config;
}

/** Root and the login user, or all that /etc/passwd has. */
export function configuredUsers(evidence: Evidence, context: LoginContext): ConfiguredUser[] {
	const passwd = evidence.file("/etc/passwd");
	const users = passwd ? parsePasswd(passwd) : [];
	if (!users.some((user) => user.uid === 0)) {
		// A broken /etc/passwd does not unmake root.
		users.unshift({ name: "root", uid: 0, gid: 0, home: "/root", shell: "" });
	}
	const files = configFiles(evidence);
	const groupsOf = groupsIn(evidence.file("/etc/group") ?? new Uint8Array());
	return users
		.filter(({ name, uid }) => context.allUsers || uid === 0 || name === context.loginUser)
		.map((user) => {
			const groups = groupsOf(user);
			return { user, groups, config: configFor(evidence, files, { user, groups }, context) };
		});
}

/** The lines of every file of the configuration that the evidence holds so far. */
function configFiles(evidence: Evidence): ReadonlyMap<string, readonly SshdLine[]> {
	const files = new Map<string, SshdLine[]>();
	const take = (path: string): void => {
		const bytes = evidence.file(path);
		if (bytes && !files.has(path)) files.set(path, parseSshdConfig(path, bytes));
	};
	take(sshdConfig);
	for (const path of readPaths(evidence, usualIncludes)) take(path);
	const wanted = [...files.values()].flatMap((lines) => includes(lines));
	for (const path of wanted.flatMap((pattern) => readPaths(evidence, pattern))) take(path);
	return files;
}

function configFor(
	evidence: Evidence,
	files: ReadonlyMap<string, readonly SshdLine[]>,
	{ user, groups }: Pick<ConfiguredUser, "user" | "groups">,
	context: LoginContext,
): Config {
	const connection = parseConnection(context.sshConnection);
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
			groups,
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

/** Paths of the files that a pattern found. */
export function readPaths(evidence: Evidence, pattern: string): string[] {
	return evidence.found("read", pattern).map(({ path }) => path);
}

/** What cannot be read as SSH_CONNECTION is as good as none: the plan says so. */
export function parseConnection(value: string | undefined): SshConnection | undefined {
	try {
		return value === undefined ? undefined : parseSshConnection(value);
	} catch (error) {
		if (error instanceof EkexecError) return undefined;
		throw error;
	}
}

/** The paths that a keyword names, in the order of the configuration; `none` is none. */
export function pathsOf(config: Config | undefined, keyword: string): string[] {
	return (config?.get(keyword) ?? []).flat().filter((path) => path.toLowerCase() !== "none");
}
