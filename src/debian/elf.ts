import {
	Cursor,
	EkexecError,
	type Endian,
	type Field,
	raw,
	readStruct,
	type Struct,
	struct,
	text,
	u8,
	u16,
	u32,
	u64,
} from "../bytes/index.ts";
import { debianError } from "./error.ts";

// elf(5), /usr/include/elf.h

export const EI_NIDENT = 16;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_NOTE = 4;
const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_STRSZ = 10;
const DT_SONAME = 14;
const DT_RPATH = 15;
const DT_RUNPATH = 29;
/** Note of https://systemd.io/ELF_DLOPEN_METADATA/ : libraries that are opened at run time. */
const NT_FDO_DLOPEN_METADATA = 0x407c0c0a;

// Elf64_Ehdr and Elf32_Ehdr behind e_ident
export const header64: Struct<
	{
		readonly [name in
			| "e_type"
			| "e_machine"
			| "e_version"
			| "e_flags"
			| "e_ehsize"
			| "e_phentsize"
			| "e_phnum"
			| "e_shentsize"
			| "e_shnum"
			| "e_shstrndx"]: Field<number>;
	} & { readonly [name in "e_entry" | "e_phoff" | "e_shoff"]: Field<bigint> }
> = struct("Elf64_Ehdr", {
	e_type: u16,
	e_machine: u16,
	e_version: u32,
	e_entry: u64,
	e_phoff: u64,
	e_shoff: u64,
	e_flags: u32,
	e_ehsize: u16,
	e_phentsize: u16,
	e_phnum: u16,
	e_shentsize: u16,
	e_shnum: u16,
	e_shstrndx: u16,
});
const header32 = struct("Elf32_Ehdr", {
	e_type: u16,
	e_machine: u16,
	e_version: u32,
	e_entry: u32,
	e_phoff: u32,
	e_shoff: u32,
	e_flags: u32,
	e_ehsize: u16,
	e_phentsize: u16,
	e_phnum: u16,
	e_shentsize: u16,
	e_shnum: u16,
	e_shstrndx: u16,
});
export const program64: Struct<
	{ readonly [name in "p_type" | "p_flags"]: Field<number> } & {
		readonly [name in
			| "p_offset"
			| "p_vaddr"
			| "p_paddr"
			| "p_filesz"
			| "p_memsz"
			| "p_align"]: Field<bigint>;
	}
> = struct("Elf64_Phdr", {
	p_type: u32,
	p_flags: u32,
	p_offset: u64,
	p_vaddr: u64,
	p_paddr: u64,
	p_filesz: u64,
	p_memsz: u64,
	p_align: u64,
});
const program32 = struct("Elf32_Phdr", {
	p_type: u32,
	p_offset: u32,
	p_vaddr: u32,
	p_paddr: u32,
	p_filesz: u32,
	p_memsz: u32,
	p_flags: u32,
	p_align: u32,
});
const ident = struct("e_ident", { magic: raw(4), ei_class: u8, ei_data: u8, rest: raw(10) });

/** What a dynamic linker would want to know of a file. */
export interface Elf {
	/** 32 or 64. */
	readonly bits: 32 | 64;
	/** e_machine: 62 is x86-64, 183 arm64. */
	readonly machine: number;
	/** e_type: 1 relocatable (a kernel module), 2 executable, 3 shared. */
	readonly type: number;
	/** Absolute path of the program interpreter. */
	readonly interpreter: string | undefined;
	readonly soname: string | undefined;
	readonly needed: readonly string[];
	/** DT_RUNPATH, or DT_RPATH where that is missing, as written: may hold $ORIGIN. */
	readonly runpath: readonly string[];
	/** Libraries it says it opens at run time, if they are there. */
	readonly dlopens: readonly Dlopen[];
}

export interface Dlopen {
	readonly feature: string;
	readonly priority: "required" | "recommended" | "suggested";
	/** Any of them will do. */
	readonly sonames: readonly string[];
}

