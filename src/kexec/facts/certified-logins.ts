// Whom sshd lets in by certificates of the authorities that its configuration names.
import type { Source } from "../contract.ts";
import { parseAuthorizedKeys } from "./authorized-keys.ts";
import { parseAuthorizedPrincipals } from "./authorized-principals.ts";
import type { Evidence } from "./evidence.ts";
import type { CertifiedLogin } from "./facts.ts";
import { type ConfiguredUser, pathsOf } from "./login.ts";
import { readPath } from "./sources.ts";
import { expandUserPath } from "./sshd-config.ts";
import { distrust, isStrict, trustSources } from "./trust.ts";

const authorityFiles = ({ config }: ConfiguredUser) => pathsOf(config, "trustedusercakeys");

function principalsFile({ user, config }: ConfiguredUser): string | undefined {
	const [template] = pathsOf(config, "authorizedprincipalsfile");
	return template === undefined ? undefined : expandUserPath(template, user);
}

export function certifiedLoginSources(users: readonly ConfiguredUser[]): Source[] {
	const certified = users.filter((each) => authorityFiles(each).length > 0);
	const files = certified.flatMap((each) => {
		const path = principalsFile(each);
		return path === undefined ? [] : [{ user: each.user, path }];
	});
	const paths = new Set([...certified.flatMap(authorityFiles), ...files.map(({ path }) => path)]);
	return [...[...paths].map(readPath), ...trustSources(files)];
}

/** One for each user whom a certificate can let in at all. */
export function certifiedLogins(
	evidence: Evidence,
	users: readonly ConfiguredUser[],
): CertifiedLogin[] {
	return users.flatMap((each) => {
		const authorities = authorityFiles(each).flatMap((path) => {
			const bytes = evidence.file(path);
			return bytes ? parseAuthorizedKeys(bytes).keys.map(({ type, blob }) => ({ type, blob })) : [];
		});
		return authorities.length === 0 ? [] : [{ ...principalsOf(evidence, each), authorities }];
	});
}

/** A file or a program takes the place of the user's own name (user_cert_trusted_ca() of auth2-pubkey.c). */
function principalsOf(
	evidence: Evidence,
	each: ConfiguredUser,
): Omit<CertifiedLogin, "authorities"> {
	const { user, config } = each;
	const path = principalsFile(each);
	const [command] = pathsOf(config, "authorizedprincipalscommand");
	const of = { user: user.name, ...(command === undefined ? {} : { command }) };
	if (path === undefined) {
		const own = { name: user.name, options: [], optionText: "" };
		return { ...of, principals: command === undefined ? [own] : [], unusable: [] };
	}
	const { principals, unusable } = parseAuthorizedPrincipals(
		evidence.file(path) ?? new Uint8Array(),
	);
	const distrusted = distrust(evidence, user, path, isStrict(config));
	return { ...of, path, principals, unusable, ...(distrusted ? { distrusted } : {}) };
}
