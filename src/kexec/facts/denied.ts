// Users whom sshd lets nobody be by a key, whatever their files say.
import { wildcard } from "../../bytes/index.ts";
import type { Evidence } from "./evidence.ts";
import type { ConfiguredUser } from "./login.ts";
import { groupsOf } from "./proc.ts";

export function deniedUsers(
	evidence: Evidence,
	users: readonly ConfiguredUser[],
): { readonly user: string; readonly reason: string }[] {
	const group = evidence.file("/etc/group");
	return users.flatMap(({ user, config }) => {
		const groups = group ? groupsOf(user, group) : [];
		const reason = denial({ user, config }, groups);
		return reason === undefined ? [] : [{ user: user.name, reason }];
	});
}

/** As allowed_user() of auth.c, for whoever comes from anywhere: what depends on an address denies nobody. */
function denial({ user, config }: ConfiguredUser, groups: readonly string[]): string | undefined {
	const words = (keyword: string): readonly string[] => (config.get(keyword) ?? []).flat();
	const value = (keyword: string): string | undefined => words(keyword)[0]?.toLowerCase();
	if (value("pubkeyauthentication") === "no") return "PubkeyAuthentication is no";
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
