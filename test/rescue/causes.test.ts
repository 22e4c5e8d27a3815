import { describe, expect, test } from "vitest";
import { EkexecError } from "../../src/bytes/index.ts";
import { likelyCauses, unproven } from "../../src/rescue/causes.ts";
import { planRescue } from "../../src/rescue/plan.ts";
import { healthyFacts, MiB, plainNetwork } from "../support/facts.ts";
import { noOptions, plannedImage, rootLogin } from "../support/plan.ts";

const silence = {
	waited: 600,
	oldAnswered: false,
	via: "reboot",
	login: "admin@web1",
} as const;

/** What is said of every machine, last. */
const always = expect.stringContaining("the new kernel stopped while it started");

function causes(
	change: Parameters<typeof healthyFacts>[0] = {},
	seen: object = {},
	more = {},
	code?: string,
) {
	const facts = healthyFacts(change);
	const plan = planRescue(
		facts,
		plainNetwork,
		{ ...plannedImage, ...more },
		rootLogin,
		noOptions,
		0,
	);
	return likelyCauses(plan, facts, { ...silence, ...seen }, code);
}

describe("likely causes of a rescue system that does not answer", () => {
	test("an old system that went on answering comes first", () => {
		expect(causes({}, { oldAnswered: true })[0]).toContain("refused to jump");
		expect(causes({}, { oldAnswered: true, via: "systemd" })[0]).toContain("stopping services");
	});

	test("then a short time-out, then what the plan warned of", () => {
		const found = causes({}, { waited: 20 }, { unserved: ["virtio1"] });
		expect(found[0]).toContain("longer than 20 s");
		expect(found[1]).toContain("no driver");
	});

	test("little memory", () => {
		const memory = healthyFacts().memory;
		if (!memory) throw new Error("the healthy host has memory");
		const found = causes({ memory: { ...memory, total: 320 * MiB } });
		expect(found.join()).toContain("its memory is small");
	});

	test("a link in software that the login goes over, also one that gets another name", () => {
		const links = plainNetwork.links.flatMap((card) => [
			{ ...card, name: "enp1s0", master: "eth7" },
			{
				name: "eth7",
				index: 9,
				type: "ether",
				kind: "bond",
				mtu: 1500,
				flags: ["up"],
				details: { kind: "bond", mode: "802.3ad" } as const,
			},
		]);
		const addresses = plainNetwork.addresses.map((each) => ({ ...each, link: "eth7" }));
		const routes = plainNetwork.routes.map((each) => ({ ...each, link: "eth7" }));
		const facts = healthyFacts();
		const network = { ...plainNetwork, links, addresses, routes };
		const plan = planRescue(facts, network, plannedImage, rootLogin, noOptions, 0);
		expect(likelyCauses(plan, facts, silence, undefined)).toEqual([
			expect.stringContaining("the login goes over ek0 (bond)"),
			always,
		]);
	});

	test("real hardware, which a virtual machine has not", () => {
		expect(causes({ environment: { container: [], xenPv: false, vendor: "Dell Inc." } })).toEqual([
			expect.stringContaining("firmware"),
			always,
		]);
		expect(causes()).toEqual([always]);
	});

	test("what answered instead comes first", () => {
		const [refused, ...others] = causes({}, { waited: 40 }, {}, "SSH_AUTH");
		expect(refused).toContain("the old one, started again; log in as before (ssh admin@web1)");
		expect(others).toEqual([always]);
		expect(causes({}, { waited: 40 }, {}, "SSH_HOST_KEY_CHANGED")[0]).toContain("another system");
	});

	test("a panic that resets the machine leads back to the old system", () => {
		const [found] = causes({}, {}, { commandLine: "quiet panic=30" });
		expect(found).toContain("resets the machine after 30 s");
		expect(found).toContain("ssh admin@web1");
		expect(causes({}, {}, { commandLine: "quiet" })[0]).not.toContain("resets");
	});
});

test("whatever goes wrong after the jump ends with exit code 5 and says what to try", () => {
	const facts = healthyFacts();
	const plan = planRescue(facts, plainNetwork, plannedImage, rootLogin, noOptions, 0);
	const told = (error: unknown) => unproven(error, "root@192.0.2.1", plan, facts, silence);
	const late = told(new EkexecError("failed", "SSH_DEADLINE", "no login within the deadline"));
	expect(late).toMatchObject({ code: "RESCUE_DEADLINE", exitCode: 5 });
	expect(late.message).toContain("within 600 s");
	expect(late.message).toContain("console");
	const changed = told(new EkexecError("refused", "SSH_HOST_KEY_CHANGED", "another host key"));
	expect(changed).toMatchObject({ code: "RESCUE_NOT_PROVEN", exitCode: 5 });
	expect(changed.message).toContain("another host key");
	const ours = new EkexecError("unproven", "RESCUE_NOT_PROVEN", "no nonce");
	expect(told(ours)).toBe(ours);
});
