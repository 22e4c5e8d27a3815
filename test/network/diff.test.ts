import { describe, expect, test } from "vitest";
import { diffNetworks, type Network, parseNetwork } from "../../src/network/index.ts";
import { address, card, network, route, virtual } from "./make.ts";

const parts = {
	links: [
		card("enp1s0", "52:54:00:00:00:01"),
		virtual("br0", "bridge", {
			details: { kind: "bridge" as const, stp: false, vlanFiltering: false },
		}),
	],
	addresses: [address("enp1s0", "192.0.2.10/24"), address("br0", "198.18.0.1/24")],
	routes: [
		route("default via 192.0.2.1 dev enp1s0"),
		route("192.0.2.0/24 dev enp1s0", { protocol: "kernel" as const }),
		route("10.0.0.0/8", {
			hops: [
				{ link: "enp1s0", gateway: "192.0.2.2", weight: 1 },
				{ link: "br0", gateway: "198.18.0.2", weight: 2 },
			],
		}),
	],
	rules: [{ family: 4 as const, priority: 10, action: "lookup", table: 100, from: "10.0.0.0/8" }],
	nexthops: [
		{ id: 5, family: 4 as const, link: "enp1s0", gateway: "192.0.2.3", protocol: "static" },
	],
	neighbours: [
		{ link: "enp1s0", family: 4 as const, address: "192.0.2.77", mac: "02:00:00:00:00:77" },
	],
};
const before = network(parts);
const tell = (after: Network) =>
	diffNetworks(before, after).map(
		({ what, change, field }) => `${what} ${change}${field === undefined ? "" : ` ${field}`}`,
	);

describe("diff", () => {
	test("a network equals itself, and itself after a reboot", () => {
		expect(tell(before)).toEqual([]);
		const again = network({
			...parts,
			links: parts.links.map((link) => ({
				...link,
				index: link.index + 7,
				operState: "down",
				flags: [...link.flags, "running"],
			})),
			routes: parts.routes
				.filter((each) => each.protocol !== "kernel")
				.map((each) => ({ ...each, protocol: "static", flags: ["linkdown"] })),
			rules: parts.rules.map((each) => ({ ...each, protocol: "static" })),
		});
		expect(tell(again)).toEqual([]);
	});

	test("more than there was is no difference", () => {
		const more = network({
			...parts,
			addresses: [...parts.addresses, address("br0", "10.1.1.1/24")],
		});
		expect(tell(more)).toEqual([]);
		expect(diffNetworks(more, before)).toMatchObject([{ what: "address", change: "missing" }]);
	});

	test.each<[string, Partial<Network>]>([
		["link missing", { links: parts.links.slice(0, 1) }],
		[
			"link changed mtu",
			{ links: parts.links.map((link) => (link.name === "br0" ? { ...link, mtu: 9000 } : link)) },
		],
		[
			"link changed stp",
			{
				links: parts.links.map((link) =>
					link.details ? { ...link, details: { ...link.details, stp: true } } : link,
				),
			},
		],
		["address missing", { addresses: parts.addresses.slice(1) }],
		[
			"address changed broadcast",
			{
				addresses: parts.addresses.map((each, at) =>
					at === 0 ? { ...each, broadcast: "192.0.2.255" } : each,
				),
			},
		],
		["route missing", { routes: parts.routes.slice(1) }],
		[
			"route changed ways",
			{ routes: [{ ...route("default via 192.0.2.9 dev enp1s0") }, ...parts.routes.slice(1)] },
		],
		[
			"route changed metrics",
			{
				routes: parts.routes.map((each, at) =>
					at === 0 ? { ...each, metrics: { mtu: 1400 } } : each,
				),
			},
		],
		["rule missing", { rules: [] }],
		[
			"nexthop changed gateway",
			{ nexthops: parts.nexthops.map((each) => ({ ...each, gateway: "192.0.2.4" })) },
		],
		[
			"neighbour changed mac",
			{ neighbours: parts.neighbours.map((each) => ({ ...each, mac: "02:00:00:00:00:78" })) },
		],
		["resolver missing", { resolver: { ...before.resolver, servers: [] } }],
	])("%s", (expected, change) => {
		expect(tell(network({ ...parts, ...change }))).toEqual([expected]);
	});

	test("the order of the ways of a multipath route does not count, their weights do", () => {
		const hops = (weights: [number, number]) => [
			{ link: "br0", gateway: "198.18.0.2", weight: weights[0] },
			{ link: "enp1s0", gateway: "192.0.2.2", weight: weights[1] },
		];
		const with_ = (weights: [number, number]) =>
			network({
				...parts,
				routes: [...parts.routes.slice(0, 2), route("10.0.0.0/8", { hops: hops(weights) })],
			});
		expect(tell(with_([2, 1]))).toEqual([]);
		expect(tell(with_([1, 1]))).toEqual(["route changed ways"]);
	});
});

describe("JSON", () => {
	test("a network survives it, alone or within a plan", () => {
		expect(parseNetwork(JSON.stringify(before), "x")).toEqual(before);
		expect(parseNetwork(JSON.stringify({ network: before, leftOut: [] }), "x")).toEqual(before);
	});

	test.each([
		"",
		"[]",
		"{}",
		'{"version":2}',
		'{"version":1,"links":[]}',
		JSON.stringify({ ...before, links: [1] }),
		JSON.stringify({ ...before, links: [{ name: "a", index: 1 }] }),
		JSON.stringify({ ...before, links: [{ name: { toString: 1 }, index: 1, flags: [] }] }),
		JSON.stringify({ ...before, rules: [{ family: 4, priority: 1, action: "x", mark: "1" }] }),
		JSON.stringify({ ...before, nexthops: [{ id: { valueOf: 1 } }] }),
		JSON.stringify({ ...before, resolver: { servers: [], search: {}, options: [] } }),
	])("%j is no network", (json) => {
		expect(() => parseNetwork(json, "a.json")).toThrowError(
			expect.objectContaining({ code: "NETWORK_SNAPSHOT", kind: "usage" }),
		);
	});
});
