import { types } from "node:util";
import { compressError } from "./errors.ts";

/** What bytes can come from: chunks of any size, now or later. A chunk handed over stays as it is. */
export type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** An iterator of chunks that can leave bytes out. */
export interface SkippingIterator extends AsyncIterator<Uint8Array> {
	/** Leaves out up to `count` bytes behind those handed out; answers how many, never more than there are. */
	skip(count: number): number;
}

export interface SourceOptions {
	/** File, host or archive the bytes are from, for errors. */
	readonly where?: string;
	/** Offset of the first byte within `where`; 0 unless told. */
	readonly base?: number;
	readonly signal?: AbortSignal;
}

const nothing = new Uint8Array(0);

/**
 * A reading position in a sequence of chunks. Decoders take from it exactly the bytes of their stream, so that
 * whatever follows (the next segment, padding) is still there afterwards and `offset` is where the stream ended.
 */
export class ByteSource {
	readonly where: string | undefined;
	readonly #iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>;
	readonly #signal: AbortSignal | undefined;
	/** Of the decoder that reads at present. */
	#readers: AbortSignal | undefined;
	/** Read from the iterator or given back, not consumed yet; `#at` is the position in the first. */
	#chunks: Uint8Array[] = [];
	#at = 0;
	#held = 0;
	#ended = false;
	/** Whether the iterator has been asked and has not answered. */
	#pulling = false;
	#offset: number;

	/** A program without types may well hand over bytes as they are: they count as one chunk. */
	constructor(from: Chunks | Uint8Array, options: SourceOptions = {}) {
		const chunks = types.isUint8Array(from) ? [from] : from;
		this.#iterator =
			Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
		this.where = options.where;
		this.#offset = options.base ?? 0;
		this.#signal = options.signal;
	}

	/**
	 * From now on an abort of this signal, too, ends a wait for the producer; that of an earlier call no longer does.
	 * A decoder takes its signal back when it ends.
	 */
	heed(signal: AbortSignal | undefined): void {
		this.#readers = signal === this.#signal ? undefined : signal;
	}

	/** Bytes consumed so far, counted from `base`. */
	get offset(): number {
		return this.#offset;
	}

