import { unwritable } from "./error.ts";
import type { Hop, SetTable, StructTable, UnknownAttribute } from "./layout.ts";
import type { Reader } from "./reader.ts";
import {
	kindSets,
	type Sets,
	type Structs,
	sets,
	slaveSets,
	structs,
	tableOfKind,
	tableOfSlave,
} from "./registry.ts";
import { type Codec, scalars } from "./scalar.ts";
import { hopHeader, routeAttributes } from "./tables/route.ts";
import { Writer } from "./writer.ts";

// struct nlattr { __u16 nla_len; __u16 nla_type; } of linux/netlink.h: the length counts the header, not the padding.
const headerSize = 4;
/** NLA_F_NESTED: the payload is attributes. */
export const nestedFlag = 0x8000;
/** NLA_F_NET_BYTEORDER: integers of the payload are in network order. */
export const netByteOrderFlag = 0x4000;
/** NLA_TYPE_MASK */
const typeMask = 0x3fff;
/** Linkinfo in a message nests four deep; anything deeper than this was made to exhaust the stack. */
const deepest = 16;

/** An object under construction: members by name. */
export type Draft = Record<string, unknown>;

/** One attribute of a set. */
export interface Row {
	readonly name: string;
	readonly type: number;
	readonly many: boolean;
	readonly codec: Codec<unknown>;
	/** Right length, or −1 where more than one is. */
	readonly size: number;
	readonly fits: ((length: number) => boolean) | undefined;
}

/** A fixed layout made from a table: reads into and writes from the members of an object. */
export interface CompiledStruct {
	readonly size: number;
	readonly names: readonly string[];
	read(draft: Draft, reader: Reader, at: number): void;
	write(writer: Writer, draft: Draft, field: string): void;
}

/** A set of attributes made from a table. */
export interface CompiledSet {
	/** By number of attribute. */
	readonly rows: readonly (Row | undefined)[];
	read(draft: Draft, reader: Reader, at: number, end: number, depth: number): void;
	write(writer: Writer, draft: Draft, field: string): void;
}

/** Makes reader and writer of a fixed layout. Lengths are checked by the caller. */
export function compileStruct(table: StructTable): CompiledStruct {
	const members: { name: string; at: number; codec: Codec<unknown> }[] = [];
	const padding: { at: number; size: number }[] = [];
	let size = 0;
	for (const [name, kind] of Object.entries(table)) {
		const codec = scalars[kind as keyof typeof scalars] as Codec<unknown>;
		const width = codec.size ?? 0;
		if (name.startsWith("_")) padding.push({ at: size, size: width });
		else members.push({ name, at: size, codec });
		size += width;
	}
	return {
		size,
		names: members.map((member) => member.name),
		read(draft, reader, at) {
			for (const member of members) {
				draft[member.name] = member.codec.read(reader, at + member.at, 0, 0);
			}
		},
		write(writer, draft, field) {
			const start = writer.length;
			for (const { name, at, codec } of members) {
				writer.reserve(start + at - writer.length);
				const value = draft[name];
				if (value === undefined) writer.reserve(codec.size ?? 0);
				else codec.write(writer, value, `${field}.${name}`);
			}
			writer.reserve(start + size - writer.length);
		},
	};
}

/** Makes reader and writer of a set of attributes. */
export function compileSet(table: SetTable): CompiledSet {
	const rows: (Row | undefined)[] = [];
	const ordered: Row[] = [];
	for (const [name, [type, kind, many]] of Object.entries(table)) {
		const codec = codecOf(kind);
		const row = {
			name,
			type,
			many: many === "many",
			codec,
			size: codec.size ?? -1,
			fits: codec.fits,
		};
		rows[type] = row;
		if (!name.startsWith("_")) ordered.push(row);
	}
	ordered.sort((a, b) => a.type - b.type);
	return {
		rows,
		read: (draft, reader, at, end, depth) => readAttributes(rows, draft, reader, at, end, depth),
		write(writer, draft, field) {
			for (const row of ordered) {
				const value = draft[row.name];
				if (value === undefined) continue;
				const name = `${field}.${row.name}`;
				const flags = row.codec.nested === true ? nestedFlag : 0;
				for (const each of row.many ? asArray(value, name) : [value]) {
					writeAttribute(writer, row.type, flags, name, () => row.codec.write(writer, each, name));
				}
			}
			for (const { type, flags, payload } of (draft.unknown ?? []) as UnknownAttribute[]) {
				writeAttribute(writer, type, flags, `${field}.unknown`, () => writer.bytes(payload));
			}
		},
	};
}

