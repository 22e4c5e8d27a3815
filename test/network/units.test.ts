import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
	type Network,
	type Plan,
	parseSshConnection,
	planNetwork,
	type Route,
	renderResolvConf,
	renderUnits,
} from "../../src/network/index.ts";
import { address, card, network, route, virtual, vlanDetails } from "./make.ts";

const one = card("enp1s0", "52:54:00:00:00:01");
const two = card("enp2s0", "52:54:00:00:00:02");

/** Unit files by name, each as its lines. */
function units(plan: Plan): Record<string, string[]> {
	return Object.fromEntries(
		renderUnits(plan).map(({ name, content }) => [name, content.split("\n")]),
	);
}

describe("names", () => {
	test.each(["a%n", "eth0;x", "[Match]", 'q"uote', "*", "ü", "1234", "all", "a@b", "x\\x0ay"])(
		"%j has no place in a unit file: the link gets another name, everywhere",
		(name) => {
			const plan = planNetwork(
				network({
					links: [one, virtual(name, "vlan", { parent: "enp1s0", details: vlanDetails(5) })],
					addresses: [address(name, "192.0.2.10/24")],
					routes: [route("default via 192.0.2.1", { link: name })],
					rules: [{ family: 4, priority: 9, action: "lookup", table: 254, incoming: name }],
				}),
				{ connection: parseSshConnection("8.8.8.8 1 192.0.2.10 22") },
			);
			expect(plan.refusal).toBeUndefined();
			expect(plan.renames).toMatchObject([{ from: name, to: "ek0" }]);
			const text = renderUnits(plan)
				.map((file) => file.name + file.content)
				.join("\n");
			expect(text).not.toContain(`=${name}\n`);
			expect(text).toContain("VLAN=ek0");
			expect(text).toContain("IncomingInterface=ek0");
		},
	);

	test("one card keeps the kernel's name, several do not", () => {
		const eth = (n: number) => card(`eth${n}`, `52:54:00:00:00:0${n}`);
		const names = (...links: Network["links"]) =>
			planNetwork(network({ links })).network.links.map((link) => link.name);
		expect(names(eth(0))).toEqual(["lo", "eth0"]);
		expect(names(eth(0), eth(1))).toEqual(["lo", "nic0", "nic1"]);
		expect(names(eth(0), card("nic0", "52:54:00:00:00:05"), eth(1))).toEqual([
			"lo",
			"nic1",
			"nic0",
			"nic2",
		]);
	});

	test("whatever links are called, every unit file is one that systemd reads line by line", () => {
		const name = fc.stringMatching(/^[^/\s\0]{1,15}$/);
		// The property is synchronous: there is no promise, whatever the linter infers.
		void fc.assert(
			fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 4 }), (names) => {
				const links = names.map((each, at) => card(each, `52:54:00:00:01:0${at}`));
				const net = network({
					links,
					addresses: links.map((link, at) => address(link.name, `10.0.${at}.1/24`)),
				});
				for (const { name: file, content } of renderUnits(planNetwork(net))) {
					expect(file).toMatch(/^[\w.-]+\.(link|netdev|network)$/);
					for (const line of content.split("\n")) {
						expect(line).toMatch(
							/^(|# Written by ekexec\.|\[[A-Za-z]+\]|[A-Za-z0-9]+=[\x21-\x7e ]+)$/,
						);
					}
				}
			}),
			{ numRuns: 200 },
		);
	});
});

