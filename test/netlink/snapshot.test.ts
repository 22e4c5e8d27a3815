import { describe, expect, test } from "vitest";
import { EkexecError } from "../../src/bytes/index.ts";
import {
	decodeSnapshot,
	dumpNames,
	dumpRequest,
	groupMask,
	type RawSnapshot,
	readSnapshot,
	writeSnapshot,
} from "../../src/netlink/index.ts";
import { Build, dumpOf } from "./build.ts";

const empty = new Build().done().bytes;
const raw = (bytes: Uint8Array, stable = true) => ({ bytes, stable });

describe("decodeSnapshot", () => {
	test("sorts the objects of all dumps", () => {
		const snapshot = decodeSnapshot({
			links: raw(dumpOf("link", [{ family: 0, type: 1, index: 3, flags: 1, change: 0 }])),
			bridgeLinks: raw(
				dumpOf("bridgeLink", [{ family: 7, type: 1, index: 3, flags: 1, change: 0 }]),
			),
			neighbours: raw(
				dumpOf("neighbour", [{ family: 2, ifindex: 3, state: 0x80, flags: 0, type: 1 }]),
			),
			proxies: raw(dumpOf("neighbour", [{ family: 2, ifindex: 3, state: 0, flags: 8, type: 1 }])),
		});
		expect(snapshot.links).toHaveLength(1);
		expect(snapshot.bridgeLinks).toHaveLength(1);
		expect(snapshot.neighbours.map(({ flags }) => flags)).toEqual([0, 8]);
		expect(snapshot.absent).toEqual(["addresses", "nexthops", "routes", "rules"]);
		expect(snapshot.unstable).toEqual([]);
	});

	test("what this kernel does not know is absent; any other error is one", () => {
		for (const errno of [93, 95, 97]) {
			expect(decodeSnapshot({ nexthops: raw(new Build().done(errno).bytes) }).absent).toContain(
				"nexthops",
			);
		}
		expect(() =>
			decodeSnapshot({ nexthops: raw(new Build().done(1).bytes) }, { where: "db1" }),
		).toThrow("db1: nexthops: the kernel answered EPERM");
	});

	test("torn dumps are named, whoever noticed", () => {
		const torn = new Build().message(3, 0x12, (body) => body.u32(0)).bytes;
		expect(
			decodeSnapshot({ links: raw(torn), routes: raw(empty, false), rules: raw(empty) }).unstable,
		).toEqual(["links", "routes"]);
	});

	test("routes are handed over one by one to who wants them so, with the links they name", () => {
		const route = { family: 2, dstLen: 0, srcLen: 0, tos: 0, table: 254, protocol: 2, scope: 0 };
		const seen: [number, number][] = [];
		const snapshot = decodeSnapshot(
			{
				routes: raw(
					dumpOf("route", [
						{ ...route, type: 1, flags: 0 },
						{ ...route, type: 6, flags: 0x200 },
						{ ...route, type: 7, flags: 0 },
					]),
				),
				links: raw(dumpOf("link", [{ family: 0, type: 1, index: 3, flags: 1, change: 0 }])),
			},
			{ onRoute: ({ type }, links) => seen.push([type, links.length]) },
		);
		expect(seen).toEqual([
			[1, 1],
			[7, 1],
		]);
		expect(snapshot.routes).toEqual([]);
	});

	test("routes of the cache are left out, as ip leaves them out", () => {
		const route = { family: 10, dstLen: 0, srcLen: 0, tos: 0, table: 254, protocol: 2, scope: 0 };
		const dump = dumpOf("route", [
			{ ...route, type: 1, flags: 0x4 },
			{ ...route, type: 1, flags: 0x200 },
			{ ...route, type: 1, flags: 0x1000 },
		]);
		expect(decodeSnapshot({ routes: raw(dump) }).routes.map(({ flags }) => flags)).toEqual([
			0x4, 0x1000,
		]);
	});
});

describe("a file of raw dumps", () => {
	const whole: RawSnapshot = { links: raw(Uint8Array.of(1, 2, 3)), routes: raw(empty, false) };
	const file = writeSnapshot(whole);

	test("is read back", () => {
		expect(readSnapshot(file)).toEqual(whole);
		expect(readSnapshot(writeSnapshot({}))).toEqual({});
	});

	test("cut off within a dump it is refused", () => {
		for (let length = 0; length < file.length; length++) {
			// Behind the head, and behind the first dump, nothing tells that there was more.
			if (length === 16 || length === 16 + 1 + 5 + 5 + 3) continue;
			expect(() => readSnapshot(file.subarray(0, length))).toThrow(EkexecError);
		}
	});

	test.each([
		["magic", 0, 0x58],
		["version", 15, 2],
		["name", 17, 0x58],
	])("with another %s it is refused", (field, at, byte) => {
		const damaged = Uint8Array.from(file);
		damaged[at] = byte;
		expect(() => readSnapshot(damaged, "dumps.bin")).toThrow(
			expect.objectContaining({
				code: "NETLINK_CONTAINER",
				details: expect.objectContaining({ where: "dumps.bin", field }),
			}),
		);
	});

	test("with a dump twice it is refused", () => {
		const twice = Buffer.concat([file, file.subarray(16, 16 + 1 + 5 + 5 + 3)]);
		expect(() => readSnapshot(twice)).toThrow("each dump once");
	});
});

describe("requests", () => {
	test.each([
		["links", 18, 16, "00", "08001d0008000000"],
		["bridgeLinks", 18, 16, "07", "08001d0004000000"],
		["addresses", 22, 8, "00", ""],
		["nexthops", 106, 8, "00", ""],
		["routes", 26, 12, "00", ""],
		["rules", 34, 12, "00", ""],
		["neighbours", 30, 12, "00", ""],
		["proxies", 30, 12, "0000000000000000000008", ""],
	] as const)(
		"%s: type %i, header of %i bytes, all zero but %s",
		(name, type, size, start, rest) => {
			const expected = new Build().message(
				type,
				0x301,
				(body) => body.u8(...Buffer.from(start.padEnd(2 * size, "0") + rest, "hex")),
				{
					sequence: 5,
					port: 0,
				},
			).bytes;
			expect(dumpRequest(name, { sequence: 5, endian: "little" })).toEqual(expected);
		},
	);

	test("all dumps are asked for", () => {
		expect([...dumpNames].sort()).toEqual([
			...["addresses", "bridgeLinks", "links", "neighbours", "nexthops", "proxies", "routes"],
			"rules",
		]);
	});

	test("groups of changes as bits of nl_groups", () => {
		expect(groupMask("routes")).toBe(0x440);
		expect(groupMask("nexthops")).toBe(0x8000_0000);
		expect(groupMask("neighbours")).toBe(0);
	});
});