/** EM_386, EM_ARM, EM_X86_64, EM_AARCH64 */
const machines: ReadonlySet<number> = new Set([3, 40, 62, 183]);
/** Program headers of a real file number a dozen; the format would allow 65,535. */
const programsMax = 1024;
/** The dynamic section of the largest programs has some 100 entries, most of them DT_NEEDED. */
const dynamicMax = 4096;
const stringMax = 4096;

/**
 * Reads the headers of an ELF file; of one for another machine than x86 and ARM only the first. Undefined: it is none. Throws `DEBIAN_ELF` for
 * one that contradicts itself.
 */
export function readElf(bytes: Uint8Array, where?: string): Elf | undefined {
	if (bytes.length < EI_NIDENT || text(bytes.subarray(0, 4)) !== "\x7fELF") return undefined;
	try {
		return parse(bytes, where);
	} catch (cause) {
		if (!(cause instanceof EkexecError) || cause.code === "DEBIAN_ELF") throw cause;
		throw debianError("check", "DEBIAN_ELF", "a damaged ELF file", {
			...cause.details,
			where,
			cause,
		});
	}
}

interface Segment {
	readonly type: number;
	readonly offset: number;
	readonly address: number;
	readonly size: number;
}

function parse(bytes: Uint8Array, where: string | undefined): Elf {
	const { ei_class, ei_data } = readStruct(ident, bytes);
	if (ei_class < 1 || ei_class > 2 || ei_data < 1 || ei_data > 2) {
		throw damaged(where, "e_ident", "class and byte order 1 or 2", `${ei_class}, ${ei_data}`);
	}
	const bits = ei_class === 2 ? 64 : 32;
	const endian: Endian = ei_data === 2 ? "big" : "little";
	const cursor = new Cursor(bytes, { endian, ...(where === undefined ? {} : { where }) });
	cursor.seek(EI_NIDENT);
	const head = (bits === 64 ? header64 : header32).read(cursor);
	// Firmware of other machines lies about in packages, with addresses of its own kind: its headers are enough.
	const foreign = !machines.has(head.e_machine);
	const segments = foreign ? [] : readSegments(cursor, bits, toNumber(head.e_phoff), head);
	const slice = (offset: number, size: number, field: string) => {
		cursor.seek(offset, field);
		return cursor.take(size, field);
	};
	const string = (table: Uint8Array, offset: number, field: string) => {
		const end = table.indexOf(0, offset);
		if (offset >= table.length || end < 0 || end - offset > stringMax) {
			throw damaged(where, field, "a string within its table", `offset ${offset}`);
		}
		return text(table.subarray(offset, end));
	};
	const interp = segments.find(({ type }) => type === PT_INTERP);
	const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
	const tags = dynamic ? readDynamic(cursor, bits, dynamic) : [];
	const first = (wanted: number) => tags.find(([tag]) => tag === wanted)?.[1];
	let names = new Uint8Array();
	const address = first(DT_STRTAB);
	if (address !== undefined) {
		const load = segments.find(
			(one) => one.type === PT_LOAD && address >= one.address && address - one.address < one.size,
		);
		if (load === undefined)
			throw damaged(where, "DT_STRTAB", "an address that is loaded", `${address}`);
		names = slice(load.offset + (address - load.address), first(DT_STRSZ) ?? 0, "DT_STRSZ").slice();
	}
	const all = (wanted: number, field: string) =>
		tags.filter(([tag]) => tag === wanted).map(([, value]) => string(names, value, field));
	const runpath = all(DT_RUNPATH, "DT_RUNPATH");
	return {
		bits,
		machine: head.e_machine,
		type: head.e_type,
		interpreter: interp && string(slice(interp.offset, interp.size, "PT_INTERP"), 0, "PT_INTERP"),
		soname: all(DT_SONAME, "DT_SONAME")[0],
		needed: all(DT_NEEDED, "DT_NEEDED"),
		runpath: (runpath.length > 0 ? runpath : all(DT_RPATH, "DT_RPATH")).flatMap((list) =>
			list.split(":").filter(Boolean),
		),
		dlopens: segments
			.filter(({ type }) => type === PT_NOTE)
			.flatMap(({ offset, size }) => readDlopens(slice(offset, size, "PT_NOTE"), endian)),
	};
}

