import { describe, expect, test } from "vitest";
import { text } from "../../../src/bytes/index.ts";
import { sshFacts, sshSources } from "../../../src/kexec/facts/ssh.ts";
import { evidenceOf, type Stat } from "../support/evidence.ts";

const passwd =
	"root:x:0:0::/root:/bin/sh\nadmin:x:1000:1000::/home/admin:/bin/sh\neve:x:1001:1001::/home/eve:/bin/sh\n";
const blob = "AAAAC3NzaC1lZDI1NTE5AAAAIAAA";

function factsOf(
	config: string,
	files: Readonly<Record<string, string>> = {},
	stats: Readonly<Record<string, Stat>> = {},
	allUsers = false,
) {
	const context = { loginUser: "admin", allUsers, sshConnection: "192.0.2.9 1 192.0.2.1 22" };
	const all = { "/etc/passwd": passwd, "/etc/ssh/sshd_config": config, ...files };
	const evidence = evidenceOf(all, stats);
	const asked = sshSources(evidence, context).map(({ op, argument }) => `${op} ${text(argument)}`);
	return { facts: sshFacts(evidence, context), asked };
}

describe("authorities of certificates", () => {
	const config = `TrustedUserCAKeys /ca.pub
AuthorizedPrincipalsFile /principals/%u
Match User eve
	AuthorizedPrincipalsFile none
	AuthorizedPrincipalsCommand /usr/bin/names %u
`;
	const files = {
		"/ca.pub": `ssh-ed25519 ${blob} one\n# two\necdsa-sha2-nistp256 ${blob}\n`,
		"/principals/root": "ops\n",
		"/principals/admin": "ops\nno-pty second\n",
	};

	test("the keys of the file, and the lines that each user's list has", () => {
		const { facts, asked } = factsOf(config, files);
		expect(facts.certifiedLogins).toMatchObject([
			{ user: "root", principals: { path: "/principals/root", lines: [{ name: "ops" }] } },
			{ user: "admin", principals: { lines: [{ name: "ops" }, { name: "second" }] } },
		]);
		const [root, admin] = facts.certifiedLogins;
		expect(root?.authorities).toBe(admin?.authorities);
		expect(root?.authorities.keys).toEqual([
			{ type: "ssh-ed25519", blob },
			{ type: "ecdsa-sha2-nistp256", blob },
		]);
		expect(asked).toEqual(
			expect.arrayContaining(["read /ca.pub", "read /principals/admin", "stat /principals"]),
		);
	});

	test.each([
		"garbage",
		`ssh-dss ${blob}`,
		`from="192.0.2.1" ssh-ed25519 ${blob}`,
		`cert-authority ssh-ed25519 ${blob}`,
	])("sshd reads no further than a line that is no bare key: %s", (line) => {
		const ca = `ssh-rsa ${blob}\n${line}\nssh-ed25519 ${blob}\n`;
		const { facts } = factsOf(config, { ...files, "/ca.pub": ca });
		expect(facts.certifiedLogins[0]?.authorities.keys).toEqual([{ type: "ssh-rsa", blob }]);
	});

	test("a list that is not there lets nobody in; what others may write to is told", () => {
		const open: Stat = [0o100666, 0, 0];
		const given = { "/ca.pub": files["/ca.pub"], "/principals/admin": "ops\n" };
		const { facts } = factsOf(config, given, { "/principals/admin": open });
		expect(facts.certifiedLogins).toMatchObject([
			{ principals: { lines: [] } },
			{ principals: { distrusted: "everybody may write to it" } },
		]);
	});

	test("a program that gives names, and neither list nor program", () => {
		const { facts } = factsOf(config, files, {}, true);
		expect(facts.certifiedLogins[2]).toMatchObject({ user: "eve", command: "/usr/bin/names" });
		expect(facts.certifiedLogins[2]).not.toHaveProperty("principals");
		const plain = factsOf("TrustedUserCAKeys /ca.pub\n", files).facts.certifiedLogins;
		expect(plain.map((each) => Object.keys(each))).toEqual([
			["user", "authorities"],
			["user", "authorities"],
		]);
	});

	test("none: nothing is asked for", () => {
		const { facts, asked } = factsOf("AuthorizedPrincipalsFile /principals/%u\n");
		expect(facts.certifiedLogins).toEqual([]);
		expect(asked.join()).not.toContain("/principals");
	});
});

test("host certificates add up; those that are none are passed over", () => {
	const config = "HostCertificate /a-cert.pub\nHostCertificate /b-cert.pub\nHostCertificate none\n";
	const { facts } = factsOf(config, { "/a-cert.pub": "type blob me\n", "/b-cert.pub": "\n" });
	expect(facts.hostCertificates).toEqual([{ path: "/a-cert.pub", type: "type", blob: "blob" }]);
});

test("files of revoked keys, root's first", () => {
	const config = "RevokedKeys /a\nMatch User admin\nRevokedKeys /b\n";
	const { facts, asked } = factsOf(config, { "/b": "ssh-ed25519 AAAA\n" });
	expect(facts.revokedKeys).toMatchObject([
		{ path: "/a" },
		{ path: "/b", content: { length: 17 } },
	]);
	expect(asked).toEqual(expect.arrayContaining(["read /a", "read /b"]));
	expect(factsOf("RevokedKeys none\n").facts.revokedKeys).toEqual([]);
});

test.each([
	["PermitRootLogin no", ["root"]],
	["PermitRootLogin forced-commands-only", ["root"]],
	["PermitRootLogin prohibit-password", []],
	["PermitRootLogin no\nMatch Address 192.0.2.0/24\nPermitRootLogin yes", []],
	["DenyUsers ro*", ["root"]],
	["AuthenticationMethods publickey,password", ["root", "admin", "eve"]],
	["AuthenticationMethods publickey,password publickey", []],
	["AuthenticationMethods any", []],
	["Match User eve\nForceCommand internal-sftp", ["eve"]],
	["ForceCommand none", []],
	["DenyUsers root@192.0.2.*", []],
	["AllowUsers admin", ["root", "eve"]],
	["AllowUsers admin root@10.0.0.1", ["eve"]],
	["AllowGroups wheel", ["root", "eve"]],
	["DenyGroups wheel", ["admin"]],
	["PubkeyAuthentication no\nMatch User admin\nPubkeyAuthentication yes", ["root", "eve"]],
])("whom sshd lets nobody be: %s", (config, users) => {
	const { facts } = factsOf(config, { "/etc/group": "wheel:x:10:admin\nroot:x:0:\n" }, {}, true);
	expect(facts.denied.map(({ user }) => user)).toEqual(users);
});
