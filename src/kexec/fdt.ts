// Flattened device trees: the Devicetree Specification, chapter 5.
import {
	alignUp,
	Cursor,
	concat,
	EkexecError,
	struct,
	text,
	u32be,
	u64,
	utf8,
} from "../bytes/index.ts";

export type FdtCode = "FDT_BROKEN";

const header = struct("fdt_header", {
	magic: u32be,
	totalSize: u32be,
	structOffset: u32be,
	stringsOffset: u32be,
	reservedOffset: u32be,
	version: u32be,
	lastCompatible: u32be,
	bootCpu: u32be,
	stringsSize: u32be,
	structSize: u32be,
});
const reservation = struct("fdt_reserve_entry", { address: u64, size: u64 });

const magic = 0xd00dfeed;
const token = { begin: 1, end: 2, property: 3, nothing: 4, finish: 9 } as const;
/** Nobody nests a device tree deeper. */
const maxDepth = 64;

/** A node of the tree. Order is kept: it can matter to drivers. */
export interface FdtNode {
	readonly name: string;
	readonly properties: [name: string, value: Uint8Array][];
	readonly children: FdtNode[];
}

export interface DeviceTree {
	readonly root: FdtNode;
	readonly reserved: { readonly address: bigint; readonly size: bigint }[];
	readonly bootCpu: number;
}

function broken(summary: string, offset: number, found: string): EkexecError<FdtCode> {
	return new EkexecError("check", "FDT_BROKEN", summary, { where: "device tree", offset, found });
}

/** Parses a whole tree. Throws `FDT_BROKEN`, `BYTES_TRUNCATED`. */
export function parseFdt(bytes: Uint8Array): DeviceTree {
	const cursor = new Cursor(bytes, { endian: "big", where: "device tree" });
	const head = header.read(cursor);
	if (head.magic !== magic || head.version < 16) {
		throw broken(
			"this is no device tree of version 16 or later",
			0,
			`${head.magic.toString(16)}, version ${head.version}`,
		);
	}
	const reserved: { address: bigint; size: bigint }[] = [];
	cursor.seek(head.reservedOffset);
	for (;;) {
		const entry = reservation.read(cursor);
		if (entry.address === 0n && entry.size === 0n) break;
		reserved.push(entry);
	}
	const nameAt = (offset: number): string => {
		const start = head.stringsOffset + offset;
		const end = bytes.indexOf(0, start);
		if (start >= bytes.length || end < 0)
			throw broken("a property's name lies outside", start, `${offset}`);
		return text(bytes.subarray(start, end));
	};
	cursor.seek(head.structOffset);
	const path: FdtNode[] = [];
	for (;;) {
		const offset = cursor.offset;
		const kind = cursor.u32("token");
		const node = path.at(-1);
		if (kind === token.nothing) continue;
		if (kind === token.begin) {
			const end = bytes.indexOf(0, cursor.offset);
			if (end < 0 || path.length === maxDepth)
				throw broken("a node without an end", offset, `depth ${path.length}`);
			const name = text(cursor.take(end - cursor.offset, "node name"));
			cursor.seek(alignUp(end + 1, 4));
			const child: FdtNode = { name, properties: [], children: [] };
			node?.children.push(child);
			path.push(child);
		} else if (kind === token.property && node !== undefined) {
			const length = cursor.u32("property length");
			const name = nameAt(cursor.u32("property name"));
			const value = cursor.take(length, name).slice();
			cursor.seek(alignUp(cursor.offset, 4));
			node.properties.push([name, value]);
		} else if (kind === token.end && node !== undefined) {
			path.pop();
			if (path.length === 0) return { root: node, reserved, bootCpu: head.bootCpu };
		} else {
			throw broken("a token in the wrong place", offset, `${kind}`);
		}
	}
}

const be32 = (value: number): Uint8Array => {
	const bytes = new Uint8Array(4);
	new DataView(bytes.buffer).setUint32(0, value);
	return bytes;
};
const padded = (bytes: Uint8Array): Uint8Array => {
	const whole = new Uint8Array(alignUp(bytes.length, 4));
	whole.set(bytes);
	return whole;
};

/** The bytes of a tree, version 17. */
export function writeFdt(tree: DeviceTree): Uint8Array {
	const names = new Map<string, number>();
	let namesSize = 0;
	const parts: Uint8Array[] = [];
	const put = (node: FdtNode): void => {
		parts.push(be32(token.begin), padded(concat([utf8(node.name), Uint8Array.of(0)])));
		for (const [name, value] of node.properties) {
			let at = names.get(name);
			if (at === undefined) {
				at = namesSize;
				names.set(name, at);
				namesSize += utf8(name).length + 1;
			}
			parts.push(be32(token.property), be32(value.length), be32(at), padded(value));
		}
		node.children.forEach(put);
		parts.push(be32(token.end));
	};
	put(tree.root);
	parts.push(be32(token.finish));
	const body = concat(parts);
	const strings = concat([...names.keys()].map((name) => concat([utf8(name), Uint8Array.of(0)])));
	const reserved = concat(
		[...tree.reserved, { address: 0n, size: 0n }].map((entry) => reservation.write(entry, "big")),
	);
	const structOffset = header.size + reserved.length;
	const head = header.write(
		{
			magic,
			totalSize: structOffset + body.length + strings.length,
			structOffset,
			stringsOffset: structOffset + body.length,
			reservedOffset: header.size,
			version: 17,
			lastCompatible: 16,
			bootCpu: tree.bootCpu,
			stringsSize: strings.length,
			structSize: body.length,
		},
		"big",
	);
	return concat([head, reserved, body, strings]);
}

/** Sets (or with undefined: removes) a property. */
export function setProperty(node: FdtNode, name: string, value: Uint8Array | undefined): void {
	const at = node.properties.findIndex(([own]) => own === name);
	if (value === undefined) {
		if (at >= 0) node.properties.splice(at, 1);
	} else if (at >= 0) {
		node.properties[at] = [name, value];
	} else {
		node.properties.push([name, value]);
	}
}
