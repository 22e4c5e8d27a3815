import { describe, expect, test } from "vitest";
import {
	parseSshConnection,
	planNetwork,
	type Route,
	renderUnits,
} from "../../src/network/index.ts";
import { address, card, network, route, virtual } from "./make.ts";

const mac = "52:54:00:00:00:01";
const files = (plan: ReturnType<typeof planNetwork>) =>
	Object.fromEntries(renderUnits(plan).map((file) => [file.name, file.content]));

describe("plan", () => {
	test("IPv6 routes learnt from routers do not become several ways of one route", () => {
		const plan = planNetwork(
			network({
				links: [card("enp1s0", mac), card("enp2s0", "52:54:00:00:00:02")],
				addresses: [
					address("enp1s0", "2001:db8:1::10/64"),
					address("enp2s0", "2001:db8:2::10/64", { origin: "slaac" }),
				],
				routes: [
					route("default via fe80::2 dev enp2s0", { family: 6, protocol: "ra" }),
					route("default via fe80::1 dev enp1s0", { family: 6, protocol: "ra" }),
					route("default via 2001:db8:1::1 dev enp1s0", { family: 6, protocol: "static" }),
					route("2001:db8:9::/48 via 2001:db8:1::1 dev enp1s0", { protocol: "static" }),
					route("2001:db8:9::/48 via 2001:db8:1::3 dev enp1s0", { protocol: "static" }),
				],
			}),
			{ connection: parseSshConnection("2001:db8:7::1 40000 2001:db8:1::10 22") },
		);
		const metrics = plan.network.routes.map(({ gateway, metric }) => `${gateway} ${metric}`);
		expect(metrics.sort()).toEqual([
			"2001:db8:1::1 1024",
			"2001:db8:1::1 1025",
			"2001:db8:1::3 1024",
			// The link that holds the login's address comes first.
			"fe80::1 1024",
			"fe80::2 1026",
		]);
		expect(plan.changed.join("\n")).toContain("so that it stays a route of its own");
	});

	test("a static address with its gateway is carried, and nothing of the kernel's is repeated", () => {
		const plan = planNetwork(
			network({
				links: [card("enp1s0", mac)],
				addresses: [
					address("lo", "127.0.0.1/8", { scope: "host", origin: "loopback" }),
					address("enp1s0", "192.0.2.10/24", { broadcast: "192.0.2.255" }),
					address("enp1s0", "fe80::5054:ff:fe00:1/64", { origin: "link-local" }),
				],
				routes: [
					route("192.0.2.0/24 dev enp1s0", { protocol: "kernel" }),
					route("192.0.2.10/32 dev enp1s0", { type: "local", table: 255, protocol: "kernel" }),
					route("fe80::/64 dev enp1s0", { protocol: "kernel", metric: 256 }),
					route("ff00::/8 dev enp1s0", { type: "multicast", table: 255, protocol: "kernel" }),
					route("default via 192.0.2.1 dev enp1s0"),
				],
			}),
			{ connection: parseSshConnection("198.51.100.7 40000 192.0.2.10 22") },
		);
		expect(plan.refusal).toBeUndefined();
		expect(plan.network.routes.map((each) => each.destination)).toEqual(["0.0.0.0/0"]);
		expect(plan.wayBackLinks).toEqual(["enp1s0"]);
		const text = files(plan)["01-ekexec-enp1s0.network"];
		expect(text).toMatchInlineSnapshot(`
			"# Written by ekexec.

			[Match]
			PermanentMACAddress=52:54:00:00:00:01

			[Link]
			MTUBytes=1500
			ARP=yes
			RequiredForOnline=yes
			RequiredFamilyForOnline=ipv4

			[Network]
			DHCP=no
			IPv6AcceptRA=no
			LinkLocalAddressing=ipv6
			LLDP=no
			ConfigureWithoutCarrier=yes
			DNS=192.0.2.53

			[Address]
			Address=192.0.2.10/24
			Broadcast=192.0.2.255

			[Route]
			Destination=0.0.0.0/0
			Gateway=192.0.2.1
			Scope=global
			Table=254
			Protocol=boot
			"
		`);
	});

	describe("many routes", () => {
		const many = (count: number, more: Partial<Route>) =>
			Array.from({ length: count }, (_, n) =>
				route(`10.${Math.floor(n / 256)}.${n % 256}.0/24`, more),
			);
		const planOf = (routes: readonly Route[]) =>
			planNetwork(
				network({
					links: [card("enp1s0", mac)],
					addresses: [address("enp1s0", "203.0.113.5/32")],
					routes: [
						...routes,
						route("172.31.1.1/32 dev enp1s0"),
						route("192.168.0.0/16 via 172.31.1.1 dev enp1s0"),
						route("default via 172.31.1.1 dev enp1s0"),
					],
				}),
				{ connection: parseSshConnection("198.51.100.7 40000 203.0.113.5 22") },
			);
		const reasons = (plan: ReturnType<typeof planOf>) =>
			plan.leftOut.filter(({ what }) => what === "route").map(({ reason }) => reason);

		test.each([
			["set by hand", { link: "enp1s0", protocol: "boot" }],
			["of a daemon without a name", { link: "enp1s0", protocol: "196" }],
			["that lead nowhere", { type: "blackhole", protocol: "static" }],
		])("%s: as many as networkd sets surely, with all that the login needs", (_, more) => {
			const plan = planOf(many(13_000, more));
			expect(plan.refusal).toBeUndefined();
			expect(plan.network.routes.length).toBeLessThanOrEqual(2050);
			expect(plan.network.routes.map(({ destination }) => destination)).toEqual(
				expect.arrayContaining(["172.31.1.1/32", "0.0.0.0/0"]),
			);
			expect(reasons(plan)).toEqual(["more than 2048 routes cannot be carried"]);
			expect(plan.warnings).toEqual([expect.stringMatching(/^\d+ of 13003 routes are left out/)]);
		});

		test("ways are preferred to what leads nowhere", () => {
			const { network: made } = planOf(many(3000, { type: "blackhole" }));
			expect(made.routes.map(({ destination }) => destination)).toContain("192.168.0.0/16");
		});

		test("of a daemon: none but the default, and the way to its gateway", () => {
			const daemon = { link: "enp1s0", protocol: "bird" };
			const routes = [...many(300, daemon), route("172.31.1.1/32 dev enp1s0", daemon)];
			const plan = planOf(routes);
			expect(plan.network.routes.map(({ destination }) => destination)).toEqual([
				"172.31.1.1/32",
				"172.31.1.1/32",
				"192.168.0.0/16",
				"0.0.0.0/0",
			]);
			expect(reasons(plan)).toEqual(["one of the many of a routing daemon, which will not run"]);
		});
	});

	test("of more addresses than networkd takes for a link, those stay that are needed", () => {
		const many = Array.from({ length: 1500 }, (_, n) =>
			address("enp1s0", `10.0.${Math.floor(n / 250)}.${(n % 250) + 1}/32`),
		);
		const source = "10.0.5.200";
		const login = "10.0.5.250";
		const plan = planNetwork(
			network({
				links: [card("enp1s0", mac)],
				addresses: [...many, address("enp1s0", "192.0.2.10/24")],
				routes: [
					route("default via 192.0.2.1 dev enp1s0"),
					route("10.9.0.0/16 via 192.0.2.1 dev enp1s0", { preferredSource: source }),
				],
			}),
			{ connection: parseSshConnection(`198.51.100.7 40000 ${login} 22`) },
		);
		expect(plan.refusal).toBeUndefined();
		const kept = plan.network.addresses.map((each) => each.address);
		expect(kept).toHaveLength(1024);
		expect(kept).toEqual(expect.arrayContaining([source, login, "192.0.2.10"]));
		expect(plan.leftOut.find(({ what }) => what === "address")).toMatchObject({
			count: 477,
			reason: "more than 1024 addresses of a link cannot be carried",
		});
	});

	test("what is left out: wireless cards by any name, rules with selectors of their own", () => {
		const names = ["wls1", "wlP2p1s0", "wifi0", "wlan0"];
		const links = names.map((name, at) => card(name, `52:54:00:00:00:0${at}`));
		const odd = card("enp9s0", "52:54:00:00:00:09", { wireless: true });
		const rules = [
			{ family: 4, priority: 9, action: "lookup", table: 254, selectors: ["dscp mask"] } as const,
		];
		const plan = planNetwork(network({ links: [...links, odd], rules }));
		expect(plan.network.links.map(({ name }) => name)).toEqual(["lo"]);
		expect(plan.network.rules).toEqual([]);
		expect(plan.leftOut.map(({ reason }) => reason)).toEqual(
			expect.arrayContaining(["selection by dscp mask cannot be carried"]),
		);
	});

	test("a nameserver behind a link that is left out is told", () => {
		const warnings = (server: string) =>
			planNetwork(
				network({
					links: [card("enp1s0", mac), virtual("vpn0", "tun", { type: "none" })],
					addresses: [address("enp1s0", "192.0.2.10/24"), address("vpn0", "10.8.0.2/24")],
					routes: [
						route("default via 192.0.2.1 dev enp1s0"),
						route("10.8.0.0/24 dev vpn0", { protocol: "kernel" }),
					],
					resolver: { servers: [server], search: [], options: [], source: "/etc/resolv.conf" },
				}),
			).warnings;
		expect(warnings("192.0.2.53")).toEqual([]);
		expect(warnings("10.8.0.1")).toEqual([
			"the way to nameserver 10.8.0.1 is vpn0, which is left out: it may not answer",
		]);
	});

	test("what a routing daemon announces is missed, the more so for a login that depends on it", () => {
		const planOf = (protocol: string, link: string, kind?: "dummy") => {
			const links = [card("enp1s0", mac), ...(kind === undefined ? [] : [virtual(link, kind)])];
			const net = network({
				links,
				addresses: [address("enp1s0", "192.0.2.10/24"), address(link, "203.0.113.53/32")],
				routes: [route("default via 192.0.2.1 dev enp1s0", { protocol })],
			});
			const connection = parseSshConnection("198.51.100.7 40000 203.0.113.53 22");
			const plan = planNetwork(net, { connection });
			expect(plan.refusal).toBeUndefined();
			return plan.warnings;
		};
		const silent = expect.stringContaining("routes (bird) will not run");
		const lost = expect.stringContaining("203.0.113.53 is on no network card");
		expect(planOf("static", "enp1s0")).toEqual([]);
		expect(planOf("bird", "enp1s0")).toEqual([silent]);
		expect(planOf("bird", "lo")).toEqual([silent, lost]);
		expect(planOf("static", "anycast0", "dummy")).toEqual([lost]);
	});

	test("a login through a container's bridge is refused", () => {
		const plan = planNetwork(
			network({
				links: [
					card("enp1s0", mac),
					virtual("docker0", "bridge", {
						details: { kind: "bridge", stp: false, vlanFiltering: false },
					}),
				],
				addresses: [address("enp1s0", "192.0.2.10/24"), address("docker0", "172.17.0.1/16")],
				routes: [
					route("192.0.2.0/24 dev enp1s0", { protocol: "kernel" }),
					route("172.17.0.0/16 dev docker0", { protocol: "kernel" }),
				],
			}),
			{ connection: parseSshConnection("172.17.0.2 40000 172.17.0.1 22") },
		);
		expect(plan.refusal?.code).toBe("NETWORK_WAY_BACK");
		expect(plan.refusal?.kind).toBe("refused");
	});
});
