import { expect, test } from "vitest";
import { Evidence } from "../../../src/kexec/facts/evidence.ts";
import { networkSources, rawNetwork } from "../../../src/kexec/facts/network.ts";
import { dumpNames } from "../../../src/netlink/index.ts";

test("a dump that failed is told, one that this kernel does not know is not", () => {
	const errnos: Readonly<Record<string, number>> = { neighbours: 12, nexthops: 95, rules: 97 };
	const evidence = new Evidence(
		networkSources().map((source, index) => ({
			source,
			errno: errnos[dumpNames[index] ?? ""] ?? 0,
			state: "whole" as const,
			items:
				source.op === "netlink"
					? [
							{
								path: new Uint8Array(),
								errno: 0,
								state: "whole" as const,
								size: 1,
								bytes: new Uint8Array(),
							},
						]
					: [],
		})),
	);
	const { dumps, failures } = rawNetwork(evidence);
	expect(failures).toEqual(["neighbours (ENOMEM)"]);
	expect(Object.keys(dumps)).toEqual(
		dumpNames.filter((name) => !["neighbours", "nexthops", "rules"].includes(name)),
	);
});
