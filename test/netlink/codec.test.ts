import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeDump, encodeMessage, type ObjectKind } from "../../src/netlink/index.ts";
import { objects } from "./arbitrary.ts";
import { Build, dumpOf, listOf } from "./build.ts";

const kinds = Object.keys(objects) as ObjectKind[];

describe.each(["little", "big"] as const)("%s-endian", (endian) => {
	test.each(kinds)("a %s with any of its attributes is written and read back", (kind) => {
		fc.assert(
			fc.property(fc.array<unknown>(objects[kind], { maxLength: 2 }), (list) => {
				const decoded = decodeDump(dumpOf(kind, list as never, endian));
				expect(listOf(kind, decoded)).toEqual(list);
			}),
			{ numRuns: 40 },
		);
	});

	test("a route with two ways, one of another family, byte by byte", () => {
		const bytes = new Build(endian)
			.message(24, 2, (body) =>
				body
					.u8(2, 16, 0, 0, 252, 4, 0, 1)
					.u32(0)
					.attribute(15, (a) => a.u32(70_000))
					.attribute(1, (a) => a.u8(10, 2, 0, 0))
					.attribute(6, (a) => a.u32(4_000_000_000))
					.attribute(9, (a) =>
						a
							.u16(16)
							.u8(4, 2)
							.u32(3)
							.attribute(5, (gateway) => gateway.u8(192, 0, 2, 2))
							.u16(8 + 4 + 18 + 2)
							.u8(0, 255)
							.u32(4)
							.attribute(18, (via) => via.u16(10).u8(0xfe, 0x80, ...new Array(13).fill(0), 1)),
					)
					.attribute(0x8008, (a) => a.attribute(2, (mtu) => mtu.u32(1400))),
			)
			.done().bytes;
		expect(decodeDump(bytes).routes).toEqual([
			{
				family: 2,
				dstLen: 16,
				srcLen: 0,
				tos: 0,
				table: 70_000,
				protocol: 4,
				scope: 0,
				type: 1,
				flags: 0,
				dst: "10.2.0.0",
				priority: 4_000_000_000,
				multipath: [
					{ flags: 4, weight: 3, ifindex: 3, gateway: "192.0.2.2" },
					{ flags: 0, weight: 256, ifindex: 4, via: { family: 10, address: "fe80::1" } },
				],
				metrics: { mtu: 1400 },
			},
		]);
	});

	test("ports, VLAN protocols and tunnel keys are in network order whatever the machine's", () => {
		const bytes = new Build(endian)
			.message(16, 2, (body) =>
				body
					.u8(0, 0)
					.u16(1)
					.u32(5)
					.u32(0)
					.u32(0)
					.attribute(18, (info) =>
						info
							.attribute(1, (kind) => kind.text("vlan\0"))
							.attribute(0x8002, (data) =>
								data
									.attribute(1, (id) => id.u16(7))
									.attribute(5, (protocol) => protocol.u8(0x81, 0)),
							),
					),
			)
			.done().bytes;
		expect(decodeDump(bytes).links[0]?.linkinfo).toEqual({
			kind: "vlan",
			vlan: { id: 7, protocol: 0x8100 },
		});
	});
});

const addressMessage = (attributes: (body: Build) => void): Uint8Array =>
	new Build()
		.message(20, 2, (body) => {
			body.u8(2, 24, 0x80, 0).u32(3);
			attributes(body);
		})
		.done().bytes;

