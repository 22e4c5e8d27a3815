import { open } from "node:fs/promises";
import { ioError } from "./source.ts";

const chunkSize = 1024 * 1024;

/** The bytes of a file in large chunks, from one offset to another. Throws `INITRD_IO`. */
export async function* fileChunks(
	path: string,
	options: {
		readonly start?: number;
		readonly end?: number;
		readonly signal?: AbortSignal | undefined;
	} = {},
): AsyncGenerator<Uint8Array, void, undefined> {
	let handle: Awaited<ReturnType<typeof open>>;
	try {
		handle = await open(path, "r");
	} catch (error) {
		throw ioError(error, "read", path);
	}
	try {
		let position = options.start ?? 0;
		const end = options.end ?? Number.MAX_SAFE_INTEGER;
		// A pipe has no positions.
		const positioned = (await handle.stat()).isFile();
		while (position < end) {
			options.signal?.throwIfAborted();
			const buffer = Buffer.allocUnsafeSlow(Math.min(chunkSize, end - position));
			const { bytesRead } = await handle.read(
				buffer,
				0,
				buffer.length,
				positioned ? position : null,
			);
			if (bytesRead === 0) return;
			position += bytesRead;
			yield buffer.subarray(0, bytesRead);
		}
	} catch (error) {
		throw (error as NodeJS.ErrnoException).syscall === undefined
			? error
			: ioError(error, "read", path);
	} finally {
		await handle.close();
	}
}
