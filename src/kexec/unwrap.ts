// Kernels in a wrapping that kexec does not take off.
import { concat, EkexecError } from "../bytes/index.ts";
import { byteSource, codecOf } from "../compress/index.ts";
import { type KernelImageCode, readKernelImage } from "./image.ts";

/** A kernel in memory is not larger. */
const maxKernel = 512 * 1024 * 1024;

/**
 * The kernel that kexec can load: the same bytes for a bzImage or a plain arm64 Image, the unpacked Image of a gzip or
 * EFI zboot wrapping. The signature of a wrapping is lost with it. Throws `KERNEL_UNSUPPORTED`, `KERNEL_UNKNOWN`,
 * and what the compress room says of a broken stream.
 */
export async function unwrapKernel(
	bytes: Uint8Array,
	options: { readonly where?: string; readonly signal?: AbortSignal } = {},
): Promise<Uint8Array> {
	const { where = "kernel", signal } = options;
	const image = readKernelImage(bytes, where);
	if (image.format === "bzImage" || image.format === "Image") return bytes;
	const { offset, size } =
		image.format === "gzip" ? { offset: 0, size: bytes.length } : image.payload;
	const payload = bytes.subarray(offset, offset + size);
	const codec = codecOf(payload, where, offset);
	if (codec === undefined) {
		const summary = "the kernel's wrapping cannot be taken off";
		throw new EkexecError<KernelImageCode>("check", "KERNEL_UNSUPPORTED", summary, {
			where,
			offset,
			expected: "gzip, xz or zstd",
			found: image.format === "gzip" ? "gzip" : image.compression,
		});
	}
	const parts: Uint8Array[] = [];
	const source = byteSource([payload], { where, base: offset });
	const limits = { maxOutput: maxKernel, ...(signal === undefined ? {} : { signal }) };
	for await (const chunk of codec.decode(source, limits)) parts.push(chunk);
	return concat(parts);
}
