import { Cursor, struct, text, u8, u16, u32, u64 } from "../bytes/index.ts";
import { EI_NIDENT, header64, program64, readElf } from "./elf.ts";
import { debianError } from "./error.ts";

// elf(5), /usr/include/elf.h
const PT_NULL = 0;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PF_X = 1;
const SHT_DYNSYM = 11;
const STT_OBJECT = 1;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
/** Tables by which ld.so finds symbols: STRTAB, HASH, DYNAMIC, DYNSYM, GNU_HASH, GNU_verdef, GNU_versym. */
const kept: ReadonlySet<number> = new Set([3, 5, 6, 11, 0x6ffffff6, 0x6ffffffd, 0x6fffffff]);
/** DT_NULL, HASH, STRTAB, SYMTAB, STRSZ, SYMENT, SONAME, GNU_HASH, VERSYM, VERDEF, VERDEFNUM: all else leads elsewhere. */
const keptTags: ReadonlySet<bigint> = new Set(
	[0, 4, 5, 6, 10, 11, 14, 0x6ffffef5, 0x6ffffff0, 0x6ffffffc, 0x6ffffffd].map(BigInt),
);
const section64 = struct("Elf64_Shdr", {
	sh_name: u32,
	sh_type: u32,
	sh_flags: u64,
	sh_addr: u64,
	sh_offset: u64,
	sh_size: u64,
	sh_link: u32,
	sh_info: u32,
	sh_addralign: u64,
	sh_entsize: u64,
});
const symbol64 = struct("Elf64_Sym", {
	st_name: u32,
	st_info: u8,
	st_other: u8,
	st_shndx: u16,
	st_value: u64,
	st_size: u64,
});
const dynamic64 = struct("Elf64_Dyn", { d_tag: u64, d_val: u64 });

/** What the functions of a {@link standIn} answer: by name, or all others. Undefined: there is no such function. */
export interface Answers {
	readonly all?: number;
	readonly named?: Readonly<Record<string, number>>;
}

/** Machine code of a function that answers a number, by e_machine: x86-64 and arm64. */
const code: Readonly<Record<number, (answer: number) => Uint8Array>> = {
	62: (answer) => {
		// mov rax, imm32 (sign-extended); ret
		const bytes = new Uint8Array(8).fill(0x90);
		bytes.set([0x48, 0xc7, 0xc0]);
		new DataView(bytes.buffer).setInt32(3, answer, true);
		bytes[7] = 0xc3;
		return bytes;
	},
	183: (answer) => {
		// movz or movn x0, #imm16; ret
		const bytes = new Uint8Array(8);
		const view = new DataView(bytes.buffer);
		const word = answer < 0 ? 0x92800000 + (-1 - answer) * 32 : 0xd2800000 + answer * 32;
		view.setUint32(0, word, true);
		view.setUint32(4, 0xd65f03c0, true);
		return bytes;
	},
};

interface Tables {
	readonly cursor: Cursor;
	readonly head: ReturnType<typeof header64.read>;
	readonly sections: readonly ReturnType<typeof section64.read>[];
	readonly programs: readonly ReturnType<typeof program64.read>[];
	/** Offset of the table of dynamic symbols, and what is in it; none in a program that is linked with nothing. */
	readonly symbolsAt: number;
	readonly symbols: readonly (ReturnType<typeof symbol64.read> & { readonly name: string })[];
}

/** Sections of the largest libraries number some 40; symbols some 100,000. */
const sectionsMax = 1000;
const symbolsMax = 1_000_000;

function readTables(bytes: Uint8Array, where: string): Tables {
	const cursor = new Cursor(bytes, { where });
	cursor.seek(EI_NIDENT);
	const head = header64.read(cursor);
	if (head.e_shnum > sectionsMax) throw unusable(where, `at most ${sectionsMax} sections`);
	const sections = readAll(cursor, head.e_shoff, head.e_shnum, section64, "e_shoff");
	const programs = readAll(cursor, head.e_phoff, head.e_phnum, program64, "e_phoff");
	const found = sections.find(({ sh_type }) => sh_type === SHT_DYNSYM);
	const names = sections[found?.sh_link ?? -1];
	if (found === undefined || names === undefined) {
		return { cursor, head, sections, programs, symbolsAt: 0, symbols: [] };
	}
	cursor.seek(Number(names.sh_offset), "sh_offset");
	const strings = cursor.take(Number(names.sh_size), "sh_size");
	const count = Math.floor(Number(found.sh_size) / symbol64.size);
	if (count > symbolsMax) throw unusable(where, `at most ${symbolsMax} symbols`);
	const symbols = readAll(cursor, found.sh_offset, count, symbol64, "SHT_DYNSYM").map((symbol) => {
		const end = strings.indexOf(0, symbol.st_name);
		if (end < 0) throw unusable(where, "names within their table");
		return { ...symbol, name: text(strings.subarray(symbol.st_name, end)) };
	});
	return { cursor, head, sections, programs, symbolsAt: Number(found.sh_offset), symbols };
}

function readAll<T>(
	cursor: Cursor,
	at: bigint,
	count: number,
	layout: { read(from: Cursor): T },
	field: string,
): T[] {
	cursor.seek(Number(at), field);
	return Array.from({ length: count }, () => layout.read(cursor));
}

