import { EkexecError } from "../bytes/index.ts";
import { microcodeArchive } from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";

/**
 * The early archive of files with microcode, each told by its head: Intel's begins with header version 1
 * (arch/x86/include/asm/microcode.h, struct microcode_header_intel), AMD's with "DMA\0" (UCODE_MAGIC, 0x00414d44).
 */
export function microcodeOf(
	files: readonly { readonly where: string; readonly bytes: Uint8Array }[],
): Uint8Array<ArrayBuffer> {
	const found: { intel: Uint8Array[]; amd: Uint8Array[] } = { intel: [], amd: [] };
	for (const { where, bytes } of files) {
		const head =
			bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
		if (head === 1) found.intel.push(bytes);
		else if (head === 0x0041_4d44) found.amd.push(bytes);
		else {
			throw new EkexecError<InitrdCode>("usage", "INITRD_OPTION", "not microcode of Intel or AMD", {
				where,
				offset: 0,
				expected: "a header of version 1, or DMA and NUL",
				found: `0x${head.toString(16)}`,
			});
		}
	}
	// Files of one vendor follow one another: the kernel walks through them.
	return microcodeArchive({
		...(found.intel.length > 0 ? { intel: Buffer.concat(found.intel) } : {}),
		...(found.amd.length > 0 ? { amd: Buffer.concat(found.amd) } : {}),
	});
}