function readAttributes(
	rows: readonly (Row | undefined)[],
	draft: Draft,
	reader: Reader,
	start: number,
	end: number,
	depth: number,
): void {
	if (depth > deepest) {
		reader.attributeError(
			start,
			"attributes nest too deep",
			"nlattr",
			`at most ${deepest} levels`,
			`${depth}`,
		);
	}
	const little = reader.little;
	let at = start;
	while (at < end) {
		const length = lengthAt(reader, at, end);
		const flaggedType = reader.view.getUint16(at + 2, little);
		const type = flaggedType & typeMask;
		const row = rows[type];
		const size = length - headerSize;
		if (row === undefined || !fits(row, size)) {
			keepUnknown(draft, reader, at, size, flaggedType, row);
		} else {
			if (flaggedType >= netByteOrderFlag && flaggedType % nestedFlag >= netByteOrderFlag) {
				reader.little = false;
			}
			const value = row.codec.read(reader, at + headerSize, size, depth);
			reader.little = little;
			if (row.many) append(draft, row.name, value);
			else draft[row.name] = value;
		}
		at += padded(length);
	}
}

/** Whether a payload of `size` bytes can be what the row says. */
export function fits(row: Row, size: number): boolean {
	return row.size >= 0 ? row.size === size : row.fits?.(size) !== false;
}

/** Length of the attribute at `at`, header included, within bytes that end at `end`. */
function lengthAt(reader: Reader, at: number, end: number): number {
	const length = end - at < headerSize ? 0 : reader.view.getUint16(at, reader.little);
	if (length < headerSize || at + length > end) {
		reader.attributeError(
			at,
			"attribute does not fit into what holds it",
			"nla_len",
			`${headerSize} to ${end - at}`,
			`${length}`,
		);
	}
	return length;
}

/** NLA_ALIGN: attributes begin at multiples of four. */
function padded(length: number): number {
	return length + ((4 - (length % 4)) % 4);
}

/** An attribute without a row, or of a length that its row does not know. */
function keepUnknown(
	draft: Draft,
	reader: Reader,
	at: number,
	size: number,
	flaggedType: number,
	row: Row | undefined,
): void {
	if (row?.name.startsWith("_") === true) return;
	const type = flaggedType & typeMask;
	append(draft, "unknown", {
		type,
		flags: flaggedType - type,
		payload: reader.bytes.subarray(at + headerSize, at + headerSize + size),
		...(row === undefined ? {} : { name: row.name }),
	} satisfies UnknownAttribute);
}

function append(draft: Draft, name: string, value: unknown): void {
	const list = draft[name] as unknown[] | undefined;
	if (list === undefined) draft[name] = [value];
	else list.push(value);
}

function writeAttribute(
	writer: Writer,
	type: number,
	flags: number,
	field: string,
	payload: () => void,
): void {
	const at = writer.reserve(headerSize);
	payload();
	const length = writer.length - at;
	if (length > 0xffff) throw unwritable(field, "at most 65535 bytes", length);
	writer.view.setUint16(at, length, writer.little);
	writer.view.setUint16(at + 2, type + flags, writer.little);
	writer.align();
}

function asArray(value: unknown, field: string): readonly unknown[] {
	if (!Array.isArray(value)) throw unwritable(field, "an array", value);
	return value;
}

// Codecs of names in tables, each made once and only when first asked for, since tables may nest in a circle.
const made = new Map<string, Codec<unknown>>();

function codecOf(name: string): Codec<unknown> {
	let codec = made.get(name);
	if (codec === undefined) {
		codec = makeCodec(name);
		made.set(name, codec);
	}
	return codec;
}

function makeCodec(name: string): Codec<unknown> {
	// No length fits padding, so that it is never read.
	if (name === "pad") return { fits: () => false, read: () => undefined, write() {} };
	if (name in scalars) return scalars[name as keyof typeof scalars] as Codec<unknown>;
	if (name === "hops") return hops as Codec<unknown>;
	if (name.endsWith("[]")) return rowOf(codecOf(name.slice(0, -2)));
	if (name.endsWith("<>")) return indexed(codecOf(name.slice(0, -2)));
	if (name in structs && typeof Object.values(structs[name as keyof Structs])[0] === "string") {
		return structure(structs[name as keyof Structs]);
	}
	const set = nest(sets[name as keyof Sets]);
	return name === "linkInfo" ? linkInfo(set) : set;
}

function structure(table: StructTable): Codec<unknown> {
	const layout = compileStruct(table);
	return {
		size: layout.size,
		read(reader, at) {
			const draft: Draft = {};
			layout.read(draft, reader, at);
			return draft;
		},
		write: (writer, value, field) => layout.write(writer, value as Draft, field),
	};
}

function nest(table: SetTable): Codec<unknown> {
	let set: CompiledSet | undefined;
	const compiled = () => {
		set ??= compileSet(table);
		return set;
	};
	return {
		nested: true,
		read(reader, at, length, depth) {
			const draft: Draft = {};
			compiled().read(draft, reader, at, at + length, depth + 1);
			return draft;
		},
		write: (writer, value, field) => compiled().write(writer, value as Draft, field),
	};
}

/** One element after the other, without headers. */
function rowOf(element: Codec<unknown>): Codec<unknown> {
	const size = element.size ?? 1;
	return {
		fits: (length) => length % size === 0,
		read(reader, at, length, depth) {
			const list: unknown[] = [];
			for (let i = at; i < at + length; i += size) list.push(element.read(reader, i, size, depth));
			return list;
		},
		write(writer, value, field) {
			for (const each of asArray(value, field)) element.write(writer, each, field);
		},
	};
}

