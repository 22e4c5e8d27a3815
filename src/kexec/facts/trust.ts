// Files of authorized keys and principals that sshd itself does not take: whoever can write them would be let in as root otherwise.
import { text } from "../../bytes/index.ts";
import type { Source } from "../contract.ts";
import { literalPath, source } from "../sources.ts";
import type { FileStat } from "../stat.ts";
import type { Evidence } from "./evidence.ts";
import type { Config } from "./login.ts";
import { parsePasswd, type User } from "./proc.ts";

/** Whether sshd looks at who may write the files that let somebody in: its StrictModes, on unless told. */
export function isStrict(config: Config): boolean {
	return config.get("strictmodes")?.[0]?.[0]?.toLowerCase() !== "no";
}

/** The file, and the folders that sshd looks at: up to the home, else up to the root (secure_filename() of misc.c). */
function looksAt(path: string, home: string): string[] {
	const looked = [path];
	const top = home.replace(/\/+$/, "");
	for (let at = path; at !== "/" && at !== top; ) {
		at = at.slice(0, at.lastIndexOf("/")) || "/";
		looked.push(at);
	}
	return looked;
}

/** What {@link distrust} has to know of the files. */
export function trustSources(files: readonly { user: User; path: string }[]): Source[] {
	const paths = new Set(files.flatMap(({ user, path }) => looksAt(path, user.home)));
	return [...paths].map((path) => source.stat(literalPath(path)));
}

/**
 * Why sshd takes no key of this file, or undefined. `strict` is its StrictModes. Never stricter than any sshd: group
 * members who are nobody else are allowed, as Debian's allows them, and what could not be looked at is no reason.
 */
export function distrust(
	evidence: Evidence,
	user: User,
	path: string,
	strict: boolean,
): string | undefined {
	for (const each of strict ? looksAt(path, user.home) : []) {
		const stat = evidence.stat(each);
		if (stat === undefined) continue;
		const what = each === path ? "it" : each;
		if (stat.uid !== 0 && stat.uid !== user.uid) return `${what} belongs to user ${stat.uid}`;
		if (Math.floor(stat.mode / 0o002) % 2 === 1) return `everybody may write to ${what}`;
		if (Math.floor(stat.mode / 0o020) % 2 === 1 && othersIn(evidence, stat.gid, user))
			return `the members of group ${stat.gid} may write to ${what}`;
	}
	const stat = evidence.stat(path);
	return stat === undefined || mayRead(evidence, user, stat)
		? undefined
		: `${user.name} may not read it`;
}

/** sshd opens the file as the user: a link to somebody else's file opens nothing. */
function mayRead(evidence: Evidence, user: User, { mode, uid, gid }: FileStat): boolean {
	if (user.uid === 0 || uid === user.uid || Math.floor(mode / 0o004) % 2 === 1) return true;
	const member = gid === user.gid || membersOf(evidence, gid).includes(user.name);
	return member && Math.floor(mode / 0o040) % 2 === 1;
}

function othersIn(evidence: Evidence, gid: number, user: User): boolean {
	const primary = parsePasswd(evidence.file("/etc/passwd") ?? new Uint8Array(0))
		.filter((each) => each.gid === gid && each.uid !== 0)
		.map(({ name }) => name);
	return [...primary, ...membersOf(evidence, gid)].some(
		(name) => name !== user.name && name !== "root",
	);
}

/** group(5) */
function membersOf(evidence: Evidence, gid: number): string[] {
	return text(evidence.file("/etc/group") ?? new Uint8Array(0))
		.split("\n")
		.map((line) => line.split(":"))
		.filter(([, , id]) => id !== undefined && id !== "" && Number(id) === gid)
		.flatMap(([, , , members = ""]) => members.split(",").filter((name) => name !== ""));
}
