import { describe, expect, test } from "vitest";
import { utf8 } from "../../src/bytes/index.ts";
import { identityOf, withIdentity } from "../../src/rescue/identity.ts";
import { type PlannedImage, planRescue } from "../../src/rescue/plan.ts";
import { readCertificate } from "../../src/ssh/certificate.ts";
import { certificateBlob } from "../ssh/certificate-blob.ts";
import { healthyFacts, keyBlob, plainNetwork } from "../support/facts.ts";
import { noOptions, plannedImage, rootLogin } from "../support/plan.ts";

const usual = healthyFacts();

function planned(
	facts = usual,
	adapter: PlannedImage["adapter"] = "rootfs",
	network = plainNetwork,
) {
	const plan = planRescue(facts, network, { ...plannedImage, adapter }, rootLogin, noOptions, 0);
	const checked = withIdentity(plan, facts, "about", adapter);
	return { plan, checked, found: checked.checks.filter(({ id }) => id === "identity") };
}

describe("the identity is tried while planning", () => {
	test("one that the image takes", () => {
		expect(planned().found).toMatchObject([{ verdict: "ok" }]);
	});

	test("one that it does not take is a refusal, with its reason", () => {
		const facts = healthyFacts({ ssh: { ...usual.ssh, ports: [2222] } });
		const { checked, found } = planned(facts, "nixos-images");
		expect(checked.refused).toBe(true);
		expect(found).toMatchObject([{ verdict: "refusal" }]);
		expect(found[0]?.found).toContain("22 alone");
		expect(found[0]?.remedy).toMatch(/\w{3}/);
	});

	test("what the image has no place for is told", () => {
		const links = plainNetwork.links.map((link) => ({ ...link, mtu: 9000 }));
		const network = { ...plainNetwork, links };
		const { found, checked } = planned(usual, "nixos-images", network);
		expect(checked.refused).toBe(false);
		expect(found.map(({ verdict }) => verdict)).toEqual(["ok", "warning"]);
		expect(found[1]?.found).toContain("MTU 9000 of eth0");
	});

	test("a plan that is refused stays as it is", () => {
		const facts = healthyFacts({ architecture: "riscv64" });
		const { plan, checked } = planned(facts);
		expect(checked).toBe(plan);
	});
});

test("host keys of the same name in two folders are two keys", () => {
	const [key] = usual.ssh.hostKeys;
	if (!key) throw new Error("the healthy host has a host key");
	const hostKeys = [key, { ...key, path: "/srv/ssh_host_ed25519_key" }];
	const facts = healthyFacts({ ssh: { ...usual.ssh, hostKeys } });
	const { plan } = planned(facts);
	const identity = identityOf(plan, facts, "0123456789", "", "rootfs");
	expect(identity.hostKeys.map(({ type }) => type)).toEqual(["ed25519", "ed255191"]);
});

describe("what else sshd is told", () => {
	const vouched = certificateBlob({ authority: keyBlob, principals: ["host.example"] });
	const gone = keyBlob.replace("KzPl", "KQQQ");
	const older = certificateBlob({ authority: keyBlob, principals: ["host"] });
	const authorities = { path: "/ca", keys: [{ type: "ssh-ed25519", blob: keyBlob }] };
	const type = "ssh-ed25519-cert-v01@openssh.com";
	const blob = readCertificate(vouched)?.key ?? "";
	const facts = healthyFacts({
		ssh: {
			...usual.ssh,
			hostKeys: [{ path: "/k", size: 411, mode: 0o600, publicKey: { type: "ssh-ed25519", blob } }],
			hostCertificates: [
				{ path: "/no-cert.pub", type, blob: "AAAA" },
				{ path: "/older-cert.pub", type, blob: older },
				{ path: "/k-cert.pub", type, blob: vouched },
			],
			revokedKeys: [{ path: "/etc/ssh/revoked", content: utf8(`ssh-ed25519 ${gone}\n`) }],
			certifiedLogins: [{ user: "root", authorities }],
		},
	});
	const identityFor = (adapter: PlannedImage["adapter"]) => {
		const login = { ...rootLogin, hostKey: { type: "ssh-ed25519", blob } };
		const image = { ...plannedImage, adapter };
		const plan = planRescue(facts, plainNetwork, image, login, noOptions, facts.time);
		const { checks } = withIdentity(plan, facts, "", adapter);
		return { identity: identityOf(plan, facts, "0123456789", "", adapter), checks };
	};

	test("the certificate goes with its key; authorities, names and revoked keys are files", () => {
		const { identity } = identityFor("rootfs");
		expect(identity.hostKeys[0]?.certificate).toEqual(utf8(`${type} ${vouched}\n`));
		expect(identity.revokedKeys).toEqual(utf8(`ssh-ed25519 ${gone}\n`));
		expect(identity.certified).toEqual({
			authorities: utf8(`ssh-ed25519 ${keyBlob}\n`),
			principals: utf8("root\n"),
		});
	});

	test("an image without a place for them leaves them out, and that is told", () => {
		const { identity, checks } = identityFor("nixos-images");
		expect(identity.hostKeys[0]).not.toHaveProperty("certificate");
		expect(identity).not.toHaveProperty("revokedKeys");
		expect(identity).not.toHaveProperty("certified");
		const warnings = checks.filter(({ verdict }) => verdict === "warning");
		expect(warnings.map(({ id }) => id)).toEqual(["login-keys", "identity"]);
		expect(warnings[1]?.found).toContain("/k-cert.pub");
	});
});
