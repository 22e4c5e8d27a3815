import { EkexecError } from "../bytes/index.ts";
import type { NetworkCode } from "./error.ts";
import type { Network } from "./model.ts";
import type { Plan } from "./plan.ts";

/** A plan as JSON holds it: the refusal in words. */
export function planJson(plan: Plan): object {
	const { refusal, ...rest } = plan;
	if (refusal === undefined) return rest;
	const { code, summary, details } = refusal;
	return { ...rest, refusal: { code, summary, remedy: details.remedy } };
}

const lists = ["links", "addresses", "routes", "rules", "nexthops", "neighbours", "notes"] as const;

/**
 * Reads a network from the JSON that `ekexec net --json` prints, or the network of a plan (`--plan --json`).
 * `where` names the file. Throws `NETWORK_SNAPSHOT` for anything else.
 */
export function parseNetwork(json: string, where: string): Network {
	const wrong = (found: string, cause?: unknown) =>
		new EkexecError<NetworkCode>("usage", "NETWORK_SNAPSHOT", "not a network", {
			where,
			expected: "the output of ekexec net --json",
			found,
			cause,
		});
	let value: unknown;
	try {
		value = JSON.parse(json);
	} catch (cause) {
		throw wrong("no JSON", cause);
	}
	const outer = membersOf(value);
	if (outer === undefined) throw wrong("JSON, but no object");
	const network = membersOf(outer.network) ?? outer;
	if (network.version !== 1) throw wrong(`version ${JSON.stringify(network.version)}`);
	for (const list of lists) {
		const items = network[list];
		if (!Array.isArray(items)) throw wrong(`no list "${list}"`);
		const objects = list === "notes" || items.every((item) => membersOf(item) !== undefined);
		if (!objects) throw wrong(`something in "${list}" that is no object`);
	}
	if (!Array.isArray(membersOf(network.resolver)?.servers)) throw wrong(`no "resolver"`);
	return network as unknown as Network;
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
	return typeof value === "object" && value !== null && !Array.isArray(value)
		? (value as Record<string, unknown>)
		: undefined;
}
