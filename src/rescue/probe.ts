import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import {
	Evidence,
	type Facts,
	firstSources,
	gatherFacts,
	type HelperClient,
	type LoadFacts,
	type LoginContext,
	loadSources,
	networkSources,
	rawNetwork,
	readLoadFacts,
	secondSources,
} from "../kexec/index.ts";
import { type Network, snapshot } from "../network/index.ts";

/** What is known of the target after two round trips. */
export interface Probed {
	readonly facts: Facts;
	readonly network: Network;
	/** What a load by kexec_load needs beyond the facts. */
	readonly loadFacts: LoadFacts;
}

/** A kernel configuration has 250 kB. */
const largestConfig = 4 * 1024 * 1024;

/** Asks the helper for everything that the plan is made from. Changes nothing on the target. */
export async function probe(
	client: HelperClient,
	context: LoginContext,
	where: string,
	signal?: AbortSignal,
): Promise<Probed> {
	const options = signal ? { signal } : {};
	const forLoad = loadSources();
	const first = await client.probe([...firstSources(), ...networkSources(), ...forLoad], options);
	const second = await client.probe(secondSources(new Evidence(first), context), options);
	const evidence = new Evidence([...first, ...second]);
	const packed = evidence.file("/proc/config.gz");
	const config =
		packed &&
		(await promisify(gunzip)(packed, { maxOutputLength: largestConfig }).catch(() => undefined));
	return {
		loadFacts: readLoadFacts(first.slice(-forLoad.length)),
		facts: gatherFacts(evidence, context, config),
		network: snapshot(rawNetwork(evidence), where),
	};
}
