import { Cursor, EkexecError, text } from "../../bytes/index.ts";

export type ModulesCode = "MODULES_ELF" | "MODULES_NAME" | "MODULES_INDEX" | "MODULES_MISSING";

/** A section of an object file; `link` is the number of the section its entries refer to. */
export interface Section {
	readonly name: string;
	readonly type: number;
	readonly offset: number;
	readonly size: number;
	readonly link: number;
}

/** elf.h: SHT_SYMTAB, SHT_NOBITS */
const symbolTable = 2;
const noBits = 8;
/** A kernel module has some hundred sections; more than this is no module (e_shnum is 16 bits anyway). */
const maxSections = 20_000;

/** A relocatable 64-bit little-endian object file (ELF gABI chapter 4, elf.h), as far as modules need it. */
export class ObjectFile {
	readonly bytes: Uint8Array;
	readonly where: string;
	readonly sections: readonly Section[];

	/** @throws MODULES_ELF */
	constructor(bytes: Uint8Array, where: string) {
		this.bytes = bytes;
		this.where = where;
		try {
			this.sections = readSections(bytes, where);
		} catch (cause) {
			if (cause instanceof EkexecError && cause.code === "MODULES_ELF") throw cause;
			throw notElf(where, "sections within the file", "a section beyond its end", cause);
		}
	}

	/** Bytes of the section of that name, or undefined. */
	section(name: string): Uint8Array | undefined {
		const found = this.sections.find((section) => section.name === name);
		return found === undefined ? undefined : this.#bytesOf(found);
	}

	/** Names of all symbols that have one. */
	*symbols(): Generator<string, void, void> {
		// Elf64_Sym: st_name 4, st_info 1, st_other 1, st_shndx 2, st_value 8, st_size 8.
		const entrySize = 24;
		for (const section of this.sections) {
			const names = this.sections[section.link];
			if (section.type !== symbolTable || names === undefined) continue;
			const table = new Cursor(this.#bytesOf(section), { where: this.where, base: section.offset });
			const strings = this.#bytesOf(names);
			while (table.remaining >= entrySize) {
				const name = table.u32("st_name");
				table.skip(entrySize - 4);
				if (name !== 0 && name < strings.length) yield stringAt(strings, name);
			}
		}
	}

	#bytesOf({ offset, size, type }: Section): Uint8Array {
		return type === noBits ? this.bytes.subarray(0, 0) : this.bytes.subarray(offset, offset + size);
	}
}

function readSections(bytes: Uint8Array, where: string): Section[] {
	const header = new Cursor(bytes, { where });
	const magic = header.take(6, "e_ident");
	// 0x7f E L F, ELFCLASS64, ELFDATA2LSB: amd64 and arm64 alike.
	if (magic.join() !== "127,69,76,70,2,1") {
		throw notElf(where, "a 64-bit little-endian ELF file", `bytes ${[...magic].join(" ")}`);
	}
	header.seek(0x28, "e_shoff");
	const table = header.size64("e_shoff");
	header.seek(0x3a, "e_shentsize");
	const entrySize = header.u16("e_shentsize");
	const count = header.u16("e_shnum");
	const namesIndex = header.u16("e_shstrndx");
	if (entrySize !== 64 || count === 0 || count > maxSections) {
		throw notElf(where, "a table of sections", `${count} sections of ${entrySize} bytes`);
	}
	const raw = Array.from({ length: count }, (_, index) => {
		header.seek(table + index * entrySize, "section header");
		const name = header.u32("sh_name");
		const type = header.u32("sh_type");
		header.skip(16);
		const offset = header.size64("sh_offset");
		const size = header.size64("sh_size");
		if (type !== noBits && offset + size > bytes.length) {
			throw notElf(where, "sections within the file", `one of ${size} bytes at ${offset}`);
		}
		return { name, type, offset, size, link: header.u32("sh_link") };
	});
	const names = raw[namesIndex];
	if (names === undefined) throw notElf(where, "a table of section names", "none");
	const strings = bytes.subarray(names.offset, names.offset + names.size);
	return raw.map((section) => ({ ...section, name: stringAt(strings, section.name) }));
}

function stringAt(strings: Uint8Array, at: number): string {
	const end = strings.indexOf(0, at);
	return text(strings.subarray(at, end === -1 ? strings.length : end));
}

function notElf(
	where: string,
	expected: string,
	found: string,
	cause?: unknown,
): EkexecError<ModulesCode> {
	const summary = "this is no kernel module that ekexec can read";
	return new EkexecError("check", "MODULES_ELF", summary, { where, expected, found, cause });
}
