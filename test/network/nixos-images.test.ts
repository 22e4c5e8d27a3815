import { describe, expect, test } from "vitest";
import {
	type Network,
	parseSshConnection,
	planNetwork,
	renderNixosImages,
} from "../../src/network/index.ts";
import { address, card, network, route, virtual, vlanDetails } from "./make.ts";

const one = card("enp1s0", "52:54:00:00:00:01");
const two = card("enp2s0", "52:54:00:00:00:02");

function render(parts: Partial<Network>, login?: string) {
	const plan = planNetwork(
		network(parts),
		login === undefined ? {} : { connection: parseSshConnection(login) },
	);
	const { files, leftOut } = renderNixosImages(plan);
	const [addrs, v4, v6] = files.map((file) => JSON.parse(file.content));
	expect(files.map((file) => file.name)).toEqual([
		"addrs.json",
		"routes-v4.json",
		"routes-v6.json",
	]);
	return { addrs, v4, v6, leftOut };
}

describe("nixos-images", () => {
	test("a leased address becomes a lasting one, its route a static one", () => {
		const { addrs, v4, v6 } = render({
			links: [one],
			addresses: [
				address("enp1s0", "192.0.2.10/24", {
					origin: "lease",
					flags: ["dynamic"],
					validLifetime: 300,
					preferredLifetime: 300,
				}),
			],
			routes: [route("default via 192.0.2.1 dev enp1s0", { protocol: "dhcp" })],
		});
		expect(addrs).toEqual([
			{
				link_type: "ether",
				address: one.mac,
				ifname: "enp1s0",
				addr_info: [
					{
						family: "inet",
						local: "192.0.2.10",
						prefixlen: 24,
						scope: "global",
						valid_life_time: 4294967295,
						preferred_life_time: 4294967295,
					},
				],
			},
		]);
		expect(v4).toEqual([
			{ dst: "default", gateway: "192.0.2.1", dev: "enp1s0", protocol: "static", flags: [] },
		]);
		expect(v6).toEqual([]);
	});

	test("gateways outside the subnet are onlink, others families' are via, peers are routes", () => {
		const { v4, v6 } = render({
			links: [one],
			addresses: [address("enp1s0", "203.0.113.5/32", { peer: "203.0.113.1" })],
			routes: [
				route("default via 172.31.1.1 dev enp1s0", { onlink: true }),
				route("10.0.0.0/8 via 203.0.113.1 dev enp1s0"),
				route("10.1.0.0/16 dev enp1s0", { gateway: "fe80::1" }),
				route("default via fe80::1 dev enp1s0", { family: 6 }),
			],
		});
		const common = { dev: "enp1s0", protocol: "static" };
		expect(v4).toEqual([
			{ dst: "203.0.113.1", ...common, flags: [] },
			{ dst: "default", gateway: "172.31.1.1", ...common, flags: ["onlink"] },
			{ dst: "10.0.0.0/8", gateway: "203.0.113.1", ...common, flags: [] },
			{ dst: "10.1.0.0/16", via: { family: "inet6", host: "fe80::1" }, ...common, flags: [] },
		]);
		expect(v6).toEqual([{ dst: "default", gateway: "fe80::1", ...common, flags: [] }]);
	});

	test("a bridge over an active-backup bond becomes the bond's primary", () => {
		const { addrs, v4 } = render(
			{
				links: [
					{ ...one, master: "bond0" },
					{ ...two, mac: one.mac ?? "", master: "bond0" },
					virtual("bond0", "bond", {
						master: "br0",
						details: { kind: "bond", mode: "active-backup", primary: "enp2s0" },
					}),
					virtual("br0", "bridge", {
						details: { kind: "bridge", stp: false, vlanFiltering: false },
					}),
				],
				addresses: [address("br0", "192.0.2.10/24")],
				routes: [route("default via 192.0.2.1 dev br0")],
			},
			"8.8.8.8 1 192.0.2.10 22",
		);
		const holder = addrs.find((each: { addr_info: unknown[] }) => each.addr_info.length > 0);
		expect(holder).toMatchObject({ address: "52:54:00:00:00:02", ifname: "enp2s0" });
		expect(v4[0].dev).toBe("enp2s0");
	});

	test("multipath is expanded; metrics, tables, rules, MTU and nameservers are told as left out", () => {
		const { v4, leftOut } = render({
			links: [{ ...one, mtu: 9000 }, two],
			addresses: [address("enp1s0", "192.0.2.10/24"), address("enp2s0", "198.18.0.10/24")],
			routes: [
				route("default", {
					hops: [
						{ link: "enp1s0", gateway: "192.0.2.1", weight: 1 },
						{ link: "enp2s0", gateway: "198.18.0.1", weight: 1 },
					],
				}),
				route("10.0.0.0/8 via 192.0.2.2 dev enp1s0", { table: 100 }),
				route("10.9.0.0/16 via 192.0.2.2 dev enp1s0 metric 50"),
			],
			rules: [{ family: 4, priority: 5, action: "lookup", table: 100 }],
		});
		expect(v4.map((each: { gateway: string }) => each.gateway)).toEqual([
			"192.0.2.1",
			"198.18.0.1",
			"192.0.2.2",
		]);
		for (const what of ["MTU 9000", "table 100", "metric of route", "rule 5:", "nameservers"]) {
			expect(leftOut.join("\n")).toContain(what);
		}
	});

	const refused: [string, Partial<Network>][] = [
		[
			"VLAN",
			{
				links: [one, virtual("v", "vlan", { parent: "enp1s0", details: vlanDetails(5) })],
				addresses: [address("v", "192.0.2.10/24")],
				routes: [route("default via 192.0.2.1 dev v")],
			},
		],
		[
			"LACP",
			{
				links: [
					{ ...one, master: "b" },
					virtual("b", "bond", { details: { kind: "bond", mode: "802.3ad" } }),
				],
				addresses: [address("b", "192.0.2.10/24")],
				routes: [route("default via 192.0.2.1 dev b")],
			},
		],
		[
			"another table",
			{
				links: [one],
				addresses: [address("enp1s0", "192.0.2.10/24")],
				routes: [route("default via 192.0.2.1 dev enp1s0", { table: 100 })],
				rules: [{ family: 4, priority: 5, action: "lookup", table: 100 }],
			},
		],
	];
	test.each(refused)(
		"a login that depends on %s is refused; without login it is left out",
		(_, parts) => {
			expect(() => render(parts, "8.8.8.8 1 192.0.2.10 22")).toThrowError(
				expect.objectContaining({ code: "NETWORK_UNSAYABLE", kind: "refused" }),
			);
			expect(render(parts).leftOut).not.toEqual([]);
		},
	);
});
