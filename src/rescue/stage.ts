import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { alignUp } from "../bytes/index.ts";
import type { Image, ImageFile, ImageLayer } from "../image/index.ts";
import {
	type DigestPart,
	fileNumber,
	type LoadFacts,
	type StagedFile,
	type StagedPart,
} from "../kexec/index.ts";
import { type identityOf, identityParts } from "./identity.ts";
import { type Fallback, prepareFallback } from "./load.ts";

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
function kernelFile(kernel: ImageFile): StagedFile {
	return { file: fileNumber.kernel, size: kernel.size, parts: [digestPart(kernel, 0)] };
}

/** Where the layers lie in the initrd: each at a multiple of 4, zeros between, which the kernel skips. */
function layerParts(layers: readonly ImageLayer[]): { parts: StagedPart[]; end: number } {
	const parts: StagedPart[] = [];
	let at = 0;
	for (const layer of layers) {
		at = alignUp(at, 4);
		parts.push(digestPart(layer, at));
		at += layer.size;
	}
	return { parts, end: at };
}

/** What a rescue brings into the target's memory. */
export interface StagedFiles {
	/** Sent first, and tried alone. */
	readonly kernel: StagedFile;
	/** The initrd, and what kexec_load needs besides. */
	readonly rest: readonly StagedFile[];
	/** Bytes of kernel and layers. */
	readonly total: number;
	readonly fallback: Fallback;
}

/** The files of an image for one target, and kexec_load made ready for them. */
export async function stagedFiles(
	image: Image,
	layers: readonly ImageLayer[],
	identity: ReturnType<typeof identityOf>,
	commandLine: string,
	loadFacts: LoadFacts,
): Promise<StagedFiles> {
	const { architecture, adapter } = image.manifest;
	const { parts, end } = layerParts(layers);
	const last = identityParts(adapter, identity, end);
	const initrd = { file: fileNumber.initrd, size: last.end, parts: [...parts, ...last.parts] };
	const kernel = new Uint8Array(await readFile(image.kernel.path));
	const input = { kernel, initrdSize: initrd.size, commandLine };
	const fallback = prepareFallback(architecture, input, loadFacts);
	return {
		kernel: kernelFile(image.kernel),
		rest: [initrd, ...("plan" in fallback ? [fallback.plan.extra] : [])],
		total: kernel.length + layers.reduce((sum, { size }) => sum + size, 0),
		fallback,
	};
}
