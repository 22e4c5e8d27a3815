import { describe, expect, test } from "vitest";
import {
	findWayBack,
	type Network,
	parseSshConnection,
	planNetwork,
	renderNixosImages,
} from "../../src/network/index.ts";
import { address, card, network, route, virtual } from "./make.ts";

const a = card("enp1s0", "52:54:00:00:00:01");
const b = card("enp2s0", "52:54:00:00:00:02");
const login = (client: string, server: string) =>
	parseSshConnection(`${client} 50000 ${server} 22`);
const links = (net: Network, client: string, server: string) =>
	findWayBack(net, login(client, server)).links;

describe("SSH_CONNECTION", () => {
	test("mapped addresses and zones are taken apart", () => {
		expect(parseSshConnection("::ffff:198.51.100.7 1 ::ffff:192.0.2.1 22")).toEqual({
			client: "198.51.100.7",
			clientPort: 1,
			server: "192.0.2.1",
			serverPort: 22,
		});
		expect(parseSshConnection("fe80::2%enp1s0 1 fe80::1%enp1s0 22").zone).toBe("enp1s0");
	});

	test.each([
		"",
		"1.2.3.4 5 6.7.8.9",
		"1.2.3.4 0 6.7.8.9 22",
		"a 1 b 22",
		"1.2.3.4 1 6.7.8.9 22 x",
	])("%j is refused", (value) => {
		expect(() => parseSshConnection(value)).toThrowError(
			expect.objectContaining({ code: "NETWORK_SSH_CONNECTION" }),
		);
	});
});

