import { describe, expect, test } from "vitest";
import { identityOf, withIdentity } from "../../src/rescue/identity.ts";
import { type PlannedImage, planRescue } from "../../src/rescue/plan.ts";
import { healthyFacts, plainNetwork } from "../support/facts.ts";
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
