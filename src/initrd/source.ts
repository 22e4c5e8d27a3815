import { closeSync, constants, openSync, type PathLike, readSync } from "node:fs";
import { EkexecError, showBytes } from "../bytes/index.ts";
import { addToSum } from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";
import { sentenceOf } from "./reasons.ts";

/** A path as the file system knows it: bytes, or a string for its UTF-8. */
export type Path = string | Uint8Array;

/** Content that lies in a file: all of it, or a stretch. */
export interface FileRef {
	readonly path: Path;
	/** Where the content begins. If given, the file may be longer than the content; else it must end with it. */
	readonly offset?: number;
}

/** Content that someone hands over when its turn comes. It must be as long as was said. */
export interface StreamRef {
	readonly stream: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Where the bytes of an entry come from when they are not in memory. */
export type ContentRef = FileRef | StreamRef;

export function fsPath(path: Path): PathLike {
	return typeof path === "string" ? path : Buffer.from(path.buffer, path.byteOffset, path.length);
}

export function showPath(path: Path): string {
	return typeof path === "string" ? path : showBytes(path);
}

/** Turns what the file system says into an error with the path and the system's own code. */
export function ioError(error: unknown, doing: string, path: Path): EkexecError<InitrdCode> {
	const { code, message } = error as NodeJS.ErrnoException;
	return new EkexecError("failed", "INITRD_IO", `cannot ${doing}: ${code ?? message}`, {
		where: showPath(path),
		remedy: sentenceOf(code),
		cause: error,
	});
}

/** A file being read from start to end, which must have exactly the length that was announced. */
export class FileReader {
	readonly #fd: number;
	readonly #path: Path;
	readonly #size: number;
	readonly #exact: boolean;
	/** Offset of the next read, where the content is only a part of the file. */
	readonly #start: number;
	#done = 0;

	constructor(ref: FileRef, size: number) {
		this.#path = ref.path;
		this.#size = size;
		this.#exact = ref.offset === undefined;
		this.#start = ref.offset ?? 0;
		try {
			// A file that was swapped for a symlink or a fifo after it was listed must not be followed or waited for.
			const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
			this.#fd = openSync(fsPath(ref.path), this.#exact ? flags : constants.O_RDONLY);
		} catch (error) {
			throw ioError(error, "read", ref.path);
		}
	}

	/** Bytes still to come. */
	get left(): number {
		return this.#size - this.#done;
	}

	/**
	 * Fills `into` from `at` with what is left, at most `limit` bytes; answers how many. One more byte than the
	 * content has is asked for at its end if there is room for it: that shows a file that grew without another call.
	 */
	read(into: Uint8Array, at: number, limit: number): number {
		const wanted = Math.min(this.left, limit);
		const probe = this.#exact && wanted === this.left && at + wanted < into.length ? 1 : 0;
		let got = 0;
		while (got < wanted + probe) {
			let length: number;
			try {
				const position = this.#exact ? null : this.#start + this.#done + got;
				length = readSync(this.#fd, into, at + got, wanted + probe - got, position);
			} catch (error) {
				throw ioError(error, "read", this.#path);
			}
			if (length === 0) break;
			got += length;
			// The usual case: the content and not a byte more came at once.
			if (got === wanted) break;
		}
		if (got !== wanted) throw this.#changed(this.#done + got);
		this.#done += wanted;
		return wanted;
	}

	close(): void {
		closeSync(this.#fd);
	}

	#changed(found: number): EkexecError<InitrdCode> {
		return new EkexecError("failed", "INITRD_CHANGED", "file changed while it was being read", {
			where: showPath(this.#path),
			expected: `${this.#size} bytes`,
			found: found > this.#size ? "more" : `${found} bytes`,
			remedy: "Pack it again when nothing writes to it.",
		});
	}
}

/** The 32-bit sum of a file's bytes, as the crc format wants it. */
export function sumOfFile(ref: FileRef, size: number): number {
	const reader = new FileReader(ref, size);
	const buffer = Buffer.allocUnsafeSlow(256 * 1024);
	let sum = 0;
	try {
		while (reader.left > 0) {
			const length = reader.read(buffer, 0, buffer.length - 1);
			sum = addToSum(sum, buffer.subarray(0, length));
		}
	} finally {
		reader.close();
	}
	return sum;
}
