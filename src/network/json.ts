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
		for (const item of items) {
			const field =
				firstOf(needed[list], (name) =>
					membersOf(item)?.[name] === undefined ? name : undefined,
				) ?? misshapen(item, list);
			if (field !== undefined) throw wrong(`no or a wrong "${field}" in "${list}"`);
		}
	}
	if (!Array.isArray(membersOf(network.resolver)?.servers)) throw wrong(`no "resolver"`);
	const field = misshapen(network.resolver, "resolver");
	if (field !== undefined) throw wrong(`a wrong "${field}" in "resolver"`);
	return network as unknown as Network;
}

/** Members without which an object says nothing. */
const needed: Readonly<Record<(typeof lists)[number], readonly string[]>> = {
	links: ["name", "index", "flags"],
	addresses: ["link", "address", "prefix", "family", "flags"],
	routes: ["destination", "family", "table", "type"],
	rules: ["family", "priority", "action"],
	nexthops: ["id"],
	neighbours: ["link", "address"],
	notes: [],
};
/** Members that hold text; all else that is one value may be text, number or flag. */
const textMembers: ReadonlySet<string> = new Set([
	"name",
	"link",
	"address",
	"destination",
	"peer",
]);
/** Members of the model that hold lists; `group` of a link is a number. */
const listMembers: ReadonlySet<string> = new Set(
	"alternativeNames arpTargets neighbourTargets flags options search servers vlans hops ingress egress sourcePort destinationPort uids selectors".split(
		" ",
	),
);
/** Members that hold objects; `port` of a tunnel is a number. */
const objectMembers: ReadonlySet<string> = new Set(["details", "port", "metrics"]);

/** The first member, however deep, that holds nothing of its kind; undefined when all is as in the model. */
function misshapen(value: unknown, field: string): string | undefined {
	if (Array.isArray(value)) return firstOf(value, (each) => misshapen(each, field));
	const members = membersOf(value);
	if (members === undefined) return value === null ? field : undefined;
	return firstOf(Object.entries(members), ([name, member]) => {
		const isList = Array.isArray(member);
		const isObject = !isList && typeof member === "object";
		if (isList !== listMembers.has(name) && !(isList && name === "group")) return name;
		if (isObject && !objectMembers.has(name)) return name;
		if (name === "mark" && typeof member !== "number") return name;
		if (textMembers.has(name) && typeof member !== "string") return name;
		return misshapen(member, name);
	});
}

function firstOf<T>(
	values: readonly T[],
	test: (value: T) => string | undefined,
): string | undefined {
	for (const value of values) {
		const found = test(value);
		if (found !== undefined) return found;
	}
	return undefined;
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
	return typeof value === "object" && value !== null && !Array.isArray(value)
		? (value as Record<string, unknown>)
		: undefined;
}
