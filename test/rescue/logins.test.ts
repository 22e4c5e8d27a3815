import { describe, expect, test } from "vitest";
import { text, utf8 } from "../../src/bytes/index.ts";
import { parseAuthorizedPrincipals } from "../../src/kexec/facts/authorized-principals.ts";
import type { Facts } from "../../src/kexec/facts/facts.ts";
import { withIdentity } from "../../src/rescue/identity.ts";
import type { PlannedImage } from "../../src/rescue/plan.ts";
import { certificateBlob } from "../ssh/certificate-blob.ts";
import { healthyFacts, keyBlob, keysOf } from "../support/facts.ts";
import { plan, verdicts } from "../support/plan.ts";

const base = healthyFacts();
const other = keyBlob.replace("KzPl", "KQQQ");
const third = keyBlob.replace("KzPl", "KRRR");
const addedKeys = [{ name: "me.pub", content: utf8(`ssh-ed25519 ${other}`) }];

describe("a login by a certificate", () => {
	const authorities = {
		path: "/etc/ssh/ca.pub",
		keys: [{ type: "ssh-ed25519", blob: other }],
	};
	/** Let in by the user's own name, or by those of a list. */
	const certified = (
		user: string,
		list?: string,
		distrusted?: string,
	): Facts["ssh"]["certifiedLogins"][number] => {
		if (list === undefined) return { user, authorities };
		const lines = parseAuthorizedPrincipals(utf8(list));
		const path = `/etc/ssh/principals/${user}`;
		return {
			user,
			authorities,
			principals: { path, lines, ...(distrusted ? { distrusted } : {}) },
		};
	};
	const namesOf = (made: ReturnType<typeof plan>) =>
		made.keys.certified && text(made.keys.certified.principals);
	const shown = (...names: string[]) =>
		({
			method: "publickey",
			type: "ssh-ed25519-cert-v01@openssh.com",
			blob: certificateBlob({ authority: other, principals: names }),
			certified: true,
		}) as const;
	const certifiedLogins = [certified("root"), certified("admin"), certified("eve")];
	const known = { ssh: { ...base.ssh, certifiedLogins } };

	test("works where its authority comes along and its name is taken", () => {
		const made = plan(known, { login: { proof: shown("ops", "admin"), user: "admin" } });
		expect(verdicts(made, "login-keys")).toEqual(["ok"]);
		expect(namesOf(made)).toBe("admin\nroot\n");
		expect(made.keys.certified?.authorities).toBe(authorities);
		const all = plan(known, { login: { proof: shown("eve") }, options: { allKeys: true } });
		expect(verdicts(all, "login-keys")).toEqual(["ok"]);
		expect(namesOf(all)).toBe("root\nadmin\neve\n");
	});

	test("opens what the users' lists of names open, and nothing else", () => {
		const certifiedLogins = [
			certified("root", 'ops\nfrom="192.0.2.0/24" far # x\ncommand="x" backup\n'),
			certified("admin", "ops\nsecond\n"),
			certified("eve", "eve", "everybody may write to it"),
		];
		const ssh = { ...base.ssh, certifiedLogins };
		const login = { proof: shown("second"), user: "admin" };
		const made = plan({ ssh }, { login, options: { allKeys: true } });
		expect(verdicts(made, "login-keys")).toEqual(["ok", "note", "warning"]);
		expect(namesOf(made)).toBe(
			'ops\nsecond\nops\nfrom="192.0.2.0/24" far\nrestrict,command="false" backup\n',
		);
		expect(made.keys.leftOut).toMatchObject([{ user: "root", lineNumber: 3, comment: "backup" }]);
		// The user's own name does not count beside a list; a forced command does.
		for (const name of ["root", "backup"]) {
			const lost = plan({ ssh }, { login: { proof: shown(name) } });
			expect(verdicts(lost, "login-keys")).toContain("refusal");
		}
	});

	test("does without a forced command where another user's list has the name without", () => {
		const certifiedLogins = [certified("admin", 'command="x" ops\n'), certified("root", "ops\n")];
		const login = { proof: shown("ops"), user: "admin" };
		const made = plan({ ssh: { ...base.ssh, certifiedLogins } }, { login });
		expect(namesOf(made)).toBe("ops\n");
	});

	test("a list that sshd does not take sets no forced command free", () => {
		const certifiedLogins = [
			certified("root", 'command="x" backup\nstaff\n'),
			certified("admin", "backup\n", "everybody may write to it"),
		];
		const login = { proof: shown("backup", "staff") };
		const made = plan(
			{ ssh: { ...base.ssh, certifiedLogins } },
			{ login, options: { allKeys: true } },
		);
		expect(namesOf(made)).toBe('restrict,command="false" backup\nstaff\n');
		expect(made.refused).toBe(true);
	});

	test("goes through with nothing but certificates, and not with a signature by SHA-1", () => {
		const ssh = { ...base.ssh, authorizedKeys: [], certifiedLogins: [certified("root")] };
		const made = plan({ ssh }, { login: { proof: shown("root") } });
		expect(withIdentity(made, healthyFacts({ ssh }), "about", "rootfs").refused).toBe(false);
		const blob = certificateBlob({ authority: other, principals: ["root"], signedWith: "ssh-rsa" });
		const old = plan({ ssh }, { login: { proof: { ...shown(), blob } } });
		expect(verdicts(old, "login-keys")).toEqual(["refusal"]);
	});

	test("is for one file of authorities, and for users whom sshd lets in", () => {
		const foreign = { ...authorities, path: "/other" };
		const certifiedLogins = [certified("root"), { ...certified("eve"), authorities: foreign }];
		const options = { allKeys: true };
		const two = plan({ ssh: { ...base.ssh, certifiedLogins } }, { options });
		expect(namesOf(two)).toBe("root\n");
		expect(verdicts(two, "login-keys")).toEqual(["ok", "warning"]);
		const denied = [{ user: "root", reason: "PermitRootLogin is no" }];
		const authorizedKeys = [
			keysOf("root", `ssh-ed25519 ${third}`),
			keysOf("admin", `ssh-ed25519 ${keyBlob}`),
		];
		const ssh = { ...base.ssh, certifiedLogins, denied, authorizedKeys };
		const barred = plan({ ssh }, { login: { user: "admin" } });
		expect(namesOf(barred)).toBeUndefined();
		expect(text(barred.keys.authorizedKeys)).toBe(`ssh-ed25519 ${keyBlob}\n`);
		expect(verdicts(barred, "login-keys")).toEqual(["ok", "note"]);
		// Whoever did log in is let in, whatever the configuration seems to say: by what was used for it.
		expect(plan({ ssh }, { login: { proof: shown("root") } }).refused).toBe(false);
		const both = [keysOf("root", `ssh-ed25519 ${keyBlob}\nssh-ed25519 ${third}`)];
		const own = plan({ ssh: { ...ssh, authorizedKeys: both } });
		expect(text(own.keys.authorizedKeys)).toBe(`ssh-ed25519 ${keyBlob}\n`);
	});

	test("that ends before the rescue does is a refusal", () => {
		const now = Date.UTC(2026, 0, 1) / 1000;
		const ending = (validBefore: number) => {
			const blob = certificateBlob({ authority: other, principals: ["root"], validBefore });
			const made = plan(known, { login: { proof: { ...shown(), blob } } });
			return verdicts(made, "login-keys");
		};
		expect(ending(now + 60)).toEqual(["refusal"]);
		expect(ending(now + 7200)).toEqual(["ok"]);
	});

	test("by a line of one's own file is for one's own name, as which nobody logs in there", () => {
		const lines = `cert-authority ssh-ed25519 ${other}\ncert-authority,principals="x" ssh-ed25519 ${other}`;
		const ssh = { ...base.ssh, authorizedKeys: [keysOf("root", lines), keysOf("admin", lines)] };
		const made = plan({ ssh }, { login: { proof: shown("admin"), user: "admin" } });
		expect(verdicts(made, "login-keys")).toEqual(["ok"]);
		expect(text(made.keys.authorizedKeys)).toBe(
			`${lines}\nprincipals="admin",cert-authority ssh-ed25519 ${other}\n`,
		);
	});

	test("may depend on a program that gives names, which is told", () => {
		const certifiedLogins = [{ ...certified("root", ""), command: "/usr/bin/names" }];
		const made = plan(
			{ ssh: { ...base.ssh, certifiedLogins } },
			{ login: { proof: shown("root") } },
		);
		expect(made.checks.filter(({ id }) => id === "login-keys").map(({ found }) => found)).toEqual([
			expect.stringContaining("(AuthorizedPrincipalsCommand may give its name)"),
			expect.stringContaining("/usr/bin/names"),
		]);
	});

	test("is a refusal where the authority's line is about to end", () => {
		const ending = `expiry-time="20260101",cert-authority ssh-ed25519 ${other}`;
		const ssh = { ...base.ssh, authorizedKeys: [keysOf("root", ending)] };
		expect(verdicts(plan({ ssh }, { login: { proof: shown("root") } }), "login-keys")).toEqual([
			"refusal",
		]);
	});

	test("is a refusal where the authority stays behind, unless another key was named", () => {
		const proof = shown("root");
		expect(verdicts(plan({}, { login: { proof } }), "login-keys")).toEqual(["refusal"]);
		const named = plan({}, { login: { proof }, options: { addedKeys } });
		expect(verdicts(named, "login-keys")).toEqual(["warning"]);
		const unrelated = keysOf("root", `cert-authority ssh-ed25519 ${third}`);
		const ssh = { ...base.ssh, authorizedKeys: [unrelated] };
		expect(verdicts(plan({ ssh }, { login: { proof } }), "login-keys")).toEqual(["refusal"]);
	});

	test("is a refusal where it is for other names, or forces a command", () => {
		const found = (blob: string) =>
			plan(known, { login: { proof: { ...shown(), blob } } }).checks.find(
				({ id }) => id === "login-keys",
			);
		expect(found(shown("ops").blob)?.found).toContain("for ops, and the rescue system takes");
		expect(found(shown().blob)?.found).toContain("for no name");
		const forced = { authority: other, principals: ["root"], critical: ["force-command"] };
		expect(found(certificateBlob(forced))?.found).toContain("forced command");
		expect(found(third)?.found).toContain("cannot be read");
	});
});

