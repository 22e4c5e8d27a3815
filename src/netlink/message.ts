import type { Endian } from "../bytes/index.ts";
import {
	type CompiledSet,
	type CompiledStruct,
	compileSet,
	compileStruct,
	type Draft,
} from "./attributes.ts";
import { damaged } from "./error.ts";
import type { SetTable, StructTable } from "./layout.ts";
import { hostEndian, type Reader } from "./reader.ts";
import { Shapes } from "./shape.ts";
import { addressAttributes, addressHeader } from "./tables/address.ts";
import { bridgeLinkAttributes, families, linkAttributes, linkHeader } from "./tables/link.ts";
import { neighbourAttributes, neighbourHeader } from "./tables/neighbour.ts";
import { nexthopAttributes, nexthopHeader } from "./tables/nexthop.ts";
import { routeAttributes, routeHeader, tables } from "./tables/route.ts";
import { ruleAttributes, ruleHeader } from "./tables/rule.ts";
import type { Address, BridgeLink, Link, Neighbour, Nexthop, Route, Rule } from "./types.ts";
import { Writer } from "./writer.ts";

/** The kinds of object, and the type of each. */
export interface Objects {
	link: Link;
	bridgeLink: BridgeLink;
	address: Address;
	route: Route;
	rule: Rule;
	nexthop: Nexthop;
	neighbour: Neighbour;
}

export type ObjectKind = keyof Objects;

/** NLMSG_* below 16, RTM_* above: enum of linux/rtnetlink.h. A family has NEW, DEL, GET and SET in that order. */
export const messageTypes = {
	noop: 1,
	error: 2,
	done: 3,
	overrun: 4,
	newLink: 16,
	getLink: 18,
	newAddress: 20,
	getAddress: 22,
	newRoute: 24,
	getRoute: 26,
	newNeighbour: 28,
	getNeighbour: 30,
	newRule: 32,
	getRule: 34,
	newNexthop: 104,
	getNexthop: 106,
} as const;

/** NLM_F_* of linux/netlink.h. The upper byte means one thing in requests to get, another in those to make. */
export const messageFlags = {
	request: 0x1,
	multi: 0x2,
	ack: 0x4,
	echo: 0x8,
	dumpInterrupted: 0x10,
	dumpFiltered: 0x20,
	dump: 0x300,
	replace: 0x100,
	exclusive: 0x200,
	create: 0x400,
	append: 0x800,
	capped: 0x100,
	ackTlvs: 0x200,
} as const;

/** struct nlmsghdr of linux/netlink.h: the length counts the header, not the padding to four. */
export const messageHeader = {
	length: "u32",
	type: "u16",
	flags: "u16",
	sequence: "u32",
	port: "u32",
} as const;
/** Bytes of struct nlmsghdr. */
export const messageHeaderSize = 16;

interface Layout {
	readonly kind: ObjectKind;
	readonly type: number;
	readonly header: CompiledStruct;
	readonly set: CompiledSet;
	readonly shapes: Shapes;
	/** What the header says where an attribute of the same name says it in full. */
	readonly narrow: (draft: Draft) => Draft;
}

// rtm_table, fib_rule_hdr.table: RT_TABLE_COMPAT for tables that do not fit (net/ipv4/fib_semantics.c, net/core/fib_rules.c).
const narrowTable = (draft: Draft): Draft =>
	Number(draft.table) > 255 ? { ...draft, table: tables.compat } : draft;
// ifa_flags: the lower eight bits (net/ipv4/devinet.c).
const narrowFlags = (draft: Draft): Draft => ({ ...draft, flags: Number(draft.flags ?? 0) % 256 });

function layout(
	kind: ObjectKind,
	type: number,
	header: StructTable,
	attributes: SetTable,
	narrow: (draft: Draft) => Draft = (draft) => draft,
): Layout {
	const compiledHeader = compileStruct(header);
	const set = compileSet(attributes);
	const shapes = new Shapes(compiledHeader, set.rows);
	return { kind, type, header: compiledHeader, set, shapes, narrow };
}

