// Small ELF files with just the headers that a dynamic linker reads.
export interface ElfShape {
	readonly bits?: 32 | 64;
	readonly big?: boolean;
	readonly machine?: number;
	readonly type?: number;
	readonly interpreter?: string;
	readonly soname?: string;
	readonly needed?: readonly string[];
	readonly runpath?: string;
	/** JSON of a dlopen note. */
	readonly dlopen?: string;
}

export function elf(shape: ElfShape): Uint8Array {
	const { bits = 64, big = false, machine = bits === 64 ? 62 : 3, type = 3 } = shape;
	const wide = bits === 64;
	const file = Buffer.alloc(4096);
	const base = 0x400000;
	const u16 = (at: number, value: number) =>
		big ? file.writeUInt16BE(value, at) : file.writeUInt16LE(value, at);
	const u32 = (at: number, value: number) =>
		big ? file.writeUInt32BE(value, at) : file.writeUInt32LE(value, at);
	const word = (at: number, value: number) => {
		if (!wide) u32(at, value);
		else if (big) file.writeBigUInt64BE(BigInt(value), at);
		else file.writeBigUInt64LE(BigInt(value), at);
	};
	const step = wide ? 8 : 4;
	file.write("\x7fELF", 0, "latin1");
	file[4] = wide ? 2 : 1;
	file[5] = big ? 2 : 1;
	file[6] = 1;
	u16(16, type);
	u16(18, machine);
	// e_ident, type to version, then entry, phoff, shoff, flags, sizes
	const afterVersion = 24;
	const phoff = wide ? 64 : 52;
	word(afterVersion + step, phoff);
	const sizes = afterVersion + 3 * step + 4;
	u16(sizes, phoff);
	const phentsize = wide ? 56 : 32;
	u16(sizes + 2, phentsize);

	const names = ["\0"];
	const name = (text: string) => {
		const at = Buffer.byteLength(names.join(""));
		names.push(`${text}\0`);
		return at;
	};
	const tags: [number, number][] = (shape.needed ?? []).map((one) => [1, name(one)]);
	if (shape.soname !== undefined) tags.push([14, name(shape.soname)]);
	if (shape.runpath !== undefined) tags.push([29, name(shape.runpath)]);
	const [interpAt, dynamicAt, stringsAt, noteAt] = [1024, 1280, 2048, 3072];
	const strings = names.join("");
	file.write(strings, stringsAt);
	tags.push([5, base + stringsAt], [10, Buffer.byteLength(strings)], [0, 0]);
	for (const [at, [tag, value]] of tags.entries()) {
		word(dynamicAt + at * 2 * step, tag);
		word(dynamicAt + at * 2 * step + step, value);
	}
	const programs: [number, number, number][] = [
		[1, 0, file.length],
		[2, dynamicAt, tags.length * 2 * step],
	];
	if (shape.interpreter !== undefined) {
		const size = file.write(`${shape.interpreter}\0`, interpAt);
		programs.push([3, interpAt, size]);
	}
	if (shape.dlopen !== undefined) {
		const size = Buffer.byteLength(shape.dlopen);
		u32(noteAt, 4);
		u32(noteAt + 4, size);
		u32(noteAt + 8, 0x407c0c0a);
		file.write("FDO\0", noteAt + 12);
		file.write(shape.dlopen, noteAt + 16);
		programs.push([4, noteAt, 16 + size + ((4 - (size % 4)) % 4)]);
	}
	u16(sizes + 4, programs.length);
	for (const [at, [kind, offset, size]] of programs.entries()) {
		const head = phoff + at * phentsize;
		u32(head, kind);
		const first = wide ? head + 8 : head + 4;
		word(first, offset);
		word(first + step, base + offset);
		word(first + 3 * step, size);
		word(first + 4 * step, size);
	}
	return file;
}
