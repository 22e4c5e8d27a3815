import { alignUp, EkexecError, showBytes, utf8 } from "../bytes/index.ts";
import type { CpioCode } from "./codes.ts";
import type { CpioEntry, LinkEntry, Name, Splice } from "./entry.ts";
import { alignment, headerSize, maxFileSize, pathMax, trailerName } from "./header.ts";
import { type EntryKind, modeOf, permissionBits } from "./mode.ts";
import { fromKey, type Key, nameKey, rootKey } from "./name.ts";

/** How an archive is laid out. */
export interface PlanOptions {
	/** mtime of every entry that names none, in seconds; 0 unless told. */
	readonly mtime?: number;
	/** Sort by bytes, parents first. On unless told; off keeps the given order (parents are still inserted before children). */
	readonly sort?: boolean;
	/**
	 * Let the data of files at least this long begin at a multiple of it, so that a file system can share the
	 * blocks: a power of two from 4 to 4096. It is done by NULs behind the name, which the kernel ignores;
	 * where the name would become longer than PATH_MAX the data stays where it is.
	 */
	readonly align?: number;
	/** Where the archive will begin in its file, a multiple of 4; only `align` looks at it. 0 unless told. */
	readonly offset?: number;
	/** The archive's length is made a multiple of this with NULs: 4 unless told, 512 is what GNU cpio does. */
	readonly block?: number;
}

/** An entry with everything decided: what its header will say and where it lies. */
export interface PlannedEntry<R> {
	readonly name: Uint8Array;
	readonly kind: EntryKind;
	/** Type and permissions. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly mtime: number;
	readonly nlink: number;
	readonly ino: number;
	readonly major: number;
	readonly minor: number;
	/** With its NUL, and with the NULs that align the data. */
	readonly nameSize: number;
	/** Offset of the header from the start of the archive. */
	readonly offset: number;
	/** Offset of the data from the start of the archive. */
	readonly dataOffset: number;
	/** Bytes of `content`. */
	readonly size: number;
	readonly content: Uint8Array | Splice<R>;
}

export interface Plan<R> {
	readonly entries: readonly PlannedEntry<R>[];
	/** Offset of the trailer's header. */
	readonly trailerOffset: number;
	/** Length of the whole archive in bytes. */
	readonly size: number;
	/** Bytes of all contents together. */
	readonly dataSize: number;
}

interface Draft<R> {
	readonly key: Key;
	readonly name: Uint8Array;
	readonly kind: EntryKind;
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly mtime: number;
	readonly major: number;
	readonly minor: number;
	readonly content: Uint8Array | Splice<R>;
}
/** A name in the archive: its own thing, or one more name of another's. */
interface Slot<R> {
	readonly key: Key;
	readonly name: Uint8Array;
	readonly link?: Key;
	readonly draft?: Draft<R>;
}

const nothing = new Uint8Array(0);

/**
 * Decides every byte of an archive but the contents: normalised names, the parents nobody listed, one order,
 * inode numbers, hard links with their data on the last name, all offsets. Holds the entries, not their contents.
 * Throws `usage` errors (`CPIO_NAME`, `CPIO_DUPLICATE`, `CPIO_PARENT`, `CPIO_LINK`, `CPIO_TOO_LARGE`, `CPIO_RANGE`)
 * that name the entry. A directory listed twice is one directory, as the later listing says it.
 */
export function planCpio<R>(entries: Iterable<CpioEntry<R>>, options: PlanOptions = {}): Plan<R> {
	const { align = alignment, offset: base = 0, block = alignment } = options;
	checkOption(
		"align",
		align,
		align >= alignment && align <= pathMax && Number.isInteger(Math.log2(align)),
		"a power of two from 4 to 4096",
	);
	checkOption(
		"offset",
		base,
		Number.isSafeInteger(base) && base >= 0 && base % alignment === 0,
		"a multiple of 4",
	);
	checkOption(
		"block",
		block,
		Number.isSafeInteger(block) && block >= 4 && block % alignment === 0,
		"a multiple of 4",
	);
	const mtime = number("mtime", options.mtime, 0, maxFileSize, "the archive");
	const slots = withParents(collect(entries, mtime), mtime, options.sort ?? true);
	const groups = linkGroups(slots);

	const planned: PlannedEntry<R>[] = [];
	let offset = 0;
	let dataSize = 0;
	let nextIno = 1;
	for (const slot of slots.values()) {
		const group = groups.get(slot.link ?? slot.key);
		const draft = slot.draft ?? group?.draft;
		if (draft === undefined) throw linkError(slot, "no such entry");
		let ino = group?.ino ?? 0;
		if (ino === 0) {
			ino = nextIno++;
			if (group) group.ino = ino;
		}
		const last = group === undefined || ++group.seen === group.count;
		const content = last ? draft.content : nothing;
		const size = contentSize(content);
		const nameSize = paddedNameSize(slot.name.length + 1, size, base + offset, align);
		const dataOffset = alignUp(offset + headerSize + nameSize, alignment);
		planned.push({
			name: slot.name,
			kind: draft.kind,
			mode: draft.mode,
			uid: draft.uid,
			gid: draft.gid,
			mtime: draft.mtime,
			nlink: group?.count ?? (draft.kind === "directory" ? 2 : 1),
			ino,
			major: draft.major,
			minor: draft.minor,
			nameSize,
			offset,
			dataOffset,
			size,
			content,
		});
		dataSize += size;
		offset = alignUp(dataOffset + size, alignment);
	}
	const end = alignUp(offset + headerSize + trailerName.length + 1, alignment);
	return { entries: planned, trailerOffset: offset, size: alignUp(end, block), dataSize };
}

