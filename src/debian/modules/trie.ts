import { Cursor, compare, concat, EkexecError, text, utf8 } from "../../bytes/index.ts";
import type { ModulesCode } from "./elf.ts";

/** One key of an index and one of its values; of several values of a key the lowest priority comes first. */
export interface IndexEntry {
	readonly key: string;
	readonly value: string;
	readonly priority: number;
}

// The binary index of kmod (libkmod-index.c), version 2.1. All integers big-endian:
//
//   u32 magic 0xB007F457 · u32 version 0x00020001 · u32 root
//   node: [prefix NUL] [u8 first, u8 last, u32 child × (last − first + 1)] [u32 count, (u32 priority, value NUL) × count]
//
// A reference to a node is its offset, with the high bits telling which of the three parts are there. An edge is
// labelled by one character, the rest of what a single path shares is the child's prefix. Children stand before
// their parent; no child is 0.
const magic = 0xb007f457;
const version = 0x0002_0001;
const hasPrefix = 0x8000_0000;
const hasValues = 0x4000_0000;
const hasChildren = 0x2000_0000;
const flagUnit = 0x1000_0000;
/** Offsets have 28 bits. */
const maxIndexBytes = flagUnit;
/** Keys are 7-bit: kmod refuses others. */
const lastCharacter = 0x7f;
/** Deeper than any key is long (module aliases stay below 1024). */
const maxDepth = 4096;

interface Item {
	readonly key: Uint8Array;
	readonly value: string;
	readonly priority: number;
}

/** The index as kmod reads it. Throws `MODULES_NAME` for a key that is not 7-bit ASCII. */
export function writeIndex(entries: Iterable<IndexEntry>): Uint8Array {
	const items: Item[] = [];
	for (const { key, value, priority } of entries) {
		const bytes = utf8(key);
		if (bytes.some((byte) => byte > lastCharacter || byte === 0)) {
			throw new EkexecError<ModulesCode>(
				"check",
				"MODULES_NAME",
				"an index holds 7-bit keys only",
				{
					found: JSON.stringify(key),
				},
			);
		}
		items.push({ key: bytes, value, priority });
	}
	items.sort((a, b) => compare(a.key, b.key));
	const parts: Uint8Array[] = [words(magic, version, 0)];
	let size = 12;
	const put = (part: Uint8Array): void => {
		parts.push(part);
		size += part.length;
	};

	/** Writes the node of items[from..to), whose keys agree up to `depth`; answers its reference. */
	const node = (from: number, to: number, depth: number, root: boolean): number => {
		const first = items[from]?.key ?? new Uint8Array(0);
		const last = items[to - 1]?.key ?? first;
		// In sorted order, what the first and the last share all share. The root never has a prefix.
		let end = depth;
		while (!root && end < first.length && end < last.length && first[end] === last[end]) end++;
		const prefix = first.subarray(depth, end);
		let next = from;
		while (next < to && items[next]?.key.length === end) next++;
		const values = items.slice(from, next);

		const children: [number, number][] = [];
		while (next < to) {
			const character = items[next]?.key[end] ?? 0;
			let stop = next;
			while (stop < to && items[stop]?.key[end] === character) stop++;
			children.push([character, node(next, stop, end + 1, false)]);
			next = stop;
		}

		let reference = size;
		if (prefix.length > 0) {
			put(concat([prefix, new Uint8Array(1)]));
			reference += hasPrefix;
		}
		const low = children[0]?.[0];
		const high = children.at(-1)?.[0];
		if (low !== undefined && high !== undefined) {
			const references = new Array<number>(high - low + 1).fill(0);
			for (const [character, child] of children) references[character - low] = child;
			put(Uint8Array.of(low, high));
			put(words(...references));
			reference += hasChildren;
		}
		if (values.length > 0) {
			put(words(values.length));
			// kmod puts a value before those of the same priority that came earlier.
			const ordered = values.reverse().sort((a, b) => a.priority - b.priority);
			for (const { priority, value } of ordered) put(concat([words(priority), utf8(`${value}\0`)]));
			reference += hasValues;
		}
		if (size >= maxIndexBytes) {
			throw new EkexecError<ModulesCode>(
				"check",
				"MODULES_INDEX",
				"an index cannot be that large",
				{
					expected: `less than ${maxIndexBytes} bytes`,
					found: `${size} bytes`,
				},
			);
		}
		return reference;
	};

	const root = node(0, items.length, 0, true);
	const whole = concat(parts);
	whole.set(words(root), 8);
	return whole;
}

function words(...values: number[]): Uint8Array {
	const bytes = new Uint8Array(values.length * 4);
	const view = new DataView(bytes.buffer);
	values.forEach((value, index) => {
		view.setUint32(index * 4, value);
	});
	return bytes;
}

/** All entries of an index, keys in order. Throws `MODULES_INDEX`, or `BYTES_TRUNCATED`. */
export function readIndex(bytes: Uint8Array, where = "index"): IndexEntry[] {
	const cursor = new Cursor(bytes, { endian: "big", where });
	const bad = (expected: string, found: string): never => {
		throw new EkexecError<ModulesCode>("check", "MODULES_INDEX", "this is no index of kmod", {
			where,
			expected,
			found,
		});
	};
	const found = [cursor.u32("magic"), cursor.u32("version")];
	if (found[0] !== magic || found[1] !== version) bad("magic and version 2.1", found.join(", "));
	const entries: IndexEntry[] = [];
	let visited = 0;

	const node = (reference: number, above: string, depth: number): void => {
		// Every node takes at least one byte, so more visits than bytes are a circle.
		if (depth > maxDepth || ++visited > bytes.length) bad("a tree", "a circle");
		const flags = Math.floor(reference / flagUnit);
		cursor.seek(reference % flagUnit, "node");
		const has = (flag: number): boolean => (flags & (flag / flagUnit)) !== 0;
		const key = has(hasPrefix) ? above + word(cursor) : above;
		const children: [number, number][] = [];
		if (has(hasChildren)) {
			const first = cursor.u8("first");
			const last = cursor.u8("last");
			for (let character = first; character <= last; character++) {
				const child = cursor.u32("child");
				if (child !== 0) children.push([character, child]);
			}
		}
		if (has(hasValues)) {
			for (let left = cursor.u32("count"); left > 0; left--) {
				const priority = cursor.u32("priority");
				entries.push({ key, value: word(cursor), priority });
			}
		}
		for (const [character, child] of children) {
			node(child, key + String.fromCharCode(character), depth + 1);
		}
	};
	node(cursor.u32("root"), "", 0);
	return entries;
}

function word(cursor: Cursor): string {
	const end = cursor.bytes.indexOf(0, cursor.offset);
	const bytes = cursor.take(end === -1 ? cursor.remaining + 1 : end - cursor.offset, "string");
	cursor.skip(1);
	return text(bytes);
}
