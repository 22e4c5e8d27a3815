// Whether a kernel takes a parameter, by its own table of them.
import { EkexecError } from "../bytes/index.ts";
import { byteSource, codecOf } from "../compress/index.ts";
import { readKernelImage } from "./image.ts";

/** A kernel in memory is not larger. */
const maxKernel = 512 * 1024 * 1024;

/**
 * Whether the kernel has the boot parameter `name=`: the kernel keeps the names of `__setup` as strings
 * (include/linux/init.h). It tells more than a release does, which says nothing of what a distribution took over.
 * `bytes` is the whole file. Undefined where its compression cannot be read. Throws what `readKernelImage` throws.
 */
export async function knowsParameter(
	bytes: Uint8Array,
	name: string,
	options: { readonly where?: string; readonly signal?: AbortSignal } = {},
): Promise<boolean | undefined> {
	const { where = "kernel", signal } = options;
	const image = readKernelImage(bytes, where);
	const wanted = Buffer.from(`\0${name}=\0`, "latin1");
	if (image.format === "Image")
		return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(wanted);
	const { offset, size } =
		image.format === "gzip" ? { offset: 0, size: bytes.length } : image.payload;
	const payload = bytes.subarray(offset, offset + size);
	const limits = { maxOutput: maxKernel, ...(signal === undefined ? {} : { signal }) };
	let before = Buffer.alloc(0);
	try {
		const codec = codecOf(payload, where, offset);
		if (codec === undefined) return undefined;
		for await (const chunk of codec.decode(
			byteSource([payload], { where, base: offset }),
			limits,
		)) {
			const seen = Buffer.concat([before, chunk]);
			if (seen.includes(wanted)) return true;
			// The name may begin in one chunk and end in the next.
			before = seen.subarray(Math.max(0, seen.length - wanted.length + 1));
		}
		return false;
	} catch (error) {
		signal?.throwIfAborted();
		if (error instanceof EkexecError) return undefined;
		throw error;
	}
}