describe("attributes", () => {
	test("NLA_F_NET_BYTEORDER turns the order of its integer, and of no other", () => {
		const bytes = addressMessage((body) =>
			body.attribute(0x4009, (a) => a.u8(0, 0, 0, 77)).attribute(10, (a) => a.u8(5, 0, 0, 0)),
		);
		expect(decodeDump(bytes).addresses[0]).toMatchObject({ rtPriority: 77, targetNetnsid: 5 });
	});

	test("IFA_FLAGS beats the header's eight bits, in both directions", () => {
		const flags = 0x280;
		const [address] = decodeDump(
			addressMessage((body) => body.attribute(8, (a) => a.u32(flags))),
		).addresses;
		expect(address?.flags).toBe(flags);
		const written = encodeMessage("address", { ...address }, { endian: "little" });
		expect(written[16 + 2]).toBe(0x80);
		expect([...written.subarray(24)]).toEqual([8, 0, 8, 0, 0x80, 2, 0, 0]);
	});

	test("a table above 255 is RT_TABLE_COMPAT in the header", () => {
		const written = encodeMessage("route", { family: 2, table: 1000 }, { endian: "little" });
		expect(written[16 + 4]).toBe(252);
	});

	test("one without a row is kept as it came, with its flags, and written again", () => {
		const bytes = addressMessage((body) =>
			body.attribute(0xc000 + 999, (a) => a.u8(1, 2, 3)).attribute(998, () => undefined),
		);
		const [address] = decodeDump(bytes).addresses;
		expect(address?.unknown).toEqual([
			{ type: 999, flags: 0xc000, payload: Uint8Array.of(1, 2, 3) },
			{ type: 998, flags: 0, payload: new Uint8Array() },
		]);
		const again = encodeMessage("address", { ...address }, { endian: "little" });
		expect([...again.subarray(32)]).toEqual([7, 0, 0xe7, 0xc3, 1, 2, 3, 0, 4, 0, 0xe6, 3]);
	});

	test("one of another length than its row's is kept by name, not guessed at", () => {
		const bytes = addressMessage((body) =>
			body.attribute(9, (a) => a.u8(1, 2)).attribute(3, (a) => a.text("eth0\0")),
		);
		const [address] = decodeDump(bytes).addresses;
		expect(address).not.toHaveProperty("rtPriority");
		expect(address).toMatchObject({
			label: "eth0",
			unknown: [{ type: 9, name: "rtPriority", payload: Uint8Array.of(1, 2) }],
		});
	});

	test("objects of one shape do not take over each other's header, nor its byte order", () => {
		const route = (endian: "little" | "big", flags: number) =>
			new Build(endian).message(24, 2, (body) =>
				body
					.u8(2, 0, 0, 0, 254, 4, 0, 1)
					.u32(flags)
					.attribute(4, (a) => a.u32(7)),
			).bytes;
		const flagsOf = (endian: "little" | "big", ...all: number[]) =>
			decodeDump(
				Buffer.concat([
					...all.map((flags) => route(endian, flags)),
					new Build(endian).done().bytes,
				]),
			).routes.map(({ flags, oif }) => [flags, oif]);
		const [a, b] = [0x0400_0000, 0x0000_0004];
		expect(flagsOf("little", a, a, b, a)).toEqual([a, a, b, a].map((flags) => [flags, 7]));
		expect(flagsOf("big", b, b, a)).toEqual([b, b, a].map((flags) => [flags, 7]));
		expect(flagsOf("little", a)).toEqual([[a, 7]]);
	});

	test("absent ones are absent, not undefined", () => {
		const [address] = decodeDump(addressMessage(() => undefined)).addresses;
		expect(Object.keys(address ?? {})).toEqual(["family", "prefixlen", "flags", "scope", "index"]);
	});

	test("padding is neither told nor reported", () => {
		const bytes = new Build()
			.message(32, 2, (body) =>
				body
					.u8(2, 0, 0, 0, 254, 0, 0, 1)
					.u32(0)
					.attribute(18, () => undefined)
					.attribute(12, (a) => a.u8(0, 0, 0, 0, 0, 0, 0, 77)),
			)
			.done().bytes;
		const [rule] = decodeDump(bytes).rules;
		expect(rule?.tunId).toBe(77n);
		expect(rule).not.toHaveProperty("unknown");
	});

	test("data before its kind is decoded all the same; of an unknown kind it stays raw", () => {
		const link = (kind: string) =>
			new Build()
				.message(16, 2, (body) =>
					body
						.u8(0, 0)
						.u16(1)
						.u32(5)
						.u32(0)
						.u32(0)
						.attribute(18, (info) =>
							info
								.attribute(2, (data) => data.attribute(1, (table) => table.u32(9)))
								.attribute(1, (name) => name.text(`${kind}\0`)),
						),
				)
				.done().bytes;
		expect(decodeDump(link("vrf")).links[0]?.linkinfo).toEqual({ kind: "vrf", vrf: { table: 9 } });
		for (const kind of ["batadv", "__proto__", "constructor", "data"]) {
			expect(decodeDump(link(kind)).links[0]?.linkinfo).toEqual({
				kind,
				data: Uint8Array.of(8, 0, 1, 0, 9, 0, 0, 0),
			});
		}
	});

	test("names are bytes: what is no UTF-8 can be read back", () => {
		const bytes = addressMessage((body) => body.attribute(3, (a) => a.u8(0x65, 0xff, 0x5c, 0)));
		const [address] = decodeDump(bytes).addresses;
		expect(address?.label).toBe("e\\xff\\\\");
		expect([...encodeMessage("address", { ...address }).subarray(24, 32)]).toEqual([
			8, 0, 3, 0, 0x65, 0xff, 0x5c, 0,
		]);
	});

	test.each([
		["shorter than its header", [3, 0, 1, 0]],
		["longer than the message", [9, 0, 1, 0, 1, 2, 3, 4]],
		["followed by stray bytes", [4, 0, 0xe7, 3, 1, 2, 3]],
	])("one that is %s is refused, with its place", (_, raw) => {
		const bytes = addressMessage((body) => body.u8(...raw));
		expect(() => decodeDump(bytes, { where: "addresses" })).toThrow(
			expect.objectContaining({
				code: "NETLINK_ATTRIBUTE",
				kind: "check",
				details: expect.objectContaining({ where: "addresses", field: "nla_len" }),
			}),
		);
	});

	test("a way that does not fit into its route is refused", () => {
		const route = (length: number) =>
			new Build()
				.message(24, 2, (body) =>
					body
						.u8(2, 0, 0, 0, 254, 4, 0, 1)
						.u32(0)
						.attribute(9, (a) => a.u16(length).u8(0, 0).u32(3)),
				)
				.done().bytes;
		expect(decodeDump(route(8)).routes[0]?.multipath).toHaveLength(1);
		for (const length of [0, 7, 9, 65535]) {
			expect(() => decodeDump(route(length))).toThrow("nexthop does not fit into what holds it");
		}
	});
});

describe("writing", () => {
	test.each([
		["table", { table: -1 }],
		["table", { table: 2 ** 32 }],
		["dst", { dst: "10.0.0.0/8" }],
		["priority", { priority: 1.5 }],
		["multipath", { multipath: [{ flags: 0, weight: 257, ifindex: 1 }] }],
		["multipath", { multipath: [{ flags: 0, weight: 0, ifindex: 1 }] }],
		["metrics.ccAlgo", { metrics: { ccAlgo: "a\\x00b" } }],
	])("a value that %s cannot hold is refused", (field, route) => {
		expect(() => encodeMessage("route", { family: 2, ...route })).toThrow(
			expect.objectContaining({
				code: "NETLINK_VALUE",
				kind: "usage",
				details: expect.objectContaining({ field: expect.stringContaining(field) }),
			}),
		);
	});

	test("a payload beyond 65535 bytes is refused", () => {
		const payload = new Uint8Array(65532);
		expect(() => encodeMessage("route", { family: 2, encap: payload })).toThrow("65536");
		expect(encodeMessage("route", { family: 2, encap: payload.subarray(1) })).toHaveLength(
			16 + 12 + 65536,
		);
	});
});
