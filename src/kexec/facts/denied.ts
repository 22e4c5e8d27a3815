// Users whom sshd lets nobody be by a key alone, whatever their files say.
import { wildcard } from "../../bytes/index.ts";
import type { ConfiguredUser } from "./login.ts";

export function deniedUsers(
	users: readonly ConfiguredUser[],
): { readonly user: string; readonly reason: string }[] {
	return users.flatMap((each) => {
		const reason = denial(each);
		return reason === undefined ? [] : [{ user: each.user.name, reason }];
	});
}

/**
 * As allowed_user() of auth.c and what the configuration says of keys. Match blocks are those for where the operator comes
 * from; an address in a list of users denies nobody.
 */
function denial({ user, groups, config }: ConfiguredUser): string | undefined {
	const words = (keyword: string): readonly string[] => (config.get(keyword) ?? []).flat();
	const value = (keyword: string): string | undefined => words(keyword)[0]?.toLowerCase();
	if (value("pubkeyauthentication") === "no") return "PubkeyAuthentication is no";
	const ways = words("authenticationmethods");
	const byKey = ways.some((way) => /^(?:any|publickey)$/i.test(way));
	if (ways.length > 0 && !byKey) return "AuthenticationMethods asks for more than a key";
	if (!["none", undefined].includes(value("forcecommand"))) return "ForceCommand is set";
	const root = value("permitrootlogin");
	if (user.uid === 0 && (root === "no" || root === "forced-commands-only")) {
		return `PermitRootLogin is ${root}`;
	}
	const fits = (pattern: string, names: readonly string[]): boolean =>
		names.some((name) => wildcard(pattern).test(name));
	/** `user@host` is held against both; here the host is nobody's. */
	const userOf = (pattern: string): string => pattern.split("@", 1)[0] ?? "";
	if (words("denyusers").some((each) => !each.includes("@") && fits(each, [user.name]))) {
		return "DenyUsers names it";
	}
	const allowed = words("allowusers");
	if (allowed.length > 0 && !allowed.some((each) => fits(userOf(each), [user.name]))) {
		return "AllowUsers does not name it";
	}
	if (words("denygroups").some((each) => fits(each, groups))) return "DenyGroups names its group";
	const allowedGroups = words("allowgroups");
	if (allowedGroups.length > 0 && !allowedGroups.some((each) => fits(each, groups))) {
		return "AllowGroups does not name its groups";
	}
	return undefined;
}