describe("revoked keys", () => {
	const path = "/etc/ssh/revoked_keys";
	const content = utf8(`# gone\nssh-ed25519 ${third}\n`);
	const planned = (files: Facts["ssh"]["revokedKeys"], adapter?: PlannedImage["adapter"]) => {
		const made = plan(
			{ ssh: { ...base.ssh, revokedKeys: files } },
			adapter === undefined ? {} : { image: { adapter } },
		);
		const carried = made.revokedKeys && text(made.revokedKeys.content);
		return { carried, verdicts: verdicts(made, "login-keys") };
	};
	const string = (bytes: Uint8Array) =>
		Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
	const krl = (...sections: readonly (readonly [kind: number, content: Uint8Array])[]) =>
		Buffer.concat([
			utf8("SSHKRL\n\0"),
			Buffer.from([0, 0, 0, 1]),
			Buffer.alloc(24),
			Buffer.alloc(8),
			...sections.flatMap(([kind, content]) => [Buffer.from([kind]), string(content)]),
		]);
	const empty = string(Buffer.alloc(0));
	const byAnyone = (kind: number) =>
		Buffer.concat([empty, empty, Buffer.from([kind]), string(Buffer.alloc(8))]);
	const byDsa = Buffer.concat([string(string(utf8("ssh-dss"))), empty]);

	test("stay revoked where the image has a place for them", () => {
		const carried = `ssh-ed25519 ${third}\n`;
		expect(planned([{ path, content }])).toEqual({ carried, verdicts: ["ok", "note"] });
		const nixos = planned([{ path, content }], "nixos-images");
		expect(nixos).toEqual({ carried: undefined, verdicts: ["ok", "note"] });
		const two = planned([
			{ path, content },
			{ path: "/b", content },
		]);
		expect(two).toEqual({ carried, verdicts: ["ok", "note", "note"] });
		const other = planned([{ path, content: krl([1, byAnyone(0x20)]) }], "nixos-images");
		expect(other.verdicts).toEqual(["ok", "warning"]);
	});

	test("are carried without what another sshd may not know: it would take no key at all", () => {
		const cut = third.slice(0, -4);
		const old = utf8(
			`ssh-dss AAAAB3NzaC1kc3M= x\noops\nwebauthn AAAA\nssh-ed25519 ${cut}\n\u00a0ssh-ed25519 ${third}\n`,
		);
		const { carried } = planned([{ path, content: old }]);
		expect(carried).toBe(`ssh-ed25519 ${third}\n`);
		const usual = krl([1, byAnyone(0x22)], [2, string(utf8("key"))], [5, empty]);
		expect(planned([{ path, content: usual }]).verdicts).toEqual(["ok", "note"]);
		const unknown = [
			...[krl([1, byAnyone(0x39)]), krl([1, byDsa]), krl([9, empty]), krl([4, empty])],
			...[krl([2, utf8("key")]), usual.subarray(0, -1)],
		];
		for (const content of unknown) {
			const found = planned([{ path, content }]);
			expect(found).toEqual({ carried: undefined, verdicts: ["ok", "warning"] });
		}
	});

	test("that are none, or cannot be read, are not carried", () => {
		const nothing = planned([{ path, content: utf8("") }]);
		expect(nothing).toEqual({ carried: undefined, verdicts: ["ok"] });
		expect(planned([{ path }])).toEqual({ carried: undefined, verdicts: ["ok", "warning"] });
	});

	test("that stand among the authorized ones are left out", () => {
		const authorizedKeys = [keysOf("root", `ssh-ed25519 ${keyBlob}\nssh-ed25519 ${third}`)];
		const ssh = { ...base.ssh, authorizedKeys, revokedKeys: [{ path, content }] };
		expect(text(plan({ ssh }).keys.authorizedKeys)).toBe(`ssh-ed25519 ${keyBlob}\n`);
	});

	test("named with --key open nothing", () => {
		const ssh = { ...base.ssh, revokedKeys: [{ path, content }] };
		const named = [{ name: "me.pub", content: utf8(`ssh-ed25519 ${third}`) }];
		const made = plan({ ssh }, { options: { addedKeys: named } });
		expect(made.refused).toBe(true);
		expect(made.checks.find(({ verdict }) => verdict === "refusal")?.found).toContain(
			"that are revoked",
		);
	});
});
