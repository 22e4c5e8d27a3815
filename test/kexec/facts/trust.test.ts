import { expect, test } from "vitest";
import { distrust, trustSources } from "../../../src/kexec/facts/trust.ts";
import { evidenceOf, type Stat } from "../support/evidence.ts";

const user = { name: "bob", uid: 1000, gid: 1000, home: "/home/bob", shell: "" };
const path = "/home/bob/.ssh/authorized_keys";

function evidence(stats: Readonly<Record<string, Stat>>, groups = "bob:x:1000:\n") {
	const passwd = "root:x:0:0::/root:\nbob:x:1000:1000::/home/bob:\neve:x:1001:1001::/:\n";
	return evidenceOf({ "/etc/passwd": passwd, "/etc/group": groups }, stats);
}

const own: Readonly<Record<string, Stat>> = {
	[path]: [0o100600, 1000, 1000],
	"/home/bob/.ssh": [0o40700, 1000, 1000],
	"/home/bob": [0o40755, 1000, 1000],
	"/home": [0o40777, 1234, 0],
};

test.each<[string, Readonly<Record<string, Stat>>, string | undefined, string?]>([
	["the usual", own, undefined],
	["root's own", { ...own, [path]: [0o100644, 0, 0] }, undefined],
	["nothing looked at", {}, undefined],
	["another's file", { ...own, [path]: [0o100644, 1001, 1001] }, "it belongs to user 1001"],
	["a file for everybody", { ...own, [path]: [0o100666, 1000, 1000] }, "everybody may write to it"],
	[
		"a home for everybody",
		{ ...own, "/home/bob": [0o41777, 1000, 1000] },
		"everybody may write to /home/bob",
	],
	["a group of one's own", { ...own, [path]: [0o100664, 1000, 1000] }, undefined],
	[
		"a group with others",
		{ ...own, [path]: [0o100664, 1000, 1000] },
		"the members of group 1000 may write to it",
		"bob:x:1000:eve\n",
	],
	[
		"a group that is another's own",
		{ ...own, [path]: [0o100664, 1000, 1001] },
		"the members of group 1001 may write to it",
	],
	["a link to what only root reads", { ...own, [path]: [0o100640, 0, 42] }, "bob may not read it"],
	[
		"a link to what a group of bob's reads",
		{ ...own, [path]: [0o100640, 0, 42] },
		undefined,
		"shadow:x:42:bob\n",
	],
])("%s", (_name, stats, expected, groups) => {
	expect(distrust(evidence(stats, groups), user, path, true)).toBe(expected);
});

test("without StrictModes only what the user may read counts", () => {
	const open = evidence({ ...own, [path]: [0o100666, 1001, 1001] });
	expect(distrust(open, user, path, false)).toBeUndefined();
	const foreign = evidence({ ...own, [path]: [0o100600, 0, 0] });
	expect(distrust(foreign, user, path, false)).toBe("bob may not read it");
});

test("all that sshd looks at is asked for: up to the home, or to the root", () => {
	const asked = (file: string) =>
		trustSources([{ user, path: file }]).map((each) => Buffer.from(each.argument).toString());
	expect(asked(path)).toEqual([path, "/home/bob/.ssh", "/home/bob"]);
	expect(asked("/etc/keys/bob")).toEqual(["/etc/keys/bob", "/etc/keys", "/etc", "/"]);
});
