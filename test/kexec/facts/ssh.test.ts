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
	const context = { loginUser: "admin", allUsers };
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

	test("their keys, and the names that each user's file lists", () => {
		const { facts, asked } = factsOf(config, files);
		expect(facts.certifiedLogins).toMatchObject([
			{ user: "root", path: "/principals/root", principals: [{ name: "ops" }] },
			{ user: "admin", principals: [{ name: "ops" }, { name: "second", optionText: "no-pty" }] },
		]);
		expect(facts.certifiedLogins[0]?.authorities).toEqual([
			{ type: "ssh-ed25519", blob },
			{ type: "ecdsa-sha2-nistp256", blob },
		]);
		expect(asked).toEqual(
			expect.arrayContaining(["read /ca.pub", "read /principals/admin", "stat /principals"]),
		);
	});

	test("a file that is not there lets nobody in; what others may write to is told", () => {
		const open: Stat = [0o100666, 0, 0];
		const { facts } = factsOf(
			config,
			{ ...files, "/principals/root": "" },
			{ "/principals/admin": open },
		);
		expect(facts.certifiedLogins).toMatchObject([
			{ principals: [] },
			{ distrusted: "everybody may write to it" },
		]);
	});

	test("beside a program the user's own name does not count, without one it does", () => {
		const { facts } = factsOf(config, files, {}, true);
		expect(facts.certifiedLogins[2]).toMatchObject({
			user: "eve",
			command: "/usr/bin/names",
			principals: [],
		});
		const plain = factsOf("TrustedUserCAKeys /ca.pub\n", files);
		expect(plain.facts.certifiedLogins.map(({ principals }) => principals)).toMatchObject([
			[{ name: "root" }],
			[{ name: "admin" }],
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

test("files of revoked keys, root's first, with their sizes", () => {
	const config = "Match User admin\nRevokedKeys /b\nMatch all\nRevokedKeys /a\n";
	const { facts, asked } = factsOf(config, {}, { "/b": [0o100644, 0, 0, 44] });
	expect(facts.revokedKeys).toEqual([{ path: "/a" }, { path: "/b", size: 44 }]);
	expect(asked).toEqual(expect.arrayContaining(["stat /a", "stat /b"]));
	expect(factsOf("RevokedKeys none\n").facts.revokedKeys).toEqual([]);
});
