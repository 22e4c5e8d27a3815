import fc, { type Arbitrary } from "fast-check";
import { showBytes, utf8 } from "../../src/bytes/index.ts";
import type { ObjectKind, Objects } from "../../src/netlink/index.ts";
import { showIp } from "../../src/netlink/index.ts";
import {
	kindSets,
	sets,
	slaveSets,
	structs,
	tableOfKind,
	tableOfSlave,
} from "../../src/netlink/registry.ts";
import { addressAttributes, addressHeader } from "../../src/netlink/tables/address.ts";
import { bridgeLinkAttributes, linkAttributes, linkHeader } from "../../src/netlink/tables/link.ts";
import { neighbourAttributes, neighbourHeader } from "../../src/netlink/tables/neighbour.ts";
import { nexthopAttributes, nexthopHeader } from "../../src/netlink/tables/nexthop.ts";
import { hopHeader, routeAttributes, routeHeader } from "../../src/netlink/tables/route.ts";
import { ruleAttributes, ruleHeader } from "../../src/netlink/tables/rule.ts";

// Objects made from the tables themselves: every row of every table is written and read in the property tests.

const bytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const mac = (bytes: Uint8Array) =>
	Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
const ip = fc.oneof(bytes(4), bytes(16)).map((address) => showIp(address, 0, address.length));
const u32 = fc.oneof(fc.constantFrom(0, 0xffff_ffff), fc.integer({ min: 0, max: 0xffff_ffff }));
// What is shown as it is: all else is escaped by those who read it.
const text = fc
	.string({ unit: "grapheme", maxLength: 15 })
	.filter((said) => showBytes(utf8(said)) === said);

const scalar: Readonly<Record<string, Arbitrary<unknown>>> = {
	u8: fc.integer({ min: 0, max: 255 }),
	u16: fc.integer({ min: 0, max: 65535 }),
	u16be: fc.integer({ min: 0, max: 65535 }),
	u32,
	u32be: u32,
	i32: fc.integer(),
	u64: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
	u64be: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
	weight8: fc.integer({ min: 1, max: 256 }),
	weight16: fc.integer({ min: 1, max: 65536 }),
	mac6: bytes(6).map(mac),
	flag: fc.constant(true),
	ip,
	mac: bytes(0, 20).map(mac),
	text,
	name: text,
	bytes: bytes(0, 9),
	via: fc.record({ family: fc.constantFrom(2, 10), address: ip }),
};

type Rows = Readonly<Record<string, readonly [number, string, "many"?]>>;

function value(name: string): Arbitrary<unknown> {
	const known = scalar[name];
	if (known !== undefined) return known;
	if (name === "hops") return fc.array(hop, { maxLength: 3 });
	if (name.endsWith("[]") || name.endsWith("<>")) {
		return fc.array(value(name.slice(0, -2)), { maxLength: 4 });
	}
	if (name === "linkInfo") return linkInfo;
	const table = (sets as unknown as Record<string, Rows>)[name];
	if (table !== undefined && Array.isArray(Object.values(table)[0])) return set(table);
	return struct(
		(structs as unknown as Record<string, Readonly<Record<string, string>>>)[name] ?? {},
	);
}

function struct(table: Readonly<Record<string, string>>): Arbitrary<Record<string, unknown>> {
	const members = Object.entries(table).filter(([name]) => !name.startsWith("_"));
	return fc.record(Object.fromEntries(members.map(([name, kind]) => [name, value(kind)])));
}

function set(table: Rows, without: readonly string[] = []): Arbitrary<Record<string, unknown>> {
	const rows = Object.entries(table).filter(
		([name]) => !name.startsWith("_") && !without.includes(name),
	);
	const model = Object.fromEntries(
		rows.map(([name, [, kind, many]]) => [
			name,
			many === "many" ? fc.array(value(kind), { minLength: 1, maxLength: 3 }) : value(kind),
		]),
	);
	return fc.record(model, { requiredKeys: [] });
}

const hop: Arbitrary<unknown> = fc
	.tuple(struct(hopHeader), set(routeAttributes, ["multipath"]))
	.map(([header, rest]) => ({ ...header, ...rest }));

const linkInfo: Arbitrary<unknown> = fc
	.tuple(
		fc.option(fc.constantFrom(...Object.keys(tableOfKind), "dummy"), { nil: undefined }),
		fc.option(fc.constantFrom(...Object.keys(tableOfSlave)), { nil: undefined }),
	)
	.chain(([kind, slaveKind]) => {
		const data = kind === undefined ? undefined : tableOfKind[kind];
		const slave = slaveKind === undefined ? undefined : tableOfSlave[slaveKind];
		return fc.record(
			{
				...(kind === undefined ? {} : { kind: fc.constant(kind) }),
				...(slaveKind === undefined ? {} : { slaveKind: fc.constant(slaveKind) }),
				...(data === undefined ? {} : { [data]: set(kindSets[data]) }),
				...(slave === undefined ? {} : { [slave]: set(slaveSets[slave]) }),
			},
			{ requiredKeys: [...(kind ? ["kind"] : []), ...(slaveKind ? ["slaveKind"] : [])] as never[] },
		);
	});

const unknown = fc.record({
	type: fc.integer({ min: 200, max: 0x3fff }),
	flags: fc.constantFrom(0, 0x4000, 0x8000, 0xc000),
	payload: bytes(0, 12),
});

/** Header, attributes that beat it, and attributes of no table. */
function message(header: Readonly<Record<string, string>>, table: Rows, family: Arbitrary<number>) {
	return fc
		.tuple(
			struct(header),
			set(table),
			family,
			fc.option(fc.array(unknown, { minLength: 1, maxLength: 2 }), { nil: undefined }),
		)
		.map(([head, rest, family, strange]) => ({
			...head,
			...rest,
			family,
			...(strange === undefined ? {} : { unknown: strange }),
		}));
}

const anyFamily = fc.constantFrom(2, 10);

/** One object of a kind, with any of its rows. */
export const objects: { readonly [K in ObjectKind]: Arbitrary<Objects[K]> } = {
	link: message(linkHeader, linkAttributes, fc.constant(0)) as never,
	bridgeLink: message(linkHeader, bridgeLinkAttributes, fc.constant(7)) as never,
	address: message(addressHeader, addressAttributes, anyFamily) as never,
	route: message(routeHeader, routeAttributes, anyFamily) as never,
	rule: message(ruleHeader, ruleAttributes, anyFamily) as never,
	nexthop: message(nexthopHeader, nexthopAttributes, anyFamily) as never,
	neighbour: message(neighbourHeader, neighbourAttributes, anyFamily) as never,
};
