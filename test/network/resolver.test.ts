import { describe, expect, test } from "vitest";
import { utf8 } from "../../src/bytes/index.ts";
import { networkFileCap } from "../../src/network/raw.ts";
import { readLeases } from "../../src/network/read/lease.ts";
import { readResolver } from "../../src/network/read/resolver.ts";

const raw = (files: Record<string, string | Uint8Array>) => ({
	dumps: {},
	symlinks: new Map<string, string>(),
	files: new Map(
		Object.entries(files).map(([path, content]) => [
			path,
			typeof content === "string" ? utf8(content) : content,
		]),
	),
});

function resolve(files: Record<string, string | Uint8Array>, own: string[] = []) {
	const read = raw(files);
	return readResolver(read, {
		leases: readLeases(read),
		own: new Set(own),
		names: (index) => (index === 2 ? "enp1s0" : undefined),
		families: [4],
	});
}

const stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch example.net\n";

describe("nameservers", () => {
	test("those of resolv.conf, with search and options, comments and nonsense passed over", () => {
		expect(
			resolve({
				"/etc/resolv.conf":
					"# made by hand\nnameserver 192.0.2.53 # first\nnameserver 2001:DB8::35\nnameserver bogus\nnameserver fe80::1%2\nsearch example.net example.org bad/name\noptions timeout:1 ndots:2\n",
			}),
		).toEqual({
			servers: ["192.0.2.53", "2001:db8::35", "fe80::1%enp1s0"],
			search: ["example.net", "example.org"],
			options: ["timeout:1", "ndots:2"],
			source: "/etc/resolv.conf",
		});
	});

	test("a lease file of the largest size with lists that never end is read in one go", () => {
		const endless = `lease {\n  option domain-name-servers${" ".repeat(networkFileCap)}`;
		const path = "/var/lib/dhcp/dhclient.leases";
		expect(readLeases(raw({ [path]: endless }))).toEqual([
			{ source: path, addresses: [], servers: [], search: [] },
		]);
	});

	test.each([
		["systemd-resolved", "/run/systemd/resolve/resolv.conf", "nameserver 10.1.0.53\nsearch .\n"],
		["NetworkManager", "/run/NetworkManager/no-stub-resolv.conf", "nameserver 10.1.0.53\n"],
		["networkd's link", "/run/systemd/netif/links/2", "ADMIN_STATE=configured\nDNS=10.1.0.53\n"],
		["networkd's lease", "/run/systemd/netif/leases/2", "ADDRESS=10.1.0.9\nDNS=10.1.0.53\n"],
		[
			"NetworkManager's lease",
			"/var/lib/NetworkManager/internal-x-eth0.lease",
			"ADDRESS=10.1.0.9\nDNS=10.1.0.53\n",
		],
		[
			"dhclient's lease",
			"/var/lib/dhcp/dhclient.enp1s0.leases",
			'lease {\n  interface "enp1s0";\n  fixed-address 10.1.0.8;\n  option domain-name-servers 10.9.9.9;\n}\nlease {\n  interface "enp1s0";\n  fixed-address 10.1.0.9;\n  option domain-name-servers 10.1.0.53;\n}\n',
		],
		["dhcpcd's lease", "/var/lib/dhcpcd/enp1s0.lease", dhcpAck()],
		["resolvconf", "/run/resolvconf/interface/enp1s0.dhclient", "nameserver 10.1.0.53\n"],
	])("behind a stub: %s", (_, path, content) => {
		const found = resolve({ "/etc/resolv.conf": stub, [path]: content });
		expect(found.servers).toEqual(["10.1.0.53"]);
		expect(found.options).toEqual(["edns0"]);
		expect(found.search).toEqual(["example.net"]);
		expect(found.source).toContain(path.split("/").slice(0, 4).join("/"));
	});

	test("any loopback, and the host's own address, is a stub", () => {
		for (const server of ["127.0.0.1", "127.1.2.3", "::1", "192.0.2.10"]) {
			const found = resolve(
				{
					"/etc/resolv.conf": `nameserver ${server}\n`,
					"/run/NetworkManager/resolv.conf": "nameserver 10.1.0.53\n",
				},
				["192.0.2.10"],
			);
			expect(found.servers).toEqual(["10.1.0.53"]);
		}
	});

	test("nothing of the host's files drives a terminal", () => {
		const found = resolve({
			"/etc/resolv.conf": "nameserver fe80::1%\u001b[31m\noptions \u001b[1m\nsearch \u001b[1m\n",
			"/var/lib/dhcp/\u001b[2J.leases":
				'lease {\n interface "e";\n option domain-name-servers 10.1.0.53;\n}\n',
		});
		expect(found.servers).toEqual(["10.1.0.53"]);
		expect(JSON.stringify(found)).not.toContain("u001b");
	});

	test("public ones are the last resort, and named as such", () => {
		const found = resolve({ "/etc/resolv.conf": stub });
		expect(found).toMatchObject({ servers: ["1.1.1.1", "9.9.9.9"], source: "public resolvers" });
	});
});

describe("leases", () => {
	test("the address that dhclient got last, and those of IPv6", () => {
		const [lease] = readLeases(
			raw({
				"/var/lib/dhcp/dhclient6.leases":
					'lease6 {\n interface "e";\n ia-na 1 { iaaddr 2001:db8::7 { starts 1; } }\n option dhcp6.name-servers 2001:db8::35;\n option dhcp6.domain-search "example.net.";\n}\n',
			}),
		);
		expect(lease).toMatchObject({ addresses: ["2001:db8::7"], servers: ["2001:db8::35"] });
	});

	test.each([0, 10, 240, 243, 250])("a packet of dhcpcd cut to %i bytes is no error", (length) => {
		expect(() =>
			readLeases(raw({ "/var/lib/dhcpcd/x.lease": dhcpAck().subarray(0, length) })),
		).not.toThrow();
	});
});

/** A DHCPACK as RFC 2131 lays it out. */
function dhcpAck(): Uint8Array {
	const packet = new Uint8Array(260);
	packet.set([10, 1, 0, 9], 16);
	packet.set([99, 130, 83, 99, 0, 53, 1, 5, 6, 4, 10, 1, 0, 53, 255], 236);
	return packet;
}
