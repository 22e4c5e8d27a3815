import { EkexecError } from "../bytes/index.ts";
import type { CpioCode } from "./codes.ts";
import { packCpio } from "./write.ts";

/** Microcode by vendor of the processor, each the contents of one file in the vendor's own format. */
export interface Microcode {
	readonly intel?: Uint8Array;
	readonly amd?: Uint8Array;
}

/**
 * The early archive from which an x86 kernel loads microcode before it does anything else. It must be the very first
 * thing of an initrd and not compressed (Documentation/arch/x86/microcode.rst). The data is aligned to 16 bytes, as
 * Intel's format asks; the length is a multiple of 4, so whatever follows may be appended directly.
 */
export function microcodeArchive(microcode: Microcode): Uint8Array<ArrayBuffer> {
	const files = [
		{ name: "kernel/x86/microcode/AuthenticAMD.bin", content: microcode.amd },
		{ name: "kernel/x86/microcode/GenuineIntel.bin", content: microcode.intel },
	].flatMap(({ name, content }) =>
		content === undefined ? [] : [{ kind: "file" as const, name, content }],
	);
	if (files.length === 0 || files.some(({ content }) => content.length === 0)) {
		throw new EkexecError<CpioCode>(
			"usage",
			"CPIO_CONTENT",
			"no microcode to put into an early archive",
			{
				expected: "the contents of a file of Intel's or AMD's",
				found: "nothing",
			},
		);
	}
	return packCpio(files, { align: 16 });
}