export function contentSize(content: Uint8Array | Splice): number {
	return content instanceof Uint8Array ? content.length : content.size;
}

/** Adds NULs to a name until the data behind it begins at a multiple of `align`, if the data is worth it. */
function paddedNameSize(nameSize: number, size: number, offset: number, align: number): number {
	if (align === alignment || size < align) return nameSize;
	const start = offset + headerSize;
	const padded = alignUp(start + nameSize, align) - start;
	return padded <= pathMax ? padded : nameSize;
}

function collect<R>(entries: Iterable<CpioEntry<R>>, mtime: number): Map<Key, Slot<R>> {
	const slots = new Map<Key, Slot<R>>();
	for (const entry of entries) {
		const key = nameKey(entry.name);
		const name = fromKey(key);
		const earlier = slots.get(key);
		const slot: Slot<R> =
			entry.kind === "link"
				? { key, name, link: nameKey(entry.target, "target") }
				: { key, name, draft: draftOf(entry, key, name, mtime) };
		if (earlier !== undefined) {
			const both = earlier.draft?.kind === "directory" && slot.draft?.kind === "directory";
			if (!both) {
				throw usage("CPIO_DUPLICATE", "two entries have one name", name);
			}
		}
		slots.set(key, slot);
	}
	return slots;
}

function draftOf<R>(
	entry: Exclude<CpioEntry<R>, LinkEntry>,
	key: Key,
	name: Uint8Array,
	mtime: number,
): Draft<R> {
	const { kind } = entry;
	if (key === rootKey && kind !== "directory") {
		throw usage("CPIO_NAME", "the root can only be a directory", name, "a directory", kind);
	}
	const fallback = kind === "directory" ? 0o755 : kind === "symlink" ? 0o777 : 0o644;
	const device = kind === "character" || kind === "block";
	return {
		key,
		name,
		kind,
		mode: modeOf(kind, number("mode", entry.mode, fallback, permissionBits, name)),
		uid: number("uid", entry.uid, 0, maxFileSize, name),
		gid: number("gid", entry.gid, 0, maxFileSize, name),
		mtime: number("mtime", entry.mtime, mtime, maxFileSize, name),
		// Linux packs a device number into 12 and 20 bits (include/linux/kdev_t.h).
		major: device ? number("major", entry.major, undefined, 0xfff, name) : 0,
		minor: device ? number("minor", entry.minor, undefined, 0xfffff, name) : 0,
		content:
			kind === "file"
				? fileContent(entry.content, name)
				: kind === "symlink"
					? target(entry.target, name)
					: nothing,
	};
}

function fileContent<R>(
	content: Uint8Array | string | Splice<R> | undefined,
	name: Uint8Array,
): Uint8Array | Splice<R> {
	if (content === undefined) return nothing;
	if (typeof content === "string") return utf8(content);
	const size = contentSize(content);
	if (!Number.isSafeInteger(size) || size < 0) {
		throw usage(
			"CPIO_RANGE",
			"size of the content is no size",
			name,
			"an integer from 0",
			String(size),
		);
	}
	if (size > maxFileSize) {
		throw new EkexecError<CpioCode>(
			"usage",
			"CPIO_TOO_LARGE",
			"file too large for the newc format",
			{
				where: showBytes(name),
				field: "filesize",
				expected: `at most ${maxFileSize} bytes (4 GiB - 1)`,
				found: `${size} bytes`,
				remedy: "Leave it out, or put it on a file system image inside the archive in parts.",
			},
		);
	}
	return content;
}

