import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { text } from "../../src/bytes/index.ts";
import { sshFacts } from "../../src/kexec/facts/ssh.ts";
import { planKeys } from "../../src/rescue/keys.ts";
import { planRevoked } from "../../src/rescue/revoked.ts";
import { evidenceOf } from "../kexec/support/evidence.ts";
import { keygen, type Sshd, scratch, startSshd } from "../ssh/sshd.ts";
import { healthyFacts } from "../support/facts.ts";
import { missing } from "../support/programs.ts";

const lacking = missing("sshd", "ssh", "ssh-keygen");

// Whom the target's sshd lets in by certificates, and whom it does not, that of the rescue system does and does not:
// OpenSSH itself is asked, once with the target's configuration and once with what the plan makes of it.
describe.skipIf(lacking)(`certificates that sshd takes ${lacking}`, () => {
	const place = scratch();
	const { username: user, uid, gid, homedir } = userInfo();
	const path = (name: string) => join(place.path, name);
	const read = (file: string) => readFileSync(file, "utf8");
	let authority: string;

	beforeAll(() => {
		keygen(path("authority"), "-t", "ed25519");
		authority = read(path("authority.pub"));
	});
	afterAll(() => place.remove());

	let count = 0;
	/** A key and its certificate for these names, signed with what ssh-keygen is told besides. */
	const certified = (names: string | undefined, ...options: string[]) => {
		const key = keygen(path(`key${count++}`), "-t", "ed25519");
		const of = names === undefined ? [] : ["-n", names];
		execFileSync("ssh-keygen", [
			...["-q", "-s", path("authority"), "-I", "test", ...of, ...options, `${key}.pub`],
		]);
		return key;
	};

	/** A target with this configuration, and the rescue system that would take its place. */
	async function beforeAndAfter(lines: readonly string[], names?: string, ca = authority) {
		const folder = mkdtempSync(path("pair-"));
		// sshd reads the list as the user.
		chmodSync(folder, 0o755);
		const authorities = join(folder, "authorities");
		writeFileSync(authorities, ca);
		const principals = join(folder, user);
		writeFileSync(principals, names ?? "");
		const byFile = names === undefined ? [] : [`AuthorizedPrincipalsFile ${folder}/%u`];
		const start = async (options: Parameters<typeof startSshd>[1]) => {
			const server = await startSshd(place.path, { hostKeys: ["ed25519"], ...options });
			onTestFinished(() => server.stop());
			return server;
		};
		const blocks = lines.findIndex((line) => line.startsWith("Match"));
		const outside = blocks < 0 ? lines : lines.slice(0, blocks);
		const target = await start({
			config: [`TrustedUserCAKeys ${authorities}`, ...byFile, ...outside],
			blocks: lines.slice(outside.length),
		});
		const named = lines.filter((line) => /^(?:RevokedKeys|AuthorizedKeysFile) /.test(line));
		const others = named.map((line) => line.split(" ")[1] ?? "");
		const evidence = evidenceOf({
			"/etc/ssh/sshd_config": read(join(target.folder, "config")),
			"/etc/passwd": `${user}:x:${uid}:${gid}::${homedir}:/bin/sh\n`,
			...Object.fromEntries(
				[authorities, principals, ...others].map((file) => [
					file,
					new Uint8Array(readFileSync(file)),
				]),
			),
		});
		const ssh = sshFacts(evidence, { loginUser: "other", allUsers: true });
		const facts = healthyFacts({ ssh });
		const plan = planKeys(facts, {
			...{ loginUser: "other", proof: { method: "password" }, allUsers: true },
			...{ certificates: true, revoked: new Set(), added: [] },
		});
		const carried = planRevoked(facts, "rootfs").carried?.content;
		const rescue: string[] = [];
		const tell = (keyword: string, content: Uint8Array | undefined): void => {
			if (content === undefined) return;
			const file = join(folder, keyword);
			writeFileSync(file, content);
			rescue.push(`${keyword} ${file}`);
		};
		tell("TrustedUserCAKeys", plan.certified?.trusted);
		tell("AuthorizedPrincipalsFile", plan.certified?.principals);
		tell("RevokedKeys", carried);
		const authorized = text(plan.authorizedKeys).split("\n");
		return [target, await start({ config: rescue, authorized })] as const;
	}

	/** Whether a shell can be had, and not only what a forced command does. */
	const letsIn = (server: Sshd, key: string): boolean => {
		const { stdout } = spawnSync(
			"ssh",
			[
				...["-F", "none", "-p", String(server.port), "-i", key],
				...["-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "IdentityAgent=none"],
				...["-o", "StrictHostKeyChecking=no", "-o", `UserKnownHostsFile=${path("known")}`],
				...[`${user}@127.0.0.1`, "echo in"],
			],
			{ encoding: "utf8", timeout: 60_000 },
		);
		return stdout === "in\n";
	};

	test("by a list, or by the user's own name", async () => {
		const list = `# whom this account is open to\nops\nfrom="192.0.2.0/24" far\nno-pty  near # and nobody else\n`;
		const byList = await beforeAndAfter([], list);
		const byName = await beforeAndAfter([]);
		const cases: [string | undefined, string[], boolean, boolean][] = [
			["ops", [], true, false],
			[`x,near,${user}`, [], true, true],
			[user, [], false, true],
			["far", [], false, false],
			["nobody", [], false, false],
			[undefined, [], false, false],
			[`ops,${user}`, ["-V", "20200101:20200102"], false, false],
		];
		for (const [names, options, list, name] of cases) {
			const key = certified(names, ...options);
			const found = [...byList, ...byName].map((server) => letsIn(server, key));
			expect([names, ...found]).toEqual([names, list, list, name, name]);
		}
	});

	test.each<[string, string, string, boolean]>([
		["command", 'command="echo forced" backup\nstaff\n', "backup,staff", false],
		["command, and the other name alone", 'command="x" backup\nstaff\n', "staff", true],
		["address", 'from="192.0.2.0/24" far\nnear\n', "far,near", false],
		["end", 'expiry-time="20200101" old\nnear\n', "old,near", false],
		["word that has no meaning there", "cert-authority bar\nbar\n", "bar", false],
		["word that is no option", "no-x11-forwading bar\nbar\n", "bar", true],
		["quote that nothing closes", 'from="a\\" bar\nbar\n', "bar", true],
		["comma at its end", 'command="echo forced", backup\nbackup\n', "backup", false],
		["comma, and no command", "no-pty, bar\n", "bar", true],
		["word that is the usual", 'touch-required,command="x" backup\nbackup\n', "backup", false],
		["command twice", 'command="a",command="b" backup\nbackup\n', "backup", true],
		["word too many", "no-pty extra bar\n", "bar", true],
	])("for a name after a line with a %s", async (_name, list, names, expected) => {
		const key = certified(names);
		const found = (await beforeAndAfter([], list)).map((server) => letsIn(server, key));
		expect(found).toEqual([expected, expected]);
	});

	test("for the last of very many names", async () => {
		const list = Array.from({ length: 60 }, (_, at) => `name${at}\n`).join("");
		const key = certified("name59");
		const found = (await beforeAndAfter([], list)).map((server) => letsIn(server, key));
		expect(found).toEqual([true, true]);
	});

	test.each<[string, (line: string) => string]>([
		["with options", (line) => `from="192.0.2.1" ${line}`],
		["marked as one", (line) => `cert-authority ${line}`],
		["behind a line that is no key", (line) => `garbage\n${line}`],
	])("by no authority %s", async (_name, of) => {
		const key = certified(user);
		const found = (await beforeAndAfter([], undefined, of(authority))).map((server) =>
			letsIn(server, key),
		);
		expect(found).toEqual([false, false]);
	});

	test.each<[string, readonly string[]]>([
		["DenyUsers", [`DenyUsers ${user}`]],
		["AllowUsers", ["AllowUsers other"]],
		["PubkeyAuthentication", ["PubkeyAuthentication no"]],
		[
			"AuthenticationMethods",
			["PasswordAuthentication yes", "AuthenticationMethods publickey,password"],
		],
		["ForceCommand", ["ForceCommand echo forced"]],
		["a Match block", [`Match User ${user}`, "AuthorizedPrincipalsFile /nowhere"]],
		...(uid === 0 ? [["PermitRootLogin", ["PermitRootLogin no"]] as [string, string[]]] : []),
	])("for nobody whom %s keeps out", async (_name, lines) => {
		const key = certified(`ops,${user}`);
		const found = (await beforeAndAfter(lines, "ops\n")).map((server) => letsIn(server, key));
		expect(found).toEqual([false, false]);
	});

	test("of a key for which a command is forced first, and of one for which it is elsewhere", async () => {
		const [forced, elsewhere] = ["forced", "elsewhere"].map((name) =>
			keygen(path(name), "-t", "ed25519"),
		);
		const lines = [
			`command="echo forced" ${read(`${forced}.pub`)}${read(`${forced}.pub`)}`,
			`from="192.0.2.1",command="x" ${read(`${elsewhere}.pub`)}${read(`${elsewhere}.pub`)}`,
		];
		writeFileSync(path("keys"), lines.join(""));
		const servers = await beforeAndAfter([`AuthorizedKeysFile ${path("keys")}`]);
		expect(servers.map((server) => letsIn(server, String(forced)))).toEqual([false, false]);
		expect(servers.map((server) => letsIn(server, String(elsewhere)))).toEqual([true, true]);
	});

	test.each(["a list", "a KRL"])("that are revoked by %s", async (kind) => {
		const [gone, other] = [certified("ops"), certified("ops")];
		if (kind === "a list") writeFileSync(path("revoked"), `# gone\n${read(`${gone}.pub`)}`);
		else execFileSync("ssh-keygen", ["-q", "-k", "-f", path("revoked"), `${gone}.pub`]);
		const servers = await beforeAndAfter([`RevokedKeys ${path("revoked")}`], "ops\n");
		expect(servers.map((server) => letsIn(server, gone))).toEqual([false, false]);
		expect(servers.map((server) => letsIn(server, other))).toEqual([true, true]);
	});
});