function readSegments(
	cursor: Cursor,
	bits: 32 | 64,
	start: number,
	head: { e_phnum: number; e_phentsize: number },
): Segment[] {
	const layout = bits === 64 ? program64 : program32;
	if (head.e_phnum === 0) return [];
	if (head.e_phnum > programsMax || head.e_phentsize !== layout.size) {
		const found = `${head.e_phnum} of ${head.e_phentsize} bytes`;
		throw damaged(cursor.where, "e_phnum", `at most ${programsMax} of ${layout.size} bytes`, found);
	}
	cursor.seek(start, "e_phoff");
	return Array.from({ length: head.e_phnum }, () => {
		const one = layout.read(cursor);
		return {
			type: one.p_type,
			offset: toNumber(one.p_offset),
			address: toNumber(one.p_vaddr),
			size: toNumber(one.p_filesz),
		};
	});
}

/** Elf64_Dyn, Elf32_Dyn: d_tag, d_un, up to DT_NULL. Only tags that are small numbers matter here. */
function readDynamic(cursor: Cursor, bits: 32 | 64, { offset, size }: Segment): [number, number][] {
	cursor.seek(offset, "PT_DYNAMIC");
	const part = cursor.sub(size, "PT_DYNAMIC");
	const word = () => (bits === 64 ? toNumber(part.u64("d_tag")) : part.u32("d_tag"));
	const tags: [number, number][] = [];
	while (part.remaining >= bits / 4 && tags.length < dynamicMax) {
		const tag = word();
		if (tag === DT_NULL) break;
		tags.push([tag, word()]);
	}
	return tags;
}

/** Notes: namesz, descsz, type, name and description padded to 4. One that is cut off ends the list. */
function readDlopens(bytes: Uint8Array, endian: Endian): Dlopen[] {
	const cursor = new Cursor(bytes, { endian });
	const found: Dlopen[] = [];
	const padded = (size: number) => Math.min(size + ((4 - (size % 4)) % 4), cursor.remaining);
	while (cursor.remaining >= 12) {
		const [names, size, type] = [cursor.u32(), cursor.u32(), cursor.u32()];
		const name = text(cursor.take(padded(names)).subarray(0, names));
		const description = cursor.take(padded(size)).subarray(0, size);
		if (type === NT_FDO_DLOPEN_METADATA && name === "FDO\0")
			found.push(...parseDlopens(description));
	}
	return found;
}

function parseDlopens(description: Uint8Array): Dlopen[] {
	let value: unknown;
	try {
		value = JSON.parse(text(description).replace(/\0+$/, ""));
	} catch {
		return []; // A remark for packagers; a broken one harms nobody.
	}
	return (Array.isArray(value) ? value : []).flatMap((one: unknown) => {
		const { feature, priority, soname } = (one ?? {}) as Record<string, unknown>;
		if (!Array.isArray(soname) || !soname.every((name) => typeof name === "string")) return [];
		const known = priority === "required" || priority === "suggested" ? priority : "recommended";
		return [{ feature: String(feature ?? ""), priority: known, sonames: soname } as const];
	});
}

/** Offsets beyond 2^53 lie outside any file: as infinity they fail every bounds check. */
function toNumber(value: number | bigint): number {
	if (typeof value === "number") return value;
	return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
}

function damaged(where: string | undefined, field: string, expected: string, found: string): Error {
	return debianError("check", "DEBIAN_ELF", "a damaged ELF file", {
		where,
		field,
		expected,
		found,
	});
}
