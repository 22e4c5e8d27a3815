import type { Facts } from "../../src/kexec/facts/facts.ts";
import type { CheckId, Verdict } from "../../src/rescue/check.ts";
import type { LoginKnown, PlannedImage, RescueOptions } from "../../src/rescue/index.ts";
import { planRescue } from "../../src/rescue/plan.ts";
import { healthyFacts, hostBlob, keyBlob, MiB, plainNetwork } from "./facts.ts";

/** An image that fits the healthy host of {@link healthyFacts}. */
export const plannedImage: PlannedImage = {
	name: "rescue",
	architecture: "amd64",
	signed: true,
	adapter: "rootfs",
	commandLine: "quiet panic=60",
	commandLineLimit: 2017,
	sizes: { kernel: 8 * MiB, kernelMemory: 40 * MiB, initrd: 32 * MiB, unpacked: 140 * MiB },
	layers: ["base", "modules"],
	unserved: [],
};

/** root, by the key that its authorized_keys holds. */
export const rootLogin: LoginKnown = {
	user: "root",
	proof: { method: "publickey", type: "ssh-ed25519", blob: keyBlob },
	hostKey: { type: "ssh-ed25519", blob: hostBlob },
};

/** Nothing asked for. */
export const noOptions: RescueOptions = {
	allKeys: false,
	addedKeys: [],
	commandLine: "",
	again: false,
	keepLinks: [],
};

/** The plan for a healthy host with these changes, made on 1 January 2026. */
export function plan(
	facts: Partial<Facts> = {},
	change: {
		image?: Partial<PlannedImage>;
		login?: Partial<LoginKnown>;
		options?: Partial<RescueOptions>;
	} = {},
) {
	const whole = healthyFacts(facts);
	return planRescue(
		whole,
		plainNetwork,
		{ ...plannedImage, ...change.image },
		{ ...rootLogin, ...change.login },
		{ ...noOptions, ...change.options },
		Date.UTC(2026, 0, 1),
	);
}

/** What the checks of one kind say, in their order. */
export function verdicts(made: ReturnType<typeof plan>, id: CheckId): Verdict[] {
	return made.checks.filter((check) => check.id === id).map(({ verdict }) => verdict);
}
