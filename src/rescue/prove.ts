import type { Network } from "../network/index.ts";

/** What was seen of the rescue system, held against the plan. */
export interface Proof {
	/** The nonce of this run was read back: it is this run's rescue system and no other. */
	readonly nonce: boolean;
	readonly hostKey: boolean;
	readonly bootId: string;
	/** Differences between the planned network and the one that is there, in words. */
	readonly network: readonly string[];
	/** Units of systemd that failed. */
	readonly failedUnits: readonly string[];
	/** Seconds from the jump to the first login. */
	readonly seconds: number;
	/** The command that logs in. */
	readonly login: string;
}

/** Differences worth telling: an address or route of the plan that is missing, or one that was not planned. */
export function compareNetworks(
	planned: Network,
	found: Network,
	diff: (a: Network, b: Network) => readonly string[],
): readonly string[] {
	return diff(planned, found);
}
