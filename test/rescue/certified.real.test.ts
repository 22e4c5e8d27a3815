import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sshFacts } from "../../src/kexec/facts/ssh.ts";
import { authorityLines } from "../../src/rescue/authorities.ts";
import { evidenceOf } from "../kexec/support/evidence.ts";
import { keygen, type Sshd, scratch, startSshd } from "../ssh/sshd.ts";
import { missing } from "../support/programs.ts";

const lacking = missing("sshd", "ssh", "ssh-keygen");

// What TrustedUserCAKeys, AuthorizedPrincipalsFile and RevokedKeys say to the target's sshd is said to that of the
// rescue system by authorized_keys and RevokedKeys: OpenSSH itself is asked whether it is the same.
describe.skipIf(lacking)(`certificates that sshd takes ${lacking}`, () => {
	const place = scratch();
	const user = userInfo().username;
	const path = (name: string) => join(place.path, name);
	const read = (file: string) => readFileSync(file, "utf8");
	/** A key and its certificate for these names, signed with what ssh-keygen is told besides. */
	const certified = (name: string, names: string | undefined, ...options: string[]) => {
		const key = keygen(path(name), "-t", "ed25519");
		const of = names === undefined ? [] : ["-n", names];
		execFileSync("ssh-keygen", [
			...["-q", "-s", path("authority"), "-I", name, ...of, ...options, `${key}.pub`],
		]);
		return key;
	};
	const servers = new Map<string, Sshd>();

	beforeAll(async () => {
		keygen(path("authority"), "-t", "ed25519");
		mkdirSync(path("principals"));
		writeFileSync(
			join(path("principals"), user),
			`# whom this account is open to\nops\nfrom="192.0.2.0/24" far\nno-pty  near # and nothing else\n`,
		);
		const revoked = certified("revoked", "ops");
		execFileSync("ssh-keygen", ["-q", "-k", "-f", path("krl"), `${revoked}.pub`]);
		const trusting = (principals: readonly string[]) => [
			`TrustedUserCAKeys ${path("authority.pub")}`,
			...principals,
			`RevokedKeys ${path("krl")}`,
		];
		const byFile = trusting([`AuthorizedPrincipalsFile ${path("principals")}/%u`]);
		for (const [name, config] of [
			["by file", byFile],
			["by name", trusting([])],
		] as const) {
			const target = await startSshd(place.path, { hostKeys: ["ed25519"], config });
			const { uid, gid, homedir } = userInfo();
			const evidence = evidenceOf({
				"/etc/ssh/sshd_config": read(join(target.folder, "config")),
				"/etc/passwd": `${user}:x:${uid}:${gid}::${homedir}:/bin/sh\n`,
				[path("authority.pub")]: read(path("authority.pub")),
				[join(path("principals"), user)]: read(join(path("principals"), user)),
			});
			const facts = sshFacts(evidence, { loginUser: user, allUsers: false });
			expect(facts.revokedKeys).toEqual([{ path: path("krl") }]);
			const { keys } = authorityLines(facts.certifiedLogins.filter((each) => each.user === user));
			const rescue = await startSshd(place.path, {
				hostKeys: ["ed25519"],
				config: [`RevokedKeys ${path("krl")}`],
				authorized: keys.map(({ line }) => line),
			});
			servers.set(`${name}, before`, target).set(`${name}, after`, rescue);
		}
	});
	afterAll(async () => {
		for (const server of servers.values()) await server.stop();
		place.remove();
	});

	const letsIn = (server: string, key: string): boolean => {
		const { status } = spawnSync(
			"ssh",
			[
				...["-F", "none", "-p", String(servers.get(server)?.port), "-i", key],
				...["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "IdentityAgent=none"],
				...["-o", "StrictHostKeyChecking=no", "-o", `UserKnownHostsFile=${path("known")}`],
				...[`${user}@127.0.0.1`, "true"],
			],
			{ stdio: "ignore", timeout: 60_000 },
		);
		return status === 0;
	};

	test.each<[string, string | undefined, string[], boolean, boolean]>([
		["a name of the file", "ops", [], true, false],
		["one of several names", `x,near,${user}`, [], true, true],
		["the user's own name", user, [], false, true],
		["a name that holds from elsewhere only", "far", [], false, false],
		["another name", "nobody", [], false, false],
		["no name", undefined, [], false, false],
		["one that has expired", `ops,${user}`, ["-V", "20200101:20200102"], false, false],
	])("for %s", (name, names, options, byFile, byName) => {
		const key = certified(name.replaceAll(/\W/g, "-"), names, ...options);
		expect(letsIn("by file, before", key)).toBe(byFile);
		expect(letsIn("by file, after", key)).toBe(byFile);
		expect(letsIn("by name, before", key)).toBe(byName);
		expect(letsIn("by name, after", key)).toBe(byName);
	});

	test("for a name of the file, and revoked", () => {
		expect(letsIn("by file, before", path("revoked"))).toBe(false);
		expect(letsIn("by file, after", path("revoked"))).toBe(false);
	});
});