describe("cards are recognised", () => {
	const mac = "00:15:5d:00:00:01";
	const pci = "pci0000:00/0000:00:03.0/virtio0";

	test("by permanent MAC, also in a bond whose address they bear", () => {
		const bond = virtual("bond0", "bond", {
			mac: one.mac ?? "",
			details: { kind: "bond", mode: "active-backup" },
		});
		const plan = planNetwork(
			network({
				links: [{ ...one, master: "bond0" }, { ...two, mac: one.mac ?? "", master: "bond0" }, bond],
				addresses: [address("bond0", "192.0.2.10/24")],
			}),
		);
		expect(units(plan)["01-ekexec-enp2s0.network"]).toContain(
			"PermanentMACAddress=52:54:00:00:00:02",
		);
		expect(units(plan)["00-ekexec-bond0.netdev"]).toContain(`MACAddress=${one.mac}`);
	});

	test("by path and driver too, where two share a MAC; the fast path of a Hyper-V card is left alone", () => {
		const plan = planNetwork(
			network({
				links: [
					card("eth0", mac, { driver: "hv_netvsc" }),
					card("enP1s1", mac, {
						driver: "mlx5_core",
						devicePath: "pci0001:00/0001:00:02.0",
						master: "eth0",
					}),
				],
				addresses: [address("eth0", "192.0.2.10/24")],
			}),
		);
		expect(plan.matches).toEqual([{ name: "eth0", permanentMac: mac, driver: "hv_netvsc" }]);
		expect(plan.leftOut[0]).toMatchObject({
			examples: ["enP1s1"],
			reason: expect.stringContaining("fast path"),
		});
	});

	test("a net_failover by that driver, which only ethtool tells of it; its two faces are left alone", () => {
		const virtio = { driver: "virtio_net", devicePath: pci };
		const plan = planNetwork(
			network({
				links: [
					card("ens3", one.mac ?? "", virtio),
					card("ens3nsby", one.mac ?? "", { ...virtio, master: "ens3" }),
					card("ens4", one.mac ?? "", {
						driver: "ixgbevf",
						devicePath: "pci0000:00/0000:00:04.0",
						master: "ens3",
					}),
				],
				addresses: [address("ens3", "192.0.2.10/24")],
			}),
		);
		expect(plan.matches).toEqual([
			{ name: "ens3", permanentMac: one.mac, path: "pci-0000:00:03.0", driver: "net_failover" },
		]);
		expect(plan.leftOut[0]).toMatchObject({ examples: ["ens3nsby", "ens4"] });
	});

	test("by no driver of sysfs, where ethtool's may be another", () => {
		const at = (slot: number) => ({
			driver: "mlx4_core",
			devicePath: `pci0000:00/0000:00:0${slot}.0`,
		});
		const twins = [card("enp3s0", mac, at(3)), card("enp4s0", mac, at(4))];
		expect(planNetwork(network({ links: twins })).matches).toEqual([
			{ name: "enp3s0", permanentMac: mac, path: "pci-0000:00:03.0" },
			{ name: "enp4s0", permanentMac: mac, path: "pci-0000:00:04.0" },
		]);
	});

	test("by name as well, with a warning, where all else is the same", () => {
		const { permanentMac: _, ...bare } = card("enp3s0", mac, { devicePath: pci });
		const links = [bare, { ...bare, name: "enp3s0d1", index: 9, permanentMac: mac }];
		const { matches, warnings } = planNetwork(network({ links }));
		expect(matches).toEqual([
			{ name: "enp3s0", path: "pci-0000:00:03.0", originalName: "enp3s0" },
			{ name: "enp3s0d1", permanentMac: mac },
		]);
		expect(warnings).toEqual([expect.stringContaining("nothing but its name tells enp3s0 from")]);
	});

	test("by path where there is no permanent MAC, by name where there is neither", () => {
		const { permanentMac: _, ...bare } = one;
		const by = (link: typeof bare) => planNetwork(network({ links: [link] })).matches[0];
		expect(by({ ...bare, devicePath: pci })).toEqual({ name: "enp1s0", path: "pci-0000:00:03.0" });
		expect(by(bare)).toEqual({ name: "enp1s0", originalName: "enp1s0" });
	});

	test("an address other than the burnt in one is set", () => {
		const plan = planNetwork(network({ links: [{ ...one, mac: "02:00:00:00:00:99" }] }));
		expect(units(plan)["01-ekexec-enp1s0.network"]).toContain("MACAddress=02:00:00:00:00:99");
	});

	test("an address is set too where none is known to be burnt in, but for InfiniBand's", () => {
		const { permanentMac: _, ...bare } = one;
		const told = (link: typeof bare) =>
			units(planNetwork(network({ links: [link] })))["01-ekexec-enp1s0.network"];
		expect(told(bare)).toContain(`MACAddress=${one.mac}`);
		expect(told({ ...bare, type: "infiniband" })?.join()).not.toContain("MACAddress=");
	});
});

describe("boot", () => {
	test("only the link with the login's address is waited for", () => {
		const plan = planNetwork(
			network({
				links: [one, two],
				addresses: [address("enp1s0", "192.0.2.10/24"), address("enp2s0", "198.18.0.10/24")],
				routes: [route("default via 192.0.2.1 dev enp1s0")],
			}),
			{ connection: parseSshConnection("8.8.8.8 1 192.0.2.10 22") },
		);
		expect(units(plan)["01-ekexec-enp1s0.network"]).toContain("RequiredForOnline=yes");
		expect(units(plan)["01-ekexec-enp2s0.network"]).toContain("RequiredForOnline=no");
	});

	test("modules make no devices of their own", () => {
		const bond = virtual("bond0", "bond", { details: { kind: "bond", mode: "802.3ad" } });
		const net = network({ links: [{ ...one, master: "bond0" }, bond] });
		expect(planNetwork(net).kernelParameters).toEqual(["bonding.max_bonds=0"]);
	});
});

