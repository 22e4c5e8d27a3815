import type { Image } from "../image/index.ts";
import type { Facts } from "../kexec/index.ts";
import type { Network } from "../network/index.ts";
import type { PublicKey } from "../ssh/index.ts";
import type { RescueOptions, RescuePlan } from "./plan.ts";
import type { Proof, ProveOptions } from "./prove.ts";
import type { Report } from "./report.ts";
import type { SessionOptions } from "./session.ts";

/** How a rescue goes about it. Times in milliseconds. */
export interface HostOptions extends SessionOptions {
	readonly plan: RescueOptions;
	/** Finds the image for a target, building it if need be. */
	readonly image: (facts: Facts) => Promise<Image>;
	/** Shows the plan, made for this network, and asks; false ends it with nothing changed. */
	readonly confirm: (plan: RescuePlan, network: Network) => Promise<boolean>;
	readonly report: Report;
	readonly compare: ProveOptions["compare"];
	/** `plan` ends after the plan, `load` leaves the kernel loaded without jumping; `jump` goes all the way. */
	readonly until: "plan" | "load" | "jump";
	/** Whether to wait for the rescue system and prove it. */
	readonly wait: boolean;
	/** How long the rescue system may take to answer. */
	readonly timeout: number;
	/** How long sync(2) may take before the jump; 0 for no sync. */
	readonly sync: number;
	readonly via: "reboot" | "systemd";
	/**
	 * Seconds for which the target keeps what it was sent when the connection is lost, for this run to take it up
	 * again; then it is as it was. 120 unless told.
	 */
	readonly keep?: number;
	/** Lines for the greeting of the rescue system. */
	readonly about: (facts: Facts) => string;
}

/** What came of it. */
export interface HostResult {
	readonly plan: RescuePlan;
	readonly facts: Facts;
	readonly network: Network;
	/** The host key that the target showed, before and after. */
	readonly hostKey: PublicKey;
	/** Whether the jump was made. */
	readonly jumped: boolean;
	readonly proof?: Proof;
}
