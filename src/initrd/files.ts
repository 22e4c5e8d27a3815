import { readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setImmediate as turn } from "node:timers/promises";
import type { SkippingIterator } from "../compress/index.ts";
import { ioError } from "./source.ts";

const chunkSize = 1024 * 1024;
/** What is read behind a place that was skipped: as a rule there is a header, and then the next to skip. */
const smallSize = 4 * 1024;
/** Small reads are synchronous, a trip to the thread pool costs many times as much; this often others get their turn. */
const turnEvery = 64;

export interface FileChunksOptions {
	readonly start?: number;
	readonly end?: number;
	readonly signal?: AbortSignal | undefined;
	/** Told how far the reading has come, of how many bytes if that is known, and when it is over. */
	readonly progress?:
		| { update(done: number, total: number | undefined): void; end(): void }
		| undefined;
}

/**
 * The bytes of a file in large chunks, from one offset to another. What the reader skips is not read, where the file is
 * one with positions. Throws `INITRD_IO`.
 */
export function fileChunks(
	path: string,
	options: FileChunksOptions = {},
): AsyncIterableIterator<Uint8Array> & SkippingIterator {
	return new FileChunks(path, options);
}

class FileChunks implements AsyncIterableIterator<Uint8Array>, SkippingIterator {
	readonly #path: string;
	readonly #options: FileChunksOptions;
	#handle: FileHandle | undefined;
	#closed = false;
	#position: number;
	#end: number;
	/** Of a regular file; undefined for what has no positions. */
	#size: number | undefined;
	#next = chunkSize;
	#reads = 0;
	#shared = new Uint8Array(0);
	/** Bytes of it that were handed out. */
	#used = 0;

	constructor(path: string, options: FileChunksOptions) {
		this.#path = path;
		this.#options = options;
		this.#position = options.start ?? 0;
		this.#end = options.end ?? Number.MAX_SAFE_INTEGER;
	}

	[Symbol.asyncIterator](): this {
		return this;
	}

	async next(): Promise<IteratorResult<Uint8Array, undefined>> {
		try {
			const chunk = this.#closed ? undefined : await this.#read();
			if (chunk !== undefined) return { done: false, value: chunk };
		} catch (error) {
			await this.return();
			const system = (error as NodeJS.ErrnoException).syscall !== undefined;
			throw system ? ioError(error, "read", this.#path) : error;
		}
		return this.return();
	}

	skip(count: number): number {
		if (this.#size === undefined) return 0;
		const passed = Math.max(0, Math.min(count, Math.min(this.#size, this.#end) - this.#position));
		this.#position += passed;
		if (passed > 0) this.#next = smallSize;
		return passed;
	}

	async return(): Promise<IteratorReturnResult<undefined>> {
		if (!this.#closed) this.#options.progress?.end();
		this.#closed = true;
		const handle = this.#handle;
		this.#handle = undefined;
		await handle?.close();
		return { done: true, value: undefined };
	}

	async #read(): Promise<Uint8Array | undefined> {
		this.#options.signal?.throwIfAborted();
		const handle = this.#handle ?? (await this.#open());
		const left = this.#end - this.#position;
		if (left <= 0) return undefined;
		const length = Math.min(this.#next, left);
		const buffer = this.#room(length);
		const at = this.#size === undefined ? null : this.#position;
		let got: number;
		if (length < chunkSize && at !== null) {
			this.#reads += 1;
			if (this.#reads % turnEvery === 0) await turn();
			got = readSync(handle.fd, buffer, 0, length, at);
		} else got = (await handle.read(buffer, 0, length, at)).bytesRead;
		this.#next = Math.min(chunkSize, 4 * this.#next);
		if (got === 0) return undefined;
		this.#position += got;
		this.#used += got;
		this.#options.progress?.update(this.#position, this.#size);
		return buffer.subarray(0, got);
	}

	/** Small pieces share a buffer: thousands of their own would keep the garbage collector busy. */
	#room(length: number): Uint8Array {
		if (this.#shared.length - this.#used < length) {
			this.#shared = Buffer.allocUnsafeSlow(chunkSize);
			this.#used = 0;
		}
		return this.#shared.subarray(this.#used, this.#used + length);
	}

	async #open(): Promise<FileHandle> {
		const handle = await open(this.#path, "r");
		this.#handle = handle;
		const stats = await handle.stat();
		// A pipe has no positions.
		if (stats.isFile()) this.#size = stats.size;
		return handle;
	}
}
