import { Cursor, equal, utf8 } from "../bytes/index.ts";

/** How a kernel runs a file: by its own machine code, or by an interpreter. */
export interface Program {
	readonly kind: "elf" | "script";
	/**
	 * Path of what a script's first line names, or of an ELF program's dynamic linker, as a string of one character a byte;
	 * undefined for a program that needs none, or whose need is not told by its first {@link programHead} bytes.
	 */
	readonly interpreter: string | undefined;
}

/** So much of a file is looked at. Linkers put what is looked for into the first kilobyte. */
export const programHead = 4096;

/** BINPRM_BUF_SIZE of include/uapi/linux/binfmts.h: what a kernel reads of a script. */
const scriptHead = 256;
/** Of the paths of all interpreters of one initrd together, in characters: there are two or three. */
const maxKnownSize = 64 * 1024;

/** Recognises programs; each interpreter is kept once, however many files name it. */
export class ProgramReader {
	readonly #known = new Map<string, Program>();
	#size = 0;
	readonly #head = new Uint8Array(programHead);
	#held = 0;

	/** A new file begins. */
	begin(): void {
		this.#held = 0;
	}

	/** Takes the next bytes of the file. */
	push(bytes: Uint8Array): void {
		const piece = bytes.subarray(0, programHead - this.#held);
		this.#head.set(piece, this.#held);
		this.#held += piece.length;
	}

	/** What the file is; undefined if it is neither. */
	end(): Program | undefined {
		const program = programOf(this.#head.subarray(0, this.#held));
		if (program?.interpreter === undefined) return program;
		const key = `${program.kind} ${program.interpreter}`;
		const known = this.#known.get(key);
		if (known !== undefined) return known;
		this.#size += key.length;
		if (this.#size > maxKnownSize) return { kind: program.kind, interpreter: undefined };
		this.#known.set(key, program);
		return program;
	}
}

/** What a file with this beginning is: load_script() of fs/binfmt_script.c, load_elf_binary() of fs/binfmt_elf.c. */
export function programOf(head: Uint8Array): Program | undefined {
	if (head[0] === 0x23 && head[1] === 0x21) return script(head.subarray(2, scriptHead));
	if (!equal(head.subarray(0, 4), utf8("\x7fELF"))) return undefined;
	return { kind: "elf", interpreter: dynamicLinker(head) };
}

function script(line: Uint8Array): Program | undefined {
	const [, interpreter] = /^[ \t]*([^ \t\n\0]+)/.exec(Buffer.from(line).toString("latin1")) ?? [];
	return interpreter === undefined ? undefined : { kind: "script", interpreter };
}

/** PT_INTERP of include/uapi/linux/elf.h. */
const interpreterSegment = 3;

function dynamicLinker(head: Uint8Array): string | undefined {
	// EI_CLASS and EI_DATA.
	const wide = head[4] === 2;
	const cursor = new Cursor(head, { endian: head[5] === 2 ? "big" : "little" });
	const number = (at: number): number => {
		cursor.seek(at);
		return wide ? Number(cursor.u64()) : cursor.u32();
	};
	const short = (at: number): number => {
		cursor.seek(at);
		return cursor.u16();
	};
	const within = (at: number, length: number) => at + length <= head.length;
	if (!within(0, wide ? 64 : 52)) return undefined;
	const table = number(wide ? 32 : 28);
	const entrySize = short(wide ? 54 : 42);
	const entries = short(wide ? 56 : 44);
	// load_elf_phdrs() takes no other; and a table of such entries is soon at the end of the head.
	if (entrySize !== (wide ? 56 : 32)) return undefined;
	for (let i = 0; i < entries; i++) {
		const at = table + i * entrySize;
		if (!within(at, entrySize)) return undefined;
		cursor.seek(at);
		if (cursor.u32() !== interpreterSegment) continue;
		const start = number(at + (wide ? 8 : 4));
		const size = number(at + (wide ? 32 : 16));
		if (size < 2 || !within(start, size)) return undefined;
		const path = Buffer.from(head.subarray(start, start + size)).toString("latin1");
		return path.split("\0", 1)[0];
	}
	return undefined;
}
