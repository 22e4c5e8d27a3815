import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileChunks } from "../initrd/files.ts";
import type { Io } from "./command.ts";
import { Progress } from "./progress.ts";

/** Waits until a stream takes more. */
export async function writeAll(
	stream: NodeJS.WritableStream,
	data: Uint8Array | string,
): Promise<void> {
	if (!stream.write(data)) await once(stream, "drain");
}

/** An input named on a command line: a file, or `-` for the standard input. */
export interface Input {
	/** For errors. */
	readonly where: string;
	/** Its bytes from the start; may be called again. */
	chunks(progress?: boolean): AsyncIterable<Uint8Array>;
	close(): Promise<void>;
}

/** `again`: whether the input will be read more than once. The standard input is then kept in a private file meanwhile. */
export async function openInput(file: string, io: Io, verb: string, again = false): Promise<Input> {
	if (file !== "-") return fileInput(resolve(io.cwd, file), file, io, verb);
	if (!again) {
		const stdin = io.stdin as AsyncIterable<Buffer>;
		return { where: "standard input", chunks: () => stdin, close: async () => {} };
	}
	const folder = await mkdtemp(join(tmpdir(), "ekexec-"));
	const remove = () => rm(folder, { recursive: true, force: true });
	try {
		const copy = join(folder, "stdin");
		await pipeline(io.stdin, createWriteStream(copy, { mode: 0o600 }), { signal: io.signal });
		return { ...fileInput(copy, "standard input", io, verb), close: remove };
	} catch (error) {
		await remove();
		throw error;
	}
}

function fileInput(path: string, where: string, io: Io, verb: string): Input {
	return {
		where,
		chunks: (progress = true) =>
			fileChunks(path, {
				signal: io.signal,
				progress: progress ? new Progress(io, verb) : undefined,
			}),
		close: async () => {},
	};
}
