import { randomBytes } from "node:crypto";
import {
	close,
	constants,
	copyFile,
	fchmod,
	fstat,
	open,
	realpath,
	rename,
	stat,
	unlink,
	write,
} from "node:fs";
import { promisify } from "node:util";
import { EkexecError } from "../bytes/index.ts";
import type { InitrdCode } from "./codes.ts";
import { sentenceOf } from "./reasons.ts";
import { ioError } from "./source.ts";

const [openP, closeP, fstatP, renameP, statP, unlinkP, copyP, writeP, realpathP, chmodP] = [
	promisify(open),
	promisify(close),
	promisify(fstat),
	promisify(rename),
	promisify(stat),
	promisify(unlink),
	promisify(copyFile),
	promisify(write),
	promisify(realpath),
	promisify(fchmod),
] as const;

/** Refuses what is no file, or cannot be read: a copy of it would blame either file for what is wrong with the other. */
export async function checkReadable(path: string, where: string = path): Promise<void> {
	const wrong = (code: string, cause?: unknown) =>
		new EkexecError<InitrdCode>("usage", "INITRD_IO", `cannot read: ${code}`, {
			where,
			remedy: sentenceOf(code),
			cause,
		});
	try {
		const stats = await statP(path);
		if (!stats.isFile()) {
			throw stats.isDirectory()
				? wrong("EISDIR")
				: new EkexecError<InitrdCode>("usage", "INITRD_OPTION", "only a file can be appended to", {
						where,
					});
		}
		await closeP(await openP(path, "r"));
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw error instanceof EkexecError ? error : wrong(code ?? String(error), error);
	}
}

/** Buffers in turn: one being filled while the others are written. */
const bufferCount = 4;

/**
 * A file in the making. It gets its name only when all of it is written, so that a failure or an interrupt leaves
 * whatever had the name before; devices, fifos and the like are written to directly.
 */
export class OutputFile {
	readonly #path: string;
	readonly #temporary: string | undefined;
	readonly #fd: number;
	#position: number;
	readonly #free: Uint8Array[] = [];
	#made = 0;
	readonly #bufferSize: number;
	#waiting: { resolve: (buffer: Uint8Array) => void; reject: (error: unknown) => void } | undefined;
	#error: unknown;
	#running = 0;
	#idle: (() => void) | undefined;
	#last: Promise<void> = Promise.resolve();

	private constructor(
		path: string,
		temporary: string | undefined,
		fd: number,
		position: number,
		bufferSize: number,
	) {
		this.#path = path;
		this.#temporary = temporary;
		this.#fd = fd;
		this.#position = position;
		this.#bufferSize = bufferSize;
	}

	/**
	 * Begins a file, as a copy of `base` if that is given (shared blocks where the file system can), of which the caller knows
	 * by {@link checkReadable} that it can be one.
	 */
	static async create(
		path: string,
		options: { readonly base?: string | undefined; readonly bufferSize: number },
	): Promise<OutputFile> {
		try {
			const there = await statP(path).catch(() => undefined);
			if (there !== undefined && !there.isFile()) {
				if (options.base !== undefined) {
					throw new EkexecError<InitrdCode>(
						"usage",
						"INITRD_OPTION",
						"only a file can be appended to",
						{
							where: path,
						},
					);
				}
				return new OutputFile(path, undefined, await openP(path, "w"), 0, options.bufferSize);
			}
			// What a symlink leads to is replaced, not the symlink; a file that is there keeps its permissions.
			const real = there === undefined ? path : await realpathP(path);
			const temporary = `${real}.${randomBytes(6).toString("hex")}.part`;
			if (options.base !== undefined)
				await copyP(options.base, temporary, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
			const fd = await openP(temporary, options.base === undefined ? "wx" : "r+", 0o666);
			if (there !== undefined) await chmodP(fd, there.mode);
			const { size } = await fstatP(fd);
			return new OutputFile(real, temporary, fd, size, options.bufferSize);
		} catch (error) {
			throw error instanceof EkexecError ? error : ioError(error, "write", path);
		}
	}

	/** Bytes the file has, those on their way counted. */
	get size(): number {
		return this.#position;
	}

	/** A buffer that nobody uses; waits for a write to end if there is none. */
	take(): Uint8Array | Promise<Uint8Array> {
		const free = this.#free.pop();
		if (free !== undefined) return free;
		if (this.#made < bufferCount) {
			this.#made += 1;
			return Buffer.allocUnsafeSlow(this.#bufferSize + 1);
		}
		return new Promise((resolve, reject) => {
			if (this.#error !== undefined) reject(this.#error);
			else this.#waiting = { resolve, reject };
		});
	}

	/**
	 * Writes bytes behind all those before; answers when they are written. A buffer from {@link take} goes back by
	 * itself, so nobody need wait for it. Throws the error of any earlier write.
	 */
	append(bytes: Uint8Array): Promise<void> {
		if (this.#error !== undefined) throw this.#error;
		const position = this.#position;
		this.#position += bytes.length;
		this.#running += 1;
		const done = () => {
			this.#running -= 1;
			if (this.#isOurs(bytes)) this.#give(new Uint8Array(bytes.buffer));
			if (this.#running === 0) this.#idle?.();
		};
		if (this.#temporary !== undefined) return this.#write(bytes, position).then(done);
		// A pipe or terminal has no positions: one write at a time.
		this.#last = this.#last.then(() => this.#write(bytes, null)).then(done);
		return this.#last;
	}

	/** As {@link append}, but waits only for bytes that would otherwise pile up. */
	async put(bytes: Uint8Array): Promise<void> {
		const written = this.append(bytes);
		if (!this.#isOurs(bytes)) await written;
	}

	#isOurs(bytes: Uint8Array): boolean {
		return bytes.buffer.byteLength === this.#bufferSize + 1;
	}

	/** Never rejects: an error is kept for the next call. */
	async #write(bytes: Uint8Array, position: number | null): Promise<void> {
		let left = bytes;
		let at = position;
		try {
			while (left.length > 0 && this.#error === undefined) {
				const { bytesWritten } = await writeP(this.#fd, left, 0, left.length, at);
				left = left.subarray(bytesWritten);
				if (at !== null) at += bytesWritten;
			}
		} catch (error) {
			this.#error ??= ioError(error, "write", this.#path);
			this.#waiting?.reject(this.#error);
			this.#waiting = undefined;
		}
	}

	#give(buffer: Uint8Array): void {
		const waiting = this.#waiting;
		this.#waiting = undefined;
		if (waiting !== undefined) waiting.resolve(buffer);
		else this.#free.push(buffer);
	}

	/** Waits for all writes and gives the file its name. */
	async finish(): Promise<void> {
		await this.#settle();
		try {
			if (this.#error !== undefined) throw this.#error;
			await closeP(this.#fd);
			if (this.#temporary !== undefined) await renameP(this.#temporary, this.#path);
		} catch (error) {
			if (this.#temporary !== undefined) await unlinkP(this.#temporary).catch(() => undefined);
			throw error === this.#error ? error : ioError(error, "write", this.#path);
		}
	}

	/** Gives up: nothing remains of the file. */
	async discard(): Promise<void> {
		await this.#settle();
		await closeP(this.#fd).catch(() => undefined);
		if (this.#temporary !== undefined) await unlinkP(this.#temporary).catch(() => undefined);
	}

	async #settle(): Promise<void> {
		if (this.#running > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
	}
}
