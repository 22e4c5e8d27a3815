// PE/COFF as EFI firmware sees a kernel: only whether it is signed, and by whom.
import { Cursor, EkexecError, text } from "../bytes/index.ts";
import type { KernelImageCode } from "./image.ts";

/** An Authenticode signature in a PE file. */
export interface Signature {
	/** Where the certificate table lies in the file, and its size, in bytes. */
	readonly offset: number;
	readonly size: number;
	/** Common names in it (of issuer and signer), in their order, each once. Unverified. */
	readonly names: readonly string[];
}

/** Index of the certificate table among the data directories (PE format, "Optional Header Data Directories"). */
const certificateTable = 4;

/**
 * The signature of a PE file, `none` for one without, undefined for a file that is no PE at all.
 * Throws `KERNEL_BROKEN` where the table lies outside of the file.
 */
export function readSignature(bytes: Uint8Array, where = "kernel"): Signature | "none" | undefined {
	if (bytes[0] !== 0x4d || bytes[1] !== 0x5a || bytes.length < 0x40) return undefined;
	const cursor = new Cursor(bytes, { where });
	cursor.seek(0x3c);
	const start = cursor.u32("e_lfanew");
	if (start > bytes.length - 24) return undefined;
	cursor.seek(start);
	if (cursor.u32("PE signature") !== 0x4550) return undefined;
	cursor.seek(start + 24);
	const optional = cursor.u16("optional header magic");
	if (optional !== 0x10b && optional !== 0x20b) return undefined;
	// PE32+ (0x20b) has wider addresses before the count of directories.
	cursor.seek(start + 24 + (optional === 0x20b ? 108 : 92));
	if (cursor.u32("number of data directories") <= certificateTable) return "none";
	cursor.skip(8 * certificateTable, "data directories");
	const offset = cursor.u32("certificate table");
	const size = cursor.u32("size of certificate table");
	if (offset === 0 || size === 0) return "none";
	if (offset + size > bytes.length) {
		throw new EkexecError<KernelImageCode>(
			"check",
			"KERNEL_BROKEN",
			"the signature lies outside of the file",
			{
				where,
				offset: start,
				field: "certificate table",
				expected: `at most ${bytes.length}`,
				found: `${offset} + ${size}`,
			},
		);
	}
	return { offset, size, names: commonNames(bytes.subarray(offset, offset + size)) };
}

/** Strings after the object identifier of commonName (2.5.4.3) in DER. */
function commonNames(der: Uint8Array): string[] {
	const names: string[] = [];
	for (let at = der.indexOf(0x06); at >= 0 && at + 7 < der.length; at = der.indexOf(0x06, at + 1)) {
		if (der[at + 1] !== 3 || der[at + 2] !== 0x55 || der[at + 3] !== 4 || der[at + 4] !== 3)
			continue;
		const kind = der[at + 5] ?? 0;
		const length = der[at + 6] ?? 0;
		// UTF8String, PrintableString, IA5String; longer names than 127 bytes do not occur (ub-common-name is 64).
		if (![0x0c, 0x13, 0x16].includes(kind) || length > 127) continue;
		const name = text(der.subarray(at + 7, at + 7 + length));
		if (!names.includes(name)) names.push(name);
	}
	return names;
}