	/** The next `count` bytes without consuming them; fewer only at the end of the input. */
	async peek(count: number): Promise<Uint8Array> {
		while (this.#held < count && !this.#ended) await this.#pull();
		return this.#view(Math.min(count, this.#held));
	}

	/** The next bytes, as many as are at hand, at most `limit`; undefined at the end of the input. */
	async next(limit: number = Number.MAX_SAFE_INTEGER): Promise<Uint8Array | undefined> {
		while (this.#held === 0) {
			if (this.#ended) return undefined;
			await this.#pull();
		}
		const first = this.#chunks[0] ?? nothing;
		return this.#take(Math.min(limit, first.length - this.#at));
	}

	/** Exactly `count` bytes, or `COMPRESS_TRUNCATED` naming `field`. The caller caps `count`. */
	async exactly(count: number, field: string): Promise<Uint8Array> {
		while (this.#held < count) {
			if (this.#ended) {
				throw compressError("COMPRESS_TRUNCATED", {
					where: this.where,
					offset: this.#offset,
					field,
					expected: `${count} bytes`,
					found: `${this.#held} bytes`,
				});
			}
			await this.#pull();
		}
		return this.#take(count);
	}

	/**
	 * Consumes up to `count` bytes without a look at them, as far as that costs nothing: what is at hand, and what the
	 * chunks' iterator can leave out. Answers how many.
	 */
	skip(count: number): number {
		let skipped = 0;
		while (skipped < count && this.#held > 0) {
			const first = this.#chunks[0] ?? nothing;
			skipped += this.#take(Math.min(count - skipped, first.length - this.#at)).length;
		}
		if (skipped < count && !this.#ended && "skip" in this.#iterator) {
			const beyond = (this.#iterator as SkippingIterator).skip(count - skipped);
			this.#offset += beyond;
			skipped += beyond;
		}
		return skipped;
	}

	/** Consumes zero bytes up to the next other byte or the end; answers how many. */
	async skipZeros(): Promise<number> {
		let skipped = 0;
		for (;;) {
			const chunk = await this.next();
			if (chunk === undefined) return skipped;
			const found = chunk.findIndex((byte) => byte !== 0);
			if (found < 0) {
				skipped += chunk.length;
				continue;
			}
			this.unread(chunk.subarray(found));
			return skipped + found;
		}
	}

	/** Gives back bytes that were consumed last. */
	unread(bytes: Uint8Array): void {
		if (bytes.length === 0) return;
		if (this.#at > 0) {
			this.#chunks[0] = (this.#chunks[0] ?? nothing).subarray(this.#at);
			this.#at = 0;
		}
		this.#chunks.unshift(bytes);
		this.#held += bytes.length;
		this.#offset -= bytes.length;
	}

	/** Whether all input has been consumed. */
	async atEnd(): Promise<boolean> {
		return (await this.peek(1)).length === 0;
	}

	/** Tells the producer that nothing more will be read. */
	async close(): Promise<void> {
		this.#ended = true;
		this.#chunks = [];
		this.#held = 0;
		const closing = Promise.resolve(this.#iterator.return?.());
		// A producer that is still to bring something (a pipe in which nothing comes) hears of it only then.
		if (this.#pulling) closing.catch(() => {});
		else await closing;
	}

	async #pull(): Promise<void> {
		this.#readers?.throwIfAborted();
		const brought = unlessAborted(() => this.#bring(), this.#signal);
		// Where the readers' signal ends the wait, nobody else hears of its failure.
		if (brought instanceof Promise) brought.catch(() => {});
		const result = await unlessAborted(() => brought, this.#readers);
		if (result.done === true) {
			this.#ended = true;
			return;
		}
		// Of any realm: a test runner may have its own.
		if (!types.isUint8Array(result.value)) {
			throw new TypeError(`a chunk is no Uint8Array but ${typeof result.value}`);
		}
		if (result.value.length === 0) return;
		this.#chunks.push(result.value);
		this.#held += result.value.length;
	}

	#bring(): Promise<IteratorResult<Uint8Array>> | IteratorResult<Uint8Array> {
		const brought = this.#iterator.next();
		if (!(brought instanceof Promise)) return brought;
		this.#pulling = true;
		return brought.finally(() => {
			this.#pulling = false;
		});
	}

	#view(count: number): Uint8Array {
		const first = this.#chunks[0] ?? nothing;
		if (first.length - this.#at >= count) return first.subarray(this.#at, this.#at + count);
		// Joined once and kept joined, so that peeking again and taking cost nothing more.
		const whole = new Uint8Array(count);
		let joined = 0;
		let used = 0;
		while (joined < count) {
			const chunk = this.#chunks[used] ?? nothing;
			const part = chunk.subarray(used === 0 ? this.#at : 0);
			const wanted = Math.min(part.length, count - joined);
			whole.set(part.subarray(0, wanted), joined);
			joined += wanted;
			if (wanted < part.length) {
				this.#chunks[used] = part.subarray(wanted);
				break;
			}
			used += 1;
		}
		this.#chunks.splice(0, used, whole);
		this.#at = 0;
		return whole;
	}

	#take(count: number): Uint8Array {
		const bytes = this.#view(count);
		this.#at += count;
		this.#held -= count;
		this.#offset += count;
		if (this.#at === (this.#chunks[0]?.length ?? 0)) {
			this.#chunks.shift();
			this.#at = 0;
		}
		return bytes;
	}
}

/** An input that never comes (a pipe, a socket) must not outlive the wish to have it: rejects with the signal's reason. */
function unlessAborted<T>(
	work: () => Promise<T> | T,
	signal: AbortSignal | undefined,
): Promise<T> | T {
	if (signal === undefined) return work();
	signal.throwIfAborted();
	const coming = work();
	if (!(coming instanceof Promise)) return coming;
	return new Promise<T>((resolve, reject) => {
		const abort = () => reject(signal.reason);
		signal.addEventListener("abort", abort, { once: true });
		// It may have been aborted by the work itself.
		if (signal.aborted) abort();
		coming.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
	});
}

/** The chunks themselves, waited for until the signal is aborted: then its reason is thrown. Closes them in any case. */
export async function* untilAborted(
	chunks: Chunks,
	signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
	const source = new ByteSource(chunks, signal === undefined ? {} : { signal });
	try {
		for (;;) {
			const chunk = await source.next();
			if (chunk === undefined) return;
			yield chunk;
		}
	} finally {
		await source.close();
	}
}

/** The source itself, or a new one over chunks. */
export function byteSource(from: ByteSource | Chunks, options: SourceOptions = {}): ByteSource {
	return from instanceof ByteSource ? from : new ByteSource(from, options);
}
