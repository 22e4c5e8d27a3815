import { createReadStream } from "node:fs";
import { alignUp } from "../bytes/index.ts";
import type { ImageFile, ImageLayer } from "../image/index.ts";
import { type DigestPart, fileNumber, type StagedFile, type StagedPart } from "../kexec/index.ts";

/** Bytes read from an image file at a time. */
const readStep = 256 * 1024;

/** A file of the image as one part: checked on the target by its digest, read again from any offset. */
function digestPart(file: ImageFile, offset: number): DigestPart {
	return {
		offset,
		size: file.size,
		sha256: new Uint8Array(Buffer.from(file.sha256, "hex")),
		open: (from) => createReadStream(file.path, { start: from, highWaterMark: readStep }),
	};
}

/** The kernel as it is staged. */
export function kernelFile(kernel: ImageFile): StagedFile {
	return { file: fileNumber.kernel, size: kernel.size, parts: [digestPart(kernel, 0)] };
}

/** Where the layers lie in the initrd: each at a multiple of 4, zeros between, which the kernel skips. */
export function layerParts(layers: readonly ImageLayer[]): { parts: StagedPart[]; end: number } {
	const parts: StagedPart[] = [];
	let at = 0;
	for (const layer of layers) {
		at = alignUp(at, 4);
		parts.push(digestPart(layer, at));
		at += layer.size;
	}
	return { parts, end: at };
}
