import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import {
	DumpParser,
	decodeDump,
	decodeSnapshot,
	encodeMessage,
	type ObjectKind,
	readSnapshot,
	type Snapshot,
} from "../../src/netlink/index.ts";
import { compareWithIp } from "../support/ip-json/compare.ts";
import type { Recording } from "../support/netlink/record.ts";
import { dumpOf, listOf } from "./build.ts";

// Answers of Debian's kernels to our requests, and what ip printed of the same networks.
const folder = new URL("../../fixtures/netlink/", import.meta.url);
const read = (path: string): Buffer => readFileSync(fileURLToPath(new URL(path, folder)));
const slug = (name: string) =>
	name
		.toLowerCase()
		.replace(/[^a-z0-9]+/g, "-")
		.replace(/^-|-$/g, "");

const listed = {
	link: "links",
	bridgeLink: "bridgeLinks",
	address: "addresses",
	route: "routes",
	rule: "rules",
	nexthop: "nexthops",
	neighbour: "neighbours",
} as const satisfies Record<ObjectKind, keyof Snapshot>;
const kinds = Object.keys(listed) as ObjectKind[];

/** Where an object, or anything in it, keeps attributes that no table has. */
function unknownIn(value: unknown, path: string): string[] {
	if (typeof value !== "object" || value === null || value instanceof Uint8Array) return [];
	return Object.entries(value).flatMap(([name, member]) =>
		name === "unknown"
			? (member as { type: number; name?: string }[]).map(
					(each) => `${path}: ${each.type} ${each.name}`,
				)
			: unknownIn(member, `${path}.${name}`),
	);
}

const compared = new Set<string>();

describe.each(["debian-6.1", "debian-6.12"])("%s", (kernel) => {
	const recordings = JSON.parse(gunzipSync(read(`${kernel}/ip.json.gz`)).toString()) as Recording[];

	describe.each(recordings.map((each) => [each.name, each] as const))(
		"%s",
		(name, { ip, refused }) => {
			const raw = readSnapshot(read(`${kernel}/${slug(name)}.netlink`));
			const snapshot = decodeSnapshot(raw);

			test("was built as its commands say, and read while nothing changed", () => {
				expect(refused).toEqual([]);
				expect(snapshot.unstable).toEqual([]);
				expect(snapshot.others).toEqual([]);
			});

			test("agrees with ip -json -details in every field that both have", () => {
				const { differences, fields } = compareWithIp(snapshot, ip);
				expect(differences).toEqual([]);
				for (const field of fields) compared.add(field);
			});

			test("has no attribute that is not in the tables", () => {
				expect(kinds.flatMap((kind) => unknownIn(snapshot[listed[kind]], kind))).toEqual([]);
			});

			test.each(["little", "big"] as const)(
				"is the same when written again, %s-endian",
				(endian) => {
					for (const kind of kinds) {
						const objects = snapshot[listed[kind]] as readonly never[];
						expect(listOf(kind, decodeDump(dumpOf(kind, objects, endian)))).toEqual(objects);
					}
				},
			);

			test("is the same byte by byte", () => {
				for (const { bytes } of Object.values(raw)) {
					const objects: unknown[] = [];
					const parser = new DumpParser({
						object: (_, object) => objects.push(object),
						other: () => expect.fail(),
					});
					for (const byte of bytes) parser.push(Uint8Array.of(byte));
					parser.end();
					const decoded = decodeDump(bytes);
					expect(objects).toEqual(kinds.flatMap((kind) => listOf(kind, decoded)));
				}
			});
		},
	);
});

describe("big-endian", () => {
	const files = readdirSync(new URL("big-endian/", folder));

	test.each(files)("%s tells the same as the little-endian recording", (file) => {
		const [name = "", list = ""] = file.split(".");
		const snapshot = decodeSnapshot(readSnapshot(read(`debian-6.1/${name}.netlink`)));
		const decoded = decodeDump(read(`big-endian/${file}`));
		expect(decoded[list as "links"]).toEqual(snapshot[list as "links"]);
		expect(decoded[list as "links"].length).toBeGreaterThan(0);
	});
});

test("these are the fields in which we and ip agree", async () => {
	await expect(`${[...compared].sort().join("\n")}\n`).toMatchFileSnapshot("fields.txt");
});

test("a recorded route is written as the kernel told it, but for the order of attributes", () => {
	const raw = readSnapshot(read("debian-6.1/multipath-nexthop-objects-groups.netlink"));
	const { routes } = decodeSnapshot(raw);
	const ofKernel = raw.routes?.bytes ?? new Uint8Array();
	const ways = routes.filter((route) => route.multipath !== undefined);
	expect(ways.length).toBeGreaterThan(3);
	for (const route of ways) {
		const written = Buffer.from(encodeMessage("route", route, { endian: "little" }));
		const way = written.subarray(written.indexOf(Buffer.from([9, 0]), 28) - 2);
		const multipath = way.subarray(0, way.readUInt16LE(0));
		expect(Buffer.from(ofKernel).includes(multipath)).toBe(true);
	}
});