describe("way back", () => {
	const two = network({
		links: [a, b],
		addresses: [address("enp1s0", "192.0.2.10/24"), address("enp2s0", "198.18.0.10/24")],
		routes: [
			route("default via 192.0.2.1 dev enp1s0"),
			route("192.0.2.0/24 dev enp1s0", { protocol: "kernel" }),
			route("198.18.0.0/24 dev enp2s0", { protocol: "kernel" }),
			route("default via 198.18.0.1 dev enp2s0", { table: 100 }),
		],
		rules: [{ family: 4, priority: 1000, action: "lookup", table: 100, from: "198.18.0.10/32" }],
	});

	test("the answers follow the rule of their source address", () => {
		expect(links(two, "203.0.113.9", "198.18.0.10")).toEqual(["enp2s0"]);
		expect(links(two, "203.0.113.9", "192.0.2.10")).toEqual(["enp1s0"]);
	});

	test("the lower metric wins, then the longer prefix beats both", () => {
		const net = network({
			links: [a, b],
			addresses: two.addresses,
			routes: [
				route("default via 192.0.2.1 dev enp1s0 metric 200"),
				route("default via 198.18.0.1 dev enp2s0 metric 100"),
				route("203.0.113.0/24 via 192.0.2.2 dev enp1s0 metric 900"),
			],
		});
		expect(findWayBack(net, login("8.8.8.8", "192.0.2.10")).route.gateway).toBe("198.18.0.1");
		expect(findWayBack(net, login("203.0.113.9", "192.0.2.10")).route.gateway).toBe("192.0.2.2");
	});

	test("throw goes on to the next table, suppress_prefixlength passes over a default", () => {
		const net = network({
			links: [a, b],
			addresses: two.addresses,
			routes: [
				route("default via 192.0.2.1 dev enp1s0"),
				route("203.0.113.0/24", { type: "throw", table: 200 }),
				route("default via 198.18.0.1 dev enp2s0", { table: 300 }),
			],
			rules: [
				{ family: 4, priority: 10, action: "lookup", table: 200 },
				{ family: 4, priority: 20, action: "lookup", table: 300, suppressPrefix: 0 },
			],
		});
		expect(findWayBack(net, login("203.0.113.9", "192.0.2.10")).route.gateway).toBe("192.0.2.1");
	});

	test.each([
		["uidrange of others", { uids: [1000, 2000] as const }],
		["another protocol", { ipProtocol: 17 }],
		["another port", { sourcePort: [80, 80] as const }],
		["a firewall's mark", { mark: 7 }],
		["packets that come in elsewhere", { incoming: "enp2s0" }],
		["everything but our source", { invert: true as const, from: "192.0.2.0/24" }],
	])("a rule for %s is passed over", (_, selector) => {
		const net = network({
			...two,
			links: [a, b],
			rules: [{ family: 4, priority: 10, action: "lookup", table: 100, ...selector }],
		});
		expect(links(net, "203.0.113.9", "192.0.2.10")).toEqual(["enp1s0"]);
	});

	test("the stack is told down to the cards: VLAN, bond, ports", () => {
		const net = network({
			links: [
				{ ...a, master: "bond0" },
				{ ...b, master: "bond0" },
				virtual("bond0", "bond", { details: { kind: "bond", mode: "802.3ad" } }),
				virtual("bond0.5", "vlan", { parent: "bond0" }),
			],
			addresses: [address("bond0.5", "192.0.2.10/24")],
			routes: [route("default via 192.0.2.1 dev bond0.5")],
		});
		expect(links(net, "8.8.8.8", "192.0.2.10")).toEqual(["bond0.5", "bond0", "enp1s0", "enp2s0"]);
	});

	test("inside a VRF its table counts", () => {
		const net = network({
			links: [
				virtual("mgmt", "vrf", { details: { kind: "vrf", table: 1001 } }),
				{ ...a, master: "mgmt" },
				b,
			],
			addresses: [address("enp1s0", "192.0.2.10/24"), address("enp2s0", "198.18.0.10/24")],
			routes: [
				route("default via 192.0.2.1 dev enp1s0", { table: 1001 }),
				route("default via 198.18.0.1 dev enp2s0"),
			],
			rules: [{ family: 4, priority: 1000, action: "lookup", l3mdev: true }],
		});
		expect(links(net, "8.8.8.8", "192.0.2.10")).toEqual(["mgmt", "enp1s0"]);
		const plan = planNetwork(net, { connection: login("8.8.8.8", "192.0.2.10") });
		expect(plan.refusal).toBeUndefined();
		expect(plan.kernelParameters).toContain("sysctl.net.ipv4.tcp_l3mdev_accept=1");
	});

	test("an address that only a local route holds (AnyIP) is followed", () => {
		const net = network({
			links: [a],
			addresses: [address("enp1s0", "192.0.2.10/24")],
			routes: [
				route("203.0.113.0/24 dev lo", { type: "local", table: 255, scope: "host" }),
				route("default via 192.0.2.1 dev enp1s0"),
			],
		});
		const plan = planNetwork(net, { connection: login("8.8.8.8", "203.0.113.99") });
		expect(plan.refusal).toBeUndefined();
		expect(plan.network.routes.some((each) => each.type === "local")).toBe(true);
	});

	test("a route's source that only a local route holds is left to the kernel: networkd would wait for it", () => {
		const net = network({
			links: [a],
			addresses: [address("enp1s0", "192.0.2.10/24")],
			routes: [
				route("203.0.113.99/32 dev lo", { type: "local", table: 255, scope: "host" }),
				route("default via 192.0.2.1 dev enp1s0", { preferredSource: "203.0.113.99" }),
				route("10.0.0.0/8 via 192.0.2.1 dev enp1s0", { preferredSource: "192.0.2.10" }),
			],
		});
		const { network: made, changed } = planNetwork(net);
		const sources = made.routes.map(({ destination, preferredSource }) => [
			destination,
			preferredSource,
		]);
		expect(sources).toEqual([
			["203.0.113.99/32", undefined],
			["0.0.0.0/0", undefined],
			["10.0.0.0/8", "192.0.2.10"],
		]);
		expect(changed).toEqual([expect.stringContaining("the source is left to the kernel")]);
	});

	test("a route for a type of service is left out: it would become one like the other", () => {
		const net = network({
			links: [a, b],
			addresses: two.addresses,
			routes: [
				route("default via 192.0.2.1 dev enp1s0"),
				route("default via 198.18.0.1 dev enp2s0", { tos: 16 }),
			],
		});
		const plan = planNetwork(net, { connection: login("8.8.8.8", "192.0.2.10") });
		expect(plan.network.routes.map(({ gateway }) => gateway)).toEqual(["192.0.2.1"]);
		expect(plan.leftOut[0]?.examples).toEqual(["default tos 0x10 via 198.18.0.1 dev enp2s0"]);
	});

	test("without any rules (a kernel without policy routing) the usual tables count", () => {
		const net = { ...two, rules: [] };
		expect(links(net, "203.0.113.9", "192.0.2.10")).toEqual(["enp1s0"]);
		const plan = planNetwork(net, { connection: login("203.0.113.9", "192.0.2.10") });
		expect(plan.refusal).toBeUndefined();
	});

	describe("a firewall that marks answers by where they came in", () => {
		const marked = network({
			...two,
			links: [a, b],
			rules: [{ family: 4, priority: 90, action: "lookup", table: 100, mark: 2 }],
		});

		test("its mark is followed, and a rule by source address takes its place", () => {
			const plan = planNetwork(marked, { connection: login("203.0.113.9", "198.18.0.10") });
			expect(plan.refusal).toBeUndefined();
			expect(plan.wayBackLinks).toEqual(["enp2s0"]);
			expect(plan.network.rules.filter(({ from }) => from !== undefined)).toEqual([
				{
					family: 4,
					priority: 90,
					action: "lookup",
					table: 100,
					protocol: "static",
					from: "198.18.0.10/32",
				},
			]);
			expect(plan.changed.join()).toContain("firewall's mark");
		});

		test("it is not where the routes lead to the address's link by themselves", () => {
			const plan = planNetwork(marked, { connection: login("203.0.113.9", "192.0.2.10") });
			expect(plan.wayBackLinks).toEqual(["enp1s0"]);
			expect(plan.network.rules.some(({ from }) => from !== undefined)).toBe(false);
		});

		test("nor where no mark leads there", () => {
			const elsewhere = { ...marked, rules: [...network({}).rules] };
			const { wayBackLinks } = planNetwork(elsewhere, {
				connection: login("203.0.113.9", "198.18.0.10"),
			});
			expect(wayBackLinks).toEqual(["enp2s0", "enp1s0"]);
		});
	});

	test("a virtual function that a card of the host makes ends with the host", () => {
		const net = network({
			links: [a, { ...b, virtualFunction: true }],
			addresses: two.addresses,
			routes: two.routes,
		});
		const refusal = (server: string) =>
			planNetwork(net, { connection: login("203.0.113.9", server) }).refusal?.summary;
		expect(refusal("192.0.2.10")).toBeUndefined();
		expect(refusal("198.18.0.10")).toContain("SR-IOV");
	});

	test("the fast path of a card does not lie below it", () => {
		const net = network({
			links: [a, { ...b, permanentMac: a.mac ?? "", master: "enp1s0" }],
			addresses: [address("enp1s0", "192.0.2.10/24")],
			routes: [route("default via 192.0.2.1 dev enp1s0")],
		});
		const plan = planNetwork(net, { connection: login("203.0.113.9", "192.0.2.10") });
		expect(plan.wayBackLinks).toEqual(["enp1s0"]);
		expect(() => renderNixosImages(plan)).not.toThrow();
	});

	test.each([
		["an address nobody holds", "192.0.2.99"],
		["the loopback", "127.0.0.1"],
	])("a login to %s is refused", (_, server) => {
		const net = network({
			links: [a],
			addresses: [
				address("lo", "127.0.0.1/8", { scope: "host" }),
				address("enp1s0", "192.0.2.10/24"),
			],
			routes: [
				route("127.0.0.0/8 dev lo", { type: "local", table: 255, protocol: "kernel" }),
				route("default via 192.0.2.1 dev enp1s0"),
			],
		});
		const plan = planNetwork(net, { connection: login("127.0.0.1", server) });
		expect(plan.refusal).toMatchObject({ code: "NETWORK_WAY_BACK", kind: "refused" });
		expect(plan.refusal?.details.remedy).toBeTruthy();
	});

	test.each([
		["wireguard", "its keys would have to leave the host"],
		["tun", "made by a program"],
	])("a login through %s is refused with the reason", (kind, reason) => {
		const net = network({
			links: [a, virtual("vpn0", kind, { type: "none" })],
			addresses: [address("enp1s0", "192.0.2.10/24"), address("vpn0", "10.8.0.1/24")],
			routes: [
				route("default via 192.0.2.1 dev enp1s0"),
				route("10.8.0.0/24 dev vpn0", { protocol: "kernel" }),
			],
		});
		const plan = planNetwork(net, { connection: login("10.8.0.2", "10.8.0.1") });
		expect(plan.refusal?.summary).toContain(reason);
	});

	test("a login to the address of a link that is left out is refused, also if answers leave by a card", () => {
		const net = network({
			links: [a, virtual("vpn0", "tun", { type: "none" })],
			addresses: [address("enp1s0", "192.0.2.10/24"), address("vpn0", "10.8.0.1/24")],
			routes: [route("default via 192.0.2.1 dev enp1s0")],
		});
		const plan = planNetwork(net, { connection: login("8.8.8.8", "10.8.0.1") });
		expect(plan.refusal?.summary).toContain("it comes in through vpn0, which is left out");
	});

	test("a temporary address is kept if the login came in on it, and only then", () => {
		const temporary = address("enp1s0", "2001:db8::beef/64", {
			origin: "temporary",
			flags: ["temporary", "dynamic"],
			validLifetime: 600,
			preferredLifetime: 300,
		});
		const net = network({
			links: [a],
			addresses: [temporary, address("enp1s0", "2001:db8::1/64")],
			routes: [route("default via fe80::1 dev enp1s0", { family: 6, protocol: "ra", expires: 99 })],
		});
		const there = (server: string) =>
			planNetwork(net, { connection: login("2001:db8:f::1", server) }).network.addresses.map(
				(each) => each.address,
			);
		expect(there("2001:db8::beef")).toEqual(["2001:db8::beef", "2001:db8::1"]);
		expect(there("2001:db8::1")).toEqual(["2001:db8::1"]);
	});
});
