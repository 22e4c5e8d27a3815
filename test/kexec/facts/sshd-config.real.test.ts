import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { utf8 } from "../../../src/bytes/index.ts";
import { effectiveSshdConfig, parseSshdConfig } from "../../../src/kexec/facts/sshd-config.ts";
import { keygen, scratch } from "../../ssh/sshd.ts";
import { find, missing } from "../../support/programs.ts";

const lacking = missing("sshd", "ssh-keygen");
const keywords = [
	...["authorizedkeysfile", "authorizedprincipalsfile", "trustedusercakeys", "revokedkeys"],
	...["permitrootlogin", "pubkeyauthentication", "strictmodes", "allowusers", "denyusers"],
] as const;

const login = {
	user: "admin",
	groups: ["admin"],
	address: "192.0.2.9",
	localAddress: "192.0.2.1",
	localPort: 22,
};

describe.skipIf(lacking)(`the configuration in force, as sshd -T tells it ${lacking}`, () => {
	const place = scratch();
	let key: string;
	beforeAll(() => {
		key = keygen(join(place.path, "host"), "-t", "ed25519");
		if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
	});
	afterAll(() => place.remove());

	test.each<[string, readonly string[]]>([
		["the first value outside", ["RevokedKeys /a", "RevokedKeys /b", "AuthorizedKeysFile /x /y"]],
		[
			"a Match block over what stands before and after it",
			[
				...["AuthorizedKeysFile /all", "AuthorizedPrincipalsFile /p/%u", "PermitRootLogin yes"],
				...["Match User admin", "AuthorizedKeysFile /one", "PermitRootLogin no"],
				...["AuthorizedPrincipalsFile none", "Match all", "AuthorizedKeysFile /two"],
				...["RevokedKeys /r"],
			],
		],
		[
			"a Match block that does not hold",
			["TrustedUserCAKeys /ca", "Match User root", "TrustedUserCAKeys none", "RevokedKeys /r"],
		],
		[
			"criteria by address and group",
			[
				...["Match Address 192.0.2.0/24,!192.0.2.9", "PermitRootLogin no"],
				...["Match Address 192.0.2.* Group admin,other", "PubkeyAuthentication no"],
			],
		],
		[
			"lists that add up",
			["AllowUsers root admin", "AllowUsers other", "DenyUsers x", "StrictModes no"],
		],
	])("%s", (_name, lines) => {
		const main = join(place.path, "config");
		// Group criteria are asked of the system, which knows no such user.
		const usable = lines.map((line) => line.replace(/ Group \S+/, ""));
		writeFileSync(main, `${[`HostKey ${key}`, ...usable].join("\n")}\n`);
		const by = `user=admin,host=x,addr=${login.address},laddr=${login.localAddress},lport=22`;
		const told = execFileSync(find("sshd") ?? "sshd", ["-T", "-f", main, "-C", by], {
			encoding: "utf8",
		});
		const files = new Map([[main, parseSshdConfig(main, utf8(lines.join("\n")))]]);
		const found = effectiveSshdConfig(main, files, () => [], login);
		for (const keyword of keywords) {
			const said = told
				.split("\n")
				.filter((line) => line.startsWith(`${keyword} `))
				.flatMap((line) => line.split(" ").slice(1));
			// What is not configured is a default, which is no matter here.
			const words = found.get(keyword)?.flat();
			if (words !== undefined) expect([keyword, ...said]).toEqual([keyword, ...words]);
			else if (lines.some((line) => line.toLowerCase().startsWith(keyword))) {
				expect([keyword, ...said]).not.toEqual(expect.arrayContaining(["/r", "no"]));
			}
		}
	});
});