/**
 * Names of the symbols that an ELF file of 64 bits may take from the libraries it is linked with. Data counts even
 * where it is defined: a program at a fixed address holds a place for its copy (R_X86_64_COPY).
 */
export function importsOf(bytes: Uint8Array, where: string): readonly string[] {
	return readTables(bytes, where)
		.symbols.filter(({ st_shndx, st_info }) => st_shndx === 0 || st_info % 16 === STT_OBJECT)
		.map(({ name }) => name);
}

/**
 * A shared library with the same name and versions, which needs no other library and of whose symbols only those that
 * are `wanted` are left: functions that do nothing but answer a number, data that is zero. For what a program is linked
 * with and nobody will call: the program does not start without it, and a library for a protocol out of use brings
 * ten more. Who opens it at run time misses symbols in it, and does without.
 * Of the same size, nearly all of it zeros. Throws `DEBIAN_ELF` for what is no such library.
 */
export function standIn(
	library: Uint8Array,
	wanted: ReadonlySet<string>,
	answers: Answers,
	where: string,
): Uint8Array {
	const elf = readElf(library, where);
	const answer = elf === undefined ? undefined : code[elf.machine];
	if (elf?.type !== 3 || elf.bits !== 64 || answer === undefined) {
		throw unusable(where, "a shared library for x86-64 or arm64");
	}
	const { cursor, head, sections, programs, symbolsAt, symbols } = readTables(library, where);
	if (symbols.length === 0) throw unusable(where, "a table of symbols");

	const made = new Uint8Array(library.length);
	const put = (bytes: Uint8Array, at: number): void => made.set(bytes, at);
	put(library.subarray(0, EI_NIDENT), 0);
	put(header64.write({ ...head, e_shoff: 0n, e_shnum: 0, e_shstrndx: 0 }), EI_NIDENT);
	for (const [i, program] of programs.entries()) {
		// Unwinding tables, notes and thread-local data are gone.
		const stays = program.p_type === PT_LOAD || program.p_type === PT_DYNAMIC;
		const p_type = stays || program.p_type > 0x6474e550 ? program.p_type : PT_NULL;
		put(program64.write({ ...program, p_type }), Number(head.e_phoff) + i * program64.size);
	}
	for (const { sh_type, sh_offset, sh_size } of sections) {
		if (!kept.has(sh_type)) continue;
		cursor.seek(Number(sh_offset), "sh_offset");
		put(cursor.take(Number(sh_size), "sh_size"), Number(sh_offset));
	}

	const dynamic = programs.find(({ p_type }) => p_type === PT_DYNAMIC);
	if (dynamic === undefined) throw unusable(where, "PT_DYNAMIC");
	const size = Number(dynamic.p_filesz);
	const count = Math.floor(size / dynamic64.size);
	const tags = readAll(cursor, dynamic.p_offset, count, dynamic64, "PT_DYNAMIC");
	made.fill(0, Number(dynamic.p_offset), Number(dynamic.p_offset) + size);
	for (const [i, tag] of tags.filter(({ d_tag }) => keptTags.has(d_tag)).entries()) {
		put(dynamic64.write(tag), Number(dynamic.p_offset) + i * dynamic64.size);
	}

	const isFunction = ({ st_info }: { readonly st_info: number }): boolean =>
		st_info % 16 === STT_FUNC || st_info % 16 === STT_GNU_IFUNC;

	// The answers' code goes where the longest function was.
	const text64 = programs.find(({ p_type, p_flags }) => p_type === PT_LOAD && p_flags % 2 === PF_X);
	const inside = symbols
		.filter(
			(one) => isFunction(one) && one.st_value >= (text64?.p_vaddr ?? 0n) && one.st_shndx !== 0,
		)
		.sort((a, b) => Number(b.st_size - a.st_size))[0];
	const places = new Map<number, bigint>();
	const placeOf = (value: number): bigint => {
		const known = places.get(value);
		if (known !== undefined) return known;
		if (text64 === undefined || inside === undefined) throw unusable(where, "code");
		const bytes = answer(value);
		const at = ((inside.st_value + 15n) / 16n) * 16n + BigInt(places.size * 16);
		if (at + 16n > inside.st_value + inside.st_size) throw unusable(where, "a longer function");
		put(bytes, Number(at - text64.p_vaddr + text64.p_offset));
		places.set(value, at);
		return at;
	};
	for (const [i, symbol] of symbols.entries()) {
		if (symbol.st_shndx === 0) continue;
		const at = symbolsAt + i * symbol64.size;
		const named = answers.named?.[symbol.name] ?? answers.all;
		const value = wanted.has(symbol.name) ? named : undefined;
		if (value === undefined) put(symbol64.write({ ...symbol, st_shndx: 0, st_value: 0n }), at);
		else if (isFunction(symbol)) {
			const st_info = symbol.st_info - (symbol.st_info % 16) + STT_FUNC;
			put(symbol64.write({ ...symbol, st_info, st_value: placeOf(value), st_size: 8n }), at);
		}
	}
	return made;
}

function unusable(where: string, expected: string): Error {
	return debianError("check", "DEBIAN_ELF", "no library that another could stand in for", {
		where,
		expected,
	});
}