const layouts: Readonly<Record<ObjectKind, Layout>> = {
	link: layout("link", messageTypes.newLink, linkHeader, linkAttributes),
	bridgeLink: layout("bridgeLink", messageTypes.newLink, linkHeader, bridgeLinkAttributes),
	address: layout(
		"address",
		messageTypes.newAddress,
		addressHeader,
		addressAttributes,
		narrowFlags,
	),
	route: layout("route", messageTypes.newRoute, routeHeader, routeAttributes, narrowTable),
	rule: layout("rule", messageTypes.newRule, ruleHeader, ruleAttributes, narrowTable),
	nexthop: layout("nexthop", messageTypes.newNexthop, nexthopHeader, nexthopAttributes),
	neighbour: layout("neighbour", messageTypes.newNeighbour, neighbourHeader, neighbourAttributes),
};

const layoutOfType = new Map(
	Object.values(layouts)
		.filter(({ kind }) => kind !== "bridgeLink")
		.map((each) => [each.type, each]),
);

/** The kind of object in a message of this type and family, or undefined for types that have no table here. */
export function kindOf(type: number, family: number): ObjectKind | undefined {
	if (type === messageTypes.newLink && family === families.bridge) return "bridgeLink";
	return layoutOfType.get(type)?.kind;
}

/** Reads the object whose fixed header begins at `at` and whose attributes end at `end`. */
export function readObject<K extends ObjectKind>(
	kind: K,
	reader: Reader,
	at: number,
	end: number,
): Objects[K] {
	const { header, set, shapes } = layouts[kind];
	if (end - at < header.size) {
		throw damaged("NETLINK_MESSAGE", "message is shorter than its fixed header", {
			where: reader.where,
			offset: reader.base + at,
			field: kind,
			expected: `${header.size} bytes`,
			found: `${end - at} bytes`,
		});
	}
	const draft = shapes.begin(reader, at, end);
	// All fixed headers begin with the family.
	reader.family = reader.bytes[at] ?? 0;
	set.read(draft, reader, at + header.size, end, 0);
	return draft as unknown as Objects[K];
}

/** What a message says besides its object. */
export interface MessageOptions {
	/** Byte order of the receiver; that of this machine unless told. */
	readonly endian?: Endian;
	/** Number of the message; that of the kind's RTM_NEW… unless told. */
	readonly type?: number;
	/** NLM_F_*; none unless told. */
	readonly flags?: number;
	readonly sequence?: number;
	readonly port?: number;
}

const headerLayout = compileStruct(messageHeader);

/**
 * Writes one object as a whole message: struct nlmsghdr, fixed header, attributes in the order of their numbers,
 * unknown ones last, as they came. Members left out of the header are zero. Throws `NETLINK_VALUE` for a value
 * that its field cannot hold.
 */
export function encodeMessage<K extends ObjectKind>(
	kind: K,
	object: Partial<Objects[K]>,
	options: MessageOptions = {},
): Uint8Array<ArrayBuffer> {
	const { header, set, narrow, type } = layouts[kind];
	const draft = object as Draft;
	return frame(options.type ?? type, options, (writer) => {
		header.write(writer, narrow(draft), kind);
		set.write(writer, draft, kind);
	});
}

/** Writes a message around what `body` writes. */
export function frame(
	type: number,
	options: MessageOptions,
	body: (writer: Writer) => void,
): Uint8Array<ArrayBuffer> {
	const writer = new Writer(options.endian ?? hostEndian);
	headerLayout.write(
		writer,
		{
			type,
			flags: options.flags ?? 0,
			sequence: options.sequence ?? 0,
			port: options.port ?? 0,
		},
		"nlmsghdr",
	);
	body(writer);
	writer.view.setUint32(0, writer.length, writer.little);
	writer.align();
	return writer.finish();
}
