import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { text, utf8 } from "../../src/bytes/index.ts";
import { readSnapshot } from "../../src/netlink/index.ts";
import {
	diffNetworks,
	emptyNetwork,
	type Network,
	parseNetwork,
	parseSshConnection,
	planNetwork,
	renderEmergency,
	renderNixosImages,
	renderPlanTable,
	renderUnits,
	snapshot,
} from "../../src/network/index.ts";
import { readLeases } from "../../src/network/read/lease.ts";
import { readResolver } from "../../src/network/read/resolver.ts";
import { jsonMaker } from "./frame/json.ts";
import type { FuzzTarget } from "./frame/target.ts";

interface Capture {
	readonly login: string;
	readonly dumps: string;
}

const folder = fileURLToPath(new URL("../../fixtures/network/", import.meta.url));
const names = ["plain-static", "vlan-on-bond", "bridge-over-a-card-with-vlan-filtering", "vrf"];
const dumps = (): readonly Uint8Array[] =>
	[...names, "two-cards-with-policy-routing-by-source", "multipath-and-nexthop-groups"].map(
		(name) => {
			const capture = JSON.parse(readFileSync(`${folder}${name}.json`, "utf8")) as Capture;
			return Uint8Array.from(Buffer.from(capture.dumps, "base64"));
		},
	);

const connection = parseSshConnection("198.51.100.7 50000 192.0.2.10 22");

const networks = dumps().map((bytes) =>
	snapshot({ dumps: readSnapshot(bytes), files: new Map(), symlinks: new Map() }),
);

/** Everything that is made of a network. A line of a unit file that systemd would read as another is a finding. */
function all(network: Network): void {
	const plan = planNetwork(network, { connection });
	renderPlanTable(plan);
	renderEmergency(network);
	diffNetworks(network, plan.network);
	for (const { name, content } of renderUnits(plan)) {
		if (!/^[\w.-]+\.(link|netdev|network)$/.test(name)) throw new Error(`a unit called ${name}`);
		for (const line of content.split("\n")) {
			if (!/^(|# Written by ekexec\.|\[[A-Za-z]+\]|[A-Za-z0-9]+=[\x21-\x7e ]+)$/.test(line)) {
				throw new Error(`a line of a unit: ${JSON.stringify(line)}`);
			}
		}
	}
	renderNixosImages(plan);
}

export const targets: readonly FuzzTarget[] = [
	{
		name: "network/snapshot",
		seeds: dumps,
		fixtures: () => false,
		run: (input) =>
			all(snapshot({ dumps: readSnapshot(input), files: new Map(), symlinks: new Map() })),
	},
	{
		name: "network/files",
		seeds: () =>
			[
				"nameserver 127.0.0.53\nnameserver fe80::1%2\nsearch a.example\noptions ndots:2\n",
				'lease {\n interface "e";\n fixed-address 10.0.0.1;\n option domain-name-servers 10.0.0.2;\n}\n',
				"ADDRESS=10.0.0.1\nDNS=10.0.0.2 2001:db8::1\nDOMAINNAME=a.example\n",
			].map(utf8),
		fixtures: () => false,
		run(input) {
			const paths = [
				...["/etc/resolv.conf", "/run/systemd/netif/leases/2", "/run/systemd/netif/links/2"],
				...["/var/lib/dhcp/x.leases", "/var/lib/dhcpcd/x.lease", "/var/lib/NetworkManager/x.lease"],
			];
			for (const path of paths) {
				const raw = {
					dumps: {},
					files: new Map([[path, input]]),
					symlinks: new Map<string, string>(),
				};
				const leases = readLeases(raw);
				const resolver = readResolver(raw, {
					leases,
					own: new Set(),
					names: () => "e",
					families: [],
				});
				all({ ...emptyNetwork, resolver });
			}
		},
	},
	{
		// What `net diff` reads: the JSON of others.
		name: "network/json",
		make: jsonMaker(emptyNetwork, ...networks),
		fixtures: () => false,
		run(input) {
			const network = parseNetwork(text(input), "fuzz");
			for (const other of [emptyNetwork, ...networks.slice(0, 2)]) {
				diffNetworks(network, other);
				diffNetworks(other, network);
			}
		},
	},
	{
		name: "network/login",
		seeds: () => ["198.51.100.7 50000 192.0.2.10 22", "fe80::1%e 1 ::ffff:1.2.3.4 22"].map(utf8),
		fixtures: () => false,
		run: (input) => void parseSshConnection(text(input)),
	},
];
