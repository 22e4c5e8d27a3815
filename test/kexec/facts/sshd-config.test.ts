import { describe, expect, test } from "vitest";
import { utf8 } from "../../../src/bytes/index.ts";
import {
	effectiveSshdConfig,
	expandUserPath,
	includes,
	parseSshdConfig,
	type SshdLogin,
} from "../../../src/kexec/facts/sshd-config.ts";

const login: SshdLogin = {
	user: "admin",
	groups: ["admin", "wheel"],
	address: "192.0.2.9",
	localAddress: "2001:db8::1",
	localPort: 2222,
};

function effective(files: Record<string, string>, who: SshdLogin = login) {
	const parsed = new Map(Object.entries(files).map(([p, t]) => [p, parseSshdConfig(p, utf8(t))]));
	const expand = (pattern: string) =>
		Object.keys(files)
			.filter(
				(path) => path.startsWith(pattern.replace(/\*.*$/, "")) && path !== "/etc/ssh/sshd_config",
			)
			.sort();
	const values = effectiveSshdConfig("/etc/ssh/sshd_config", parsed, expand, who);
	return Object.fromEntries(values);
}

describe("sshd_config", () => {
	test("the first value wins, host keys and ports add up, keywords take any case", () => {
		expect(
			effective({
				"/etc/ssh/sshd_config":
					'PORT 22\nport=2222\nHostKey /a\nhostkey "/b c" # why\nPermitRootLogin no\nPermitRootLogin yes',
			}),
		).toEqual({
			port: [["22"], ["2222"]],
			hostkey: [["/a"], ["/b c"]],
			permitrootlogin: [["no"]],
		});
	});

	test("an Include counts where it stands, and a Match in it ends with its file", () => {
		const config = effective({
			"/etc/ssh/sshd_config": "Include sshd_config.d/*.conf\nPermitRootLogin no\nBanner none",
			"/etc/ssh/sshd_config.d/10.conf": "PermitRootLogin yes\nMatch User nobody\nBanner x",
		});
		expect(config).toEqual({ permitrootlogin: [["yes"]], banner: [["none"]] });
	});

	test("what a Match block says wins over what stands outside; of several blocks the first", () => {
		const config = effective({
			"/etc/ssh/sshd_config":
				"AuthorizedKeysFile /all\nStrictModes no\nMatch User admin\nAuthorizedKeysFile /one\nStrictModes yes\nMatch all\nAuthorizedKeysFile /two",
		});
		expect(config).toEqual({ authorizedkeysfile: [["/one"]], strictmodes: [["no"]] });
	});

	test.each([
		["User adm*,!admin", false],
		["User root,admin", true],
		["Group wheel", true],
		["Group *,!wheel", false],
		["Group other,!wheel", false],
		["User=admin Address=192.0.2.9", true],
		['User "admin"', true],
		["Address 192.0.2.0/28", true],
		["Address 192.0.2.16/28", false],
		["Address 198.51.100.0/24,192.0.2.?", true],
		["LocalAddress 2001:db8::/64", true],
		["LocalPort 22", false],
		["User=admin LocalPort 2222", true],
		["User admin Group nobody", false],
		["All", true],
		["Exec true", false],
	])("Match %s holds: %s", (criteria, holds) => {
		const config = effective({
			"/etc/ssh/sshd_config": `Match ${criteria}\nAuthorizedKeysFile /x\nMatch all\nAuthorizedKeysFile /y`,
		});
		expect(config.authorizedkeysfile).toEqual([[holds ? "/x" : "/y"]]);
	});

	test("a file that includes itself ends", () => {
		expect(
			effective({
				"/etc/ssh/sshd_config": "Include a.conf\nPort 1",
				"/etc/ssh/a.conf": "Include a.conf\nPort 2",
			}).port?.length,
		).toBeLessThan(40);
	});

	test.each([
		['AuthorizedKeysFile "/etc/keys"/%u /b', ["/etc/keys/%u", "/b"]],
		["AuthorizedKeysFile='/a b' # more", ["/a b"]],
		["AuthorizedKeysFile = /a#b /c=d", ["/a#b", "/c=d"]],
		['AuthorizedKeysFile "/a \\"b\\"" /c\\ d \\e', ['/a "b"', "/c d", "\\e"]],
		['AuthorizedKeysFile ""', [""]],
	])("words: %s", (line, args) => {
		expect(parseSshdConfig("x", utf8(line))).toMatchObject([
			{ keyword: "authorizedkeysfile", args },
		]);
	});

	test("patterns of Include are made absolute", () => {
		const lines = parseSshdConfig("x", utf8('Include a.conf /b/*.conf\nInclude "c d"'));
		expect(includes(lines)).toEqual(["/etc/ssh/a.conf", "/b/*.conf", "/etc/ssh/c d"]);
	});

	test("tokens of paths", () => {
		const user = { name: "admin", uid: 1000, home: "/home/admin" };
		expect(expandUserPath(".ssh/authorized_keys", user)).toBe("/home/admin/.ssh/authorized_keys");
		expect(expandUserPath("/etc/ssh/keys/%u-%U%%", user)).toBe("/etc/ssh/keys/admin-1000%");
		expect(expandUserPath("%h/k", user)).toBe("/home/admin/k");
	});

	test("a line whose quotes do not close ends there, however many there are", () => {
		const hostile = `Port 22\nHostKey /a "b\nPort "${'\\"'.repeat(100_000)}`;
		const lines = parseSshdConfig("x", utf8(hostile));
		expect(lines.map(({ keyword, args }) => [keyword, args])).toEqual([
			["port", ["22"]],
			["hostkey", ["/a"]],
			["port", []],
		]);
	});
});
