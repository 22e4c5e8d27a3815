/** The beginning of an ELF program, 64-bit and little-endian unless told, that names a dynamic linker or none. */
export function elf(
	linker?: string,
	{ wide = true, little = true }: { wide?: boolean; little?: boolean } = {},
): Uint8Array {
	const bytes = Buffer.alloc(1024);
	const short = (at: number, value: number) =>
		little ? bytes.writeUInt16LE(value, at) : bytes.writeUInt16BE(value, at);
	const word = (at: number, value: number) =>
		little ? bytes.writeUInt32LE(value, at) : bytes.writeUInt32BE(value, at);
	const size = (at: number, value: number) => word(wide && !little ? at + 4 : at, value);
	bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, little ? 1 : 2, 1]);
	const table = wide ? 64 : 52;
	const entry = wide ? 56 : 32;
	size(wide ? 32 : 28, table);
	short(wide ? 54 : 42, entry);
	short(wide ? 56 : 44, linker === undefined ? 1 : 2);
	// PT_LOAD, then PT_INTERP.
	word(table, 1);
	if (linker !== undefined) {
		const at = table + entry;
		word(at, 3);
		size(at + (wide ? 8 : 4), 512);
		size(at + (wide ? 32 : 16), linker.length + 1);
		bytes.write(`${linker}\0`, 512, "latin1");
	}
	return bytes;
}
