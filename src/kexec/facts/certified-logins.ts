// Whom sshd lets in by certificates of the authorities that its configuration names.
import { text } from "../../bytes/index.ts";
import type { Source } from "../contract.ts";
import { parseAuthorizedKeys } from "./authorized-keys.ts";
import { type PrincipalLine, parseAuthorizedPrincipals } from "./authorized-principals.ts";
import type { Evidence } from "./evidence.ts";
import type { AuthoritiesFile, CertifiedLogin } from "./facts.ts";
import { type ConfiguredUser, pathsOf } from "./login.ts";
import { readPath } from "./sources.ts";
import { expandUserPath } from "./sshd-config.ts";
import { distrust, isStrict, trustSources } from "./trust.ts";

const authoritiesPath = ({ config }: ConfiguredUser) => pathsOf(config, "trustedusercakeys")[0];

function principalsPath({ user, config }: ConfiguredUser): string | undefined {
	const [template] = pathsOf(config, "authorizedprincipalsfile");
	return template === undefined ? undefined : expandUserPath(template, user);
}

export function certifiedLoginSources(users: readonly ConfiguredUser[]): Source[] {
	const paths = new Set<string>();
	const files: { user: ConfiguredUser["user"]; path: string }[] = [];
	for (const each of users) {
		const authorities = authoritiesPath(each);
		if (authorities === undefined) continue;
		paths.add(authorities);
		const path = principalsPath(each);
		if (path === undefined) continue;
		paths.add(path);
		files.push({ user: each.user, path });
	}
	return [...[...paths].map(readPath), ...trustSources(files)];
}

/** One for each user whose configuration names authorities that could be read. */
export function certifiedLogins(
	evidence: Evidence,
	users: readonly ConfiguredUser[],
): CertifiedLogin[] {
	const files = new Map<string, AuthoritiesFile | undefined>();
	const lists = new Map<string, readonly PrincipalLine[]>();
	return users.flatMap((each): CertifiedLogin[] => {
		const path = authoritiesPath(each);
		if (path === undefined) return [];
		if (!files.has(path)) files.set(path, authoritiesFile(evidence, path));
		const authorities = files.get(path);
		if (authorities === undefined) return [];
		const [command] = pathsOf(each.config, "authorizedprincipalscommand");
		const principals = principalsFile(evidence, each, lists);
		return [
			{
				user: each.user.name,
				authorities,
				...(principals ? { principals } : {}),
				...(command === undefined ? {} : { command }),
			},
		];
	});
}

function authoritiesFile(evidence: Evidence, path: string): AuthoritiesFile | undefined {
	const content = evidence.wholeFile(path);
	return content && { path, keys: authorityKeys(content) };
}

/**
 * Keys without options, up to the first line that is none: sshkey_in_file() of authfile.c goes no further. For an sshd of
 * today that is also a DSA key.
 */
function authorityKeys(content: Uint8Array): { readonly type: string; readonly blob: string }[] {
	const found: { type: string; blob: string }[] = [];
	for (const line of text(content).split("\n")) {
		if (/^[ \t]*(?:#|$)/.test(line)) continue;
		const [key] = parseAuthorizedKeys(Buffer.from(line)).keys;
		if (key === undefined || key.options.length > 0 || key.type === "ssh-dss") break;
		found.push({ type: key.type, blob: key.blob });
	}
	return found;
}

function principalsFile(
	evidence: Evidence,
	each: ConfiguredUser,
	lists: Map<string, readonly PrincipalLine[]>,
): CertifiedLogin["principals"] {
	const path = principalsPath(each);
	if (path === undefined) return undefined;
	const content = evidence.wholeFile(path);
	const cut = content === undefined && evidence.file(path) !== undefined;
	const distrusted = cut
		? "it is longer than ekexec reads"
		: distrust(evidence, each.user, path, isStrict(each.config));
	const lines = lists.get(path) ?? parseAuthorizedPrincipals(content ?? new Uint8Array());
	lists.set(path, lines);
	return { path, lines, ...(distrusted ? { distrusted } : {}) };
}