describe("options", () => {
	test("a bond tells only options of its mode", () => {
		const bond = (mode: string) =>
			units(
				planNetwork(
					network({
						links: [
							{ ...one, master: "bond0" },
							virtual("bond0", "bond", {
								details: {
									kind: "bond",
									mode,
									miimon: 100,
									lacpRate: "fast",
									transmitHashPolicy: "layer3+4",
									failOverMac: "active",
									packetsPerPort: 3,
									arpInterval: 0,
									arpValidate: "all",
								},
							}),
						],
					}),
				),
			)
				["00-ekexec-bond0.netdev"]?.filter((line) => line.includes("="))
				.slice(2);
		expect(bond("802.3ad")).toEqual([
			"Mode=802.3ad",
			"TransmitHashPolicy=layer3+4",
			"LACPTransmitRate=fast",
			"MIIMonitorSec=100ms",
		]);
		expect(bond("active-backup")).toEqual([
			"Mode=active-backup",
			"MIIMonitorSec=100ms",
			"FailOverMACPolicy=active",
		]);
		expect(bond("balance-rr")).toEqual([
			"Mode=balance-rr",
			"MIIMonitorSec=100ms",
			"PacketsPerSlave=3",
		]);
	});

	test("what networkd has no words for is told", () => {
		const plan = planNetwork(
			network({
				links: [
					{ ...one, master: "bond0" },
					virtual("bond0", "bond", {
						details: { kind: "bond", mode: "802.3ad", lacpActive: false, useCarrier: false },
					}),
				],
				routes: [
					route("default via 192.0.2.1 dev bond0", { metrics: { mtu: 1400, hopLimit: 9, rtt: 3 } }),
				],
			}),
		);
		const told = plan.leftOut.flatMap((each) => each.examples).join("\n");
		expect(told).toContain("lacp_active off of bond0");
		expect(told).toContain("use_carrier off of bond0");
		expect(told).toContain("hopLimit, rtt of default");
		expect(plan.network.routes[0]?.metrics).toEqual({ mtu: 1400 });
	});

	test("a metric for which the kernel or networkd would refuse the route is left out", () => {
		const metrics = (value: Route["metrics"]) => {
			const routes = [route("default via 192.0.2.1 dev enp1s0", { metrics: value ?? {} })];
			const { network: made, leftOut } = planNetwork(network({ links: [one], routes }));
			const told = leftOut.filter(({ what }) => what === "setting");
			return [made.routes[0]?.metrics, told[0]?.examples[0]];
		};
		const firewalls = "nftables, iptables";
		const bbr = { congestionControl: "bbr", initialCongestionWindow: 1023 };
		expect(metrics(bbr)).toEqual([bbr, firewalls]);
		expect(metrics({ mtu: 1400, congestionControl: "dctcp" })).toEqual([
			{ mtu: 1400 },
			expect.stringContaining("congestionControl of default"),
		]);
		expect(metrics({ initialCongestionWindow: 1024, initialReceiveWindow: 4096 })).toEqual([
			undefined,
			expect.stringContaining("initialCongestionWindow, initialReceiveWindow of default"),
		]);
	});

	test("a VLAN is told its MAC only where that is not its parent's", () => {
		const vlan = (mac: string | undefined) =>
			units(
				planNetwork(
					network({
						links: [
							one,
							virtual("v5", "vlan", {
								parent: "enp1s0",
								details: vlanDetails(5),
								...(mac === undefined ? {} : { mac }),
							}),
						],
					}),
				),
			)["00-ekexec-v5.netdev"]?.filter((line) => line.startsWith("MACAddress="));
		expect(vlan(one.mac)).toEqual([]);
		expect(vlan("02:00:00:00:00:05")).toEqual(["MACAddress=02:00:00:00:00:05"]);
	});

	test("a bond that asks IPv6 neighbours only watches its carriers instead", () => {
		const bond = (more: object) => {
			const details = { kind: "bond", mode: "active-backup", arpInterval: 1000, ...more } as const;
			const links = [{ ...one, master: "bond0" }, virtual("bond0", "bond", { details })];
			const plan = planNetwork(network({ links }));
			const lines = units(plan)["00-ekexec-bond0.netdev"] ?? [];
			const lost = plan.leftOut.flatMap(({ examples }) => examples);
			return [lines.filter((line) => /Sec|Targets/.test(line)), lost[0]];
		};
		const neighbourTargets = ["2001:db8::1"];
		expect(bond({ neighbourTargets })).toEqual([["MIIMonitorSec=100ms"], "ns_ip6_target of bond0"]);
		expect(bond({ neighbourTargets, arpTargets: ["192.0.2.1"] })).toEqual([
			["ARPIntervalSec=1000ms", "ARPIPTargets=192.0.2.1"],
			"ns_ip6_target of bond0",
		]);
	});

	test("a way without gateway, or onlink, becomes nexthop objects with fresh ids", () => {
		const hops = [
			{ link: "enp1s0", weight: 1 },
			{ link: "enp2s0", gateway: "172.31.1.1", onlink: true as const, weight: 4 },
		];
		const plan = planNetwork(
			network({
				links: [one, two],
				routes: [route("10.0.0.0/8", { hops }), route("10.9.0.0/16", { nexthopId: 2 ** 30 })],
				nexthops: [{ id: 2 ** 30, family: 4, link: "enp1s0", protocol: "static" }],
			}),
		);
		const group = plan.network.nexthops.find((each) => each.group !== undefined);
		expect(group?.group).toEqual([
			{ id: 2 ** 30 + 1, weight: 1 },
			{ id: 2 ** 30 + 2, weight: 4 },
		]);
		expect(plan.network.routes[0]?.nexthopId).toBe(group?.id);
	});

	test("a link-local address that is not made from the MAC is set, and no other is made", () => {
		const plan = planNetwork(
			network({
				links: [one],
				addresses: [address("enp1s0", "fe80::2/64", { origin: "link-local" })],
			}),
		);
		const text = units(plan)["01-ekexec-enp1s0.network"];
		expect(text).toContain("LinkLocalAddressing=no");
		expect(text).toContain("Address=fe80::2/64");
	});

	test("a prefix route of NetworkManager's, told under the kernel's name, is carried", () => {
		const plan = planNetwork(
			network({
				links: [one],
				addresses: [address("enp1s0", "192.0.2.10/24", { flags: ["noprefixroute"] })],
				routes: [route("192.0.2.0/24 dev enp1s0 metric 100", { protocol: "kernel" })],
			}),
		);
		expect(plan.network.routes).toMatchObject([
			{ destination: "192.0.2.0/24", metric: 100, protocol: "static" },
		]);
	});

	test("a link-local address of NetworkManager's brings its prefix route along", () => {
		const plan = planNetwork(
			network({
				links: [one],
				addresses: [
					address("enp1s0", "fe80::5054:ff:fe00:1/64", {
						origin: "link-local",
						flags: ["noprefixroute"],
					}),
				],
				routes: [route("fe80::/64 dev enp1s0 metric 1024", { protocol: "kernel" })],
			}),
		);
		expect(plan.network.routes).toMatchObject([{ destination: "fe80::/64" }]);
		const text = units(plan)["01-ekexec-enp1s0.network"];
		expect(text).toContain("LinkLocalAddressing=no");
		expect(text).toContain("AddPrefixRoute=no");
	});

	test("a bridge whose port lacks the default VLAN names all VLANs itself", () => {
		const bridge = (vlans: { id: number; pvid?: true; untagged?: true }[]) =>
			units(
				planNetwork(
					network({
						links: [
							{ ...one, master: "br0", port: { kind: "bridge", vlans } },
							virtual("br0", "bridge", {
								details: { kind: "bridge", stp: false, vlanFiltering: true, vlanDefaultPvid: 1 },
							}),
						],
					}),
				),
			);
		const usual = bridge([{ id: 1, pvid: true, untagged: true }, { id: 20 }]);
		expect(usual["00-ekexec-br0.netdev"]).toContain("DefaultPVID=1");
		const other = bridge([{ id: 20, pvid: true, untagged: true }]);
		expect(other["00-ekexec-br0.netdev"]).toContain("DefaultPVID=none");
		expect(other["01-ekexec-enp1s0.network"]).toContain("PVID=20");
	});

	test("tunnels are carried on request only, keyed ones not even then", () => {
		const net = network({
			links: [
				one,
				virtual("gre1", "gre", {
					type: "gre",
					details: { kind: "tunnel", remote: "192.0.2.9", inputKey: 5 },
				}),
				virtual("wg0", "wireguard", { type: "none" }),
			],
			addresses: [address("gre1", "10.0.0.1/30")],
		});
		const names = (keep: string[]) =>
			planNetwork(net, { keep }).network.links.map((link) => link.name);
		expect(names([])).toEqual(["lo", "enp1s0"]);
		expect(names(["gre1", "wg0"])).toEqual(["lo", "enp1s0", "gre1"]);
		expect(planNetwork(net, { keep: ["wg0"] }).warnings.join()).toContain(
			"its keys would have to leave the host",
		);
	});
});

test("resolv.conf has servers, search and options", () => {
	const resolver = {
		servers: ["192.0.2.53", "fe80::1%eth0"],
		search: ["a.example"],
		options: ["ndots:2"],
		source: "x",
	};
	expect(renderResolvConf(network({ resolver }))).toBe(
		"nameserver 192.0.2.53\nnameserver fe80::1%eth0\nsearch a.example\noptions ndots:2\n",
	);
});