function target(name: Name, of: Uint8Array): Uint8Array {
	const bytes = typeof name === "string" ? utf8(name) : name;
	if (bytes.length === 0 || bytes.length >= pathMax || bytes.includes(0)) {
		const found = bytes.includes(0) ? "a NUL" : `${bytes.length} bytes`;
		throw usage(
			"CPIO_NAME",
			"symlink target cannot be written",
			of,
			"1 to 4095 bytes without NUL",
			found,
		);
	}
	return bytes;
}

/** Every slot, each behind all its parents; parents that nobody listed are added. */
function withParents<R>(slots: Map<Key, Slot<R>>, mtime: number, sort: boolean): Map<Key, Slot<R>> {
	const ordered = new Map<Key, Slot<R>>();
	const add = (slot: Slot<R>): void => {
		if (ordered.has(slot.key)) return;
		const slash = slot.key.lastIndexOf("/");
		if (slash > 0) {
			const key = slot.key.slice(0, slash);
			const parent = slots.get(key) ?? impliedDirectory(key, mtime);
			if (parent.draft?.kind !== "directory") {
				throw new EkexecError<CpioCode>(
					"usage",
					"CPIO_PARENT",
					"entry lies below something that is no directory",
					{
						where: showBytes(slot.name),
						expected: `${showBytes(parent.name)} to be a directory`,
						found: `a ${parent.draft?.kind ?? "hard link"}`,
						remedy:
							parent.draft?.kind === "symlink"
								? "Name the entry by the path that the symlink leads to."
								: undefined,
					},
				);
			}
			add(parent);
		}
		ordered.set(slot.key, slot);
	};
	const root = slots.get(rootKey);
	if (root) add(root);
	const all = [...slots.values()];
	for (const slot of all) add(slot);
	if (!sort) return ordered;
	const sorted = [...ordered.values()].sort((a, b) =>
		a.key === rootKey ? -1 : b.key === rootKey ? 1 : a.key < b.key ? -1 : 1,
	);
	return new Map(sorted.map((slot) => [slot.key, slot]));
}

function impliedDirectory<R>(key: Key, mtime: number): Slot<R> {
	const name = fromKey(key);
	return { key, name, draft: draftOf({ kind: "directory", name }, key, name, mtime) };
}

interface LinkGroup<R> {
	draft: Draft<R>;
	/** How many names the thing has. */
	count: number;
	seen: number;
	ino: number;
}

/** Things with more than one name, by the key of the entry that describes them and by those of its links. */
function linkGroups<R>(slots: Map<Key, Slot<R>>): Map<Key, LinkGroup<R>> {
	const groups = new Map<Key, LinkGroup<R>>();
	for (const slot of slots.values()) {
		if (slot.link === undefined) continue;
		let final = slots.get(slot.link);
		const passed = new Set([slot.key]);
		while (final?.link !== undefined) {
			if (passed.has(final.key)) throw linkError(slot, "a circle of links");
			passed.add(final.key);
			final = slots.get(final.link);
		}
		const draft = final?.draft;
		if (final === undefined || draft === undefined) throw linkError(slot, "no such entry");
		if (draft.kind === "directory" || draft.kind === "symlink") {
			throw linkError(slot, `a ${draft.kind}, to which no archive can hold a hard link`);
		}
		const group = groups.get(final.key) ?? { draft, count: 1, seen: 0, ino: 0 };
		group.count += 1;
		groups.set(final.key, group);
		groups.set(slot.link, group);
	}
	return groups;
}

function linkError(slot: { name: Uint8Array; link?: Key }, found: string): EkexecError<CpioCode> {
	return new EkexecError("usage", "CPIO_LINK", "hard link leads nowhere", {
		where: showBytes(slot.name),
		field: "target",
		expected: `${showBytes(fromKey(slot.link ?? ""))} to be a file, device, fifo or socket of this archive`,
		found,
	});
}

function number(
	field: string,
	value: number | undefined,
	fallback: number | undefined,
	max: number,
	of: Uint8Array | string,
): number {
	const decided = value ?? fallback;
	if (decided !== undefined && Number.isInteger(decided) && decided >= 0 && decided <= max) {
		return decided;
	}
	throw new EkexecError<CpioCode>("usage", "CPIO_RANGE", "value does not fit its field", {
		where: typeof of === "string" ? of : showBytes(of),
		field,
		expected: `an integer from 0 to ${max}`,
		found: String(decided),
	});
}

function checkOption(field: string, value: number, valid: boolean, expected: string): void {
	if (valid) return;
	throw new EkexecError<CpioCode>("usage", "CPIO_RANGE", "option cannot be used", {
		field,
		expected,
		found: String(value),
	});
}

function usage(
	code: CpioCode,
	summary: string,
	name: Uint8Array,
	expected?: string,
	found?: string,
): EkexecError<CpioCode> {
	return new EkexecError("usage", code, summary, { where: showBytes(name), expected, found });
}
