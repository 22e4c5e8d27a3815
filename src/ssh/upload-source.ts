import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { UploadSource } from "./connection.ts";

/** A file of this machine as a source. */
export async function fileSource(path: string): Promise<UploadSource> {
	const { size } = await stat(path);
	return {
		size,
		read: (offset) => createReadStream(path, { start: offset, highWaterMark: 256 * 1024 }),
	};
}

/** Bytes in memory as a source. */
export function bytesSource(bytes: Uint8Array): UploadSource {
	return {
		size: bytes.length,
		async *read(offset) {
			for (let at = offset; at < bytes.length; at += 256 * 1024) {
				yield bytes.subarray(at, at + 256 * 1024);
			}
		},
	};
}