/** One attribute an element; their numbers are the places in a row of slots, of which some may be empty. */
function indexed(element: Codec<unknown>): Codec<unknown> {
	return {
		nested: true,
		read(reader, at, length, depth) {
			const list: unknown[] = [];
			for (let next = at; next < at + length; ) {
				const size = lengthAt(reader, next, at + length);
				list.push(element.read(reader, next + headerSize, size - headerSize, depth + 1));
				next += padded(size);
			}
			return list;
		},
		write(writer, value, field) {
			for (const [i, each] of asArray(value, field).entries()) {
				writeAttribute(writer, i, 0, field, () => element.write(writer, each, field));
			}
		},
	};
}

const kinds: Readonly<Record<string, Codec<unknown>>> = Object.fromEntries(
	[...new Set(Object.values(tableOfKind))].map((name) => [name, nest(kindSets[name])]),
);
const slaves: Readonly<Record<string, Codec<unknown>>> = Object.fromEntries(
	[...new Set(Object.values(tableOfSlave))].map((name) => [name, nest(slaveSets[name])]),
);

/** IFLA_LINKINFO: `data` and `slaveData` are read by the table of the kind, in whatever order they came. */
function linkInfo(set: Codec<unknown>): Codec<unknown> {
	const refine = (
		draft: Draft,
		from: "data" | "slaveData",
		table: string | undefined,
		codecs: Readonly<Record<string, Codec<unknown>>>,
		reader: Reader,
		depth: number,
	) => {
		const payload = draft[from] as Uint8Array | undefined;
		const codec = table === undefined ? undefined : codecs[table];
		if (payload === undefined || table === undefined || codec === undefined) return;
		delete draft[from];
		const at = payload.byteOffset - reader.bytes.byteOffset;
		draft[table] = codec.read(reader, at, payload.length, depth);
	};
	return {
		nested: true,
		read(reader, at, length, depth) {
			const draft = set.read(reader, at, length, depth) as Draft;
			refine(draft, "data", ownEntry(tableOfKind, draft.kind), kinds, reader, depth + 1);
			refine(
				draft,
				"slaveData",
				ownEntry(tableOfSlave, draft.slaveKind),
				slaves,
				reader,
				depth + 1,
			);
			return draft;
		},
		write(writer, value, field) {
			const draft = { ...(value as Draft) };
			fill(draft, "data", ownEntry(tableOfKind, draft.kind), kinds, writer, field);
			fill(draft, "slaveData", ownEntry(tableOfSlave, draft.slaveKind), slaves, writer, field);
			set.write(writer, draft, field);
		},
	};
}

/** The other way round: the decoded member becomes the bytes of `to`. */
function fill(
	draft: Draft,
	to: "data" | "slaveData",
	table: string | undefined,
	codecs: Readonly<Record<string, Codec<unknown>>>,
	writer: Writer,
	field: string,
): void {
	const codec = table === undefined ? undefined : codecs[table];
	if (table === undefined || codec === undefined || draft[table] === undefined) return;
	const payload = new Writer(writer.little ? "little" : "big");
	codec.write(payload, draft[table], `${field}.${table}`);
	draft[to] = payload.finish();
}

function ownEntry(record: Readonly<Record<string, string>>, key: unknown): string | undefined {
	return typeof key === "string" && Object.hasOwn(record, key) ? record[key] : undefined;
}

const hopLayout = { size: 8, members: compileStruct(hopHeader) };
let hopSet: CompiledSet | undefined;

/**
 * RTA_MULTIPATH: struct rtnexthop { unsigned short rtnh_len; unsigned char rtnh_flags, rtnh_hops; int rtnh_ifindex; },
 * each followed by attributes of the route's own set (RTNH_OK, RTNH_NEXT of linux/rtnetlink.h).
 */
const hops: Codec<Hop[]> = {
	read(reader, at, length, depth) {
		hopSet ??= compileSet(routeAttributes);
		const list: Hop[] = [];
		const end = at + length;
		let next = at;
		while (next < end) {
			const size = end - next < hopLayout.size ? 0 : reader.view.getUint16(next, reader.little);
			if (size < hopLayout.size || next + size > end) {
				reader.attributeError(
					next,
					"nexthop does not fit into what holds it",
					"rtnh_len",
					`${hopLayout.size} to ${end - next}`,
					`${size}`,
				);
			}
			const draft: Draft = {};
			hopLayout.members.read(draft, reader, next + 2);
			hopSet.read(draft, reader, next + hopLayout.size, next + size, depth + 1);
			list.push(draft as unknown as Hop);
			next += padded(size);
		}
		return list;
	},
	write(writer, value, field) {
		hopSet ??= compileSet(routeAttributes);
		for (const hop of value) {
			const at = writer.reserve(2);
			hopLayout.members.write(writer, hop as unknown as Draft, field);
			// `flags` is of the header here, and no row of the set.
			hopSet.write(writer, hop as unknown as Draft, field);
			const length = writer.length - at;
			if (length > 0xffff) throw unwritable(field, "at most 65535 bytes", length);
			writer.view.setUint16(at, length, writer.little);
		}
	},
};
