import { concat } from "../bytes/index.ts";
import type { DecompressOptions } from "./codec.ts";
import { MAX_OUTPUT, MAX_WINDOW } from "./codec.ts";
import { compressError, threadsOption } from "./errors.ts";
import { type LzmaFailure, newLzmaStream, runLzma } from "./lzma.ts";
import { Lzma2Fault } from "./lzma2/fault.ts";
import { outputMeter } from "./meter.ts";
import { pace, STREAM_WORK } from "./pace.ts";
import { Pulse } from "./pulse.ts";
import type { ByteSource } from "./source.ts";
import { type BlockCoder, threadCoder } from "./workers.ts";
import {
	type BlockHeader,
	type BlockSizes,
	type Check,
	faults,
	readBlockHeader,
	readIndex,
	readStreamHeader,
	streamHeader,
	streamTail,
	XZ_EDGE,
} from "./xz-format.ts";

/** Unpacked bytes per call of the decoder: enough to forget the call's cost, little enough to hear an abort soon. */
const PIECE = 1024 * 1024;
/** Packed bytes per call, for what hardly shrank. */
const PACKED_PIECE = 512 * 1024;
/** What liblzma needs besides the dictionary, generously. */
const DECODER_OVERHEAD = 4 * 1024 * 1024;
/** Unpacked and packed bytes that may wait for their turn; a share is granted from the start … */
const AHEAD_BASE = 16 * 1024 * 1024;
/** … and each byte of input earns more (few real streams shrink further), up to a whole: */
const AHEAD_PER_BYTE = 32;
const AHEAD_MOST = 512 * 1024 * 1024;

/** Blocks on their way at most: they may be as small as twenty bytes, and each costs a decoder. */
const MAX_JOBS = 256;

/**
 * Unpacked bytes from which on threads with our own decoder take over. lzma-native's is the same for any size, but its
 * prebuilt liblzma was compiled without optimization and takes 1.7 times as long; starting a thread takes 30 ms.
 */
const THREADS_FROM = 4 * 1024 * 1024;
/** Milliseconds for which that is waited for: what comes slowly is unpacked as it comes. */
const THREADS_WITHIN = 200;

/** Some LZMA2 chunks of one block: bytes, and how many they unpack to, as their headers say. */
interface Piece {
	readonly bytes: Uint8Array<ArrayBuffer>;
	readonly unpacked: number;
}

/** A block on its way: filled with pieces by the walker, drained by a lane, its output taken in order. */
interface Job {
	/** Stream offset at which the block begins, for errors. */
	readonly offset: number;
	readonly header: BlockHeader;
	readonly pieces: Piece[];
	readonly output: Uint8Array[];
	/** All pieces are there. */
	complete: boolean;
	/** All output is there. */
	done: boolean;
	failure: unknown;
}

/**
 * One .xz stream. A walker reads the framing (block headers, LZMA2 chunk headers, index, footer): so the end of
 * each block is known before it is unpacked, whether or not the block header tells sizes, in a pipe as in a file;
 * lanes unpack blocks at the same time, each as a stream of its own; the output comes in order.
 */
export async function* decodeXz(
	source: ByteSource,
	options: DecompressOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
	const threads = threadsOption(options.threads, 1024);
	const begin = source.offset;
	source.heed(options.signal);
	const decoder = new Decoder(source, options);
	try {
		yield* decoder.run(threads);
	} finally {
		await decoder.stop();
		source.heed(undefined);
	}
	await pace(STREAM_WORK + source.offset - begin, options.signal);
}

class Decoder {
	readonly #source: ByteSource;
	readonly #options: DecompressOptions;
	readonly #pulse = new Pulse();
	/** Jobs whose output has not been taken in full, in order; the first is the head. */
	readonly #jobs: Job[] = [];
	/** Jobs no lane has begun. */
	readonly #fresh: Job[] = [];
	#check: Check = { id: 0, size: 0 };
	#waiting = 0;
	/** Unpacked bytes that the walker has come by. */
	#seen = 0;
	#walked = false;
	/** Nothing more is waited for before blocks are unpacked. */
	#hurry = false;
	#patience: NodeJS.Timeout | undefined;
	#failure: unknown;
	#stopped = false;
	readonly #lanes: Promise<void>[] = [];
	readonly #begin: number;

	constructor(source: ByteSource, options: DecompressOptions) {
		this.#source = source;
		this.#begin = source.offset;
		this.#options = options;
	}

	async *run(threads: number): AsyncGenerator<Uint8Array, void, undefined> {
		this.#check = await readStreamHeader(this.#source);
		this.#start(threads);
		for (;;) {
			this.#options.signal?.throwIfAborted();
			const head = this.#jobs[0];
			const chunk = head?.output.shift();
			if (chunk !== undefined) {
				this.#release(chunk.length);
				yield chunk;
			} else if (head?.done) {
				if (head.failure !== undefined) throw head.failure;
				this.#jobs.shift();
				this.#pulse.fire();
			} else if (head === undefined && this.#walked) {
				if (this.#failure !== undefined) throw this.#failure;
				return;
			} else {
				await this.#pulse.wait();
			}
		}
	}

	/** Waits for the lanes, which end soon; not for the walker, whose input may never come. */
	async stop(): Promise<void> {
		this.#stopped = true;
		clearTimeout(this.#patience);
		this.#pulse.fire();
		await Promise.all(this.#lanes);
		this.#options.signal?.removeEventListener("abort", this.#wake);
	}

	readonly #wake = (): void => this.#pulse.fire();

	#start(threads: number): void {
		this.#options.signal?.addEventListener("abort", this.#wake);
		const walk = async () => {
			try {
				await this.#walk();
			} catch (error) {
				this.#failure = error;
			}
			this.#walked = true;
			// A block that was cut short will get no more pieces.
			const last = this.#jobs.at(-1);
			if (last && !last.complete) {
				last.complete = true;
				last.failure ??= this.#failure;
			}
			this.#wake();
		};
		void walk();
		this.#patience = setTimeout(() => {
			this.#hurry = true;
			this.#wake();
		}, THREADS_WITHIN);
		for (let i = 0; i < threads; i++) this.#lanes.push(this.#lane());
	}

	#release(bytes: number): void {
		this.#waiting -= bytes;
		this.#pulse.fire();
	}

	get #over(): boolean {
		return this.#stopped || this.#options.signal?.aborted === true;
	}

	/** Whether one more block may be begun. */
	get #mayBegin(): boolean {
		return this.#jobs.length === 0 || this.#mayHold;
	}

	/** Whether blocks behind the head may go on. */
	get #mayHold(): boolean {
		const earned = AHEAD_BASE + AHEAD_PER_BYTE * (this.#source.offset - this.#begin);
		return this.#waiting < Math.min(AHEAD_MOST, earned);
	}

	async #walk(): Promise<void> {
		const source = this.#source;
		const meter = outputMeter(source, this.#options.maxOutput ?? MAX_OUTPUT);
		const blocks: BlockSizes[] = [];
		for (;;) {
			const [sizeByte] = await source.peek(1);
			if (sizeByte === undefined) await source.exactly(1, "xz block header or index");
			if (sizeByte === undefined || sizeByte === 0) break;
			while (!this.#over && (this.#jobs.length >= MAX_JOBS || !this.#mayBegin)) {
				// The walker waits for the lanes now: they must not wait for it.
				this.#hurry = true;
				this.#pulse.fire();
				await this.#pulse.wait();
			}
			if (this.#over) return;
			const offset = source.offset;
			const header = await readBlockHeader(source, sizeByte, this.#options.maxWindow ?? MAX_WINDOW);
			const job: Job = {
				offset,
				header,
				pieces: [],
				output: [],
				complete: false,
				done: false,
				failure: undefined,
			};
			this.#jobs.push(job);
			this.#fresh.push(job);
			blocks.push(await this.#walkBlock(job, header, meter));
			job.complete = true;
			this.#pulse.fire();
			if (this.#over) return;
		}
		await readIndex(source, this.#check, blocks);
	}

	/** 5.3.1 and the LZMA2 chunks of lzma2_decoder.c: control byte, sizes less one, properties, data. */
	async #walkBlock(
		job: Job,
		header: BlockHeader,
		meter: (bytes: number) => void,
	): Promise<BlockSizes> {
		const source = this.#source;
		const fault = faults(source);
		const dataAt = source.offset;
		let unpacked = 0;
		let parts: Uint8Array[] = [streamHeader(this.#check), header.bytes];
		let pieceUnpacked = 0;
		let pieceBytes = 0;
		const flush = () => {
			const bytes = concat(parts);
			this.#waiting += bytes.length;
			job.pieces.push({ bytes, unpacked: pieceUnpacked });
			parts = [];
			pieceUnpacked = 0;
			pieceBytes = 0;
			this.#pulse.fire();
		};
		for (;;) {
			const [control, high = 0, low = 0, packedHigh = 0, packedLow = 0] = await source.peek(5);
			if (control === undefined || control === 0) {
				parts.push(await source.exactly(1, "LZMA2 control byte"));
				break;
			}
			if (control > 2 && control < 0x80) {
				throw fault("COMPRESS_CORRUPT", "LZMA2 control byte", "0 to 2, 80 to ff", hex(control));
			}
			const lzma = control >= 0x80;
			const size = (lzma ? (control % 32) * 65536 : 0) + high * 256 + low + 1;
			const properties = control >= 0xc0 ? 1 : 0;
			const stored = lzma ? 5 + properties + packedHigh * 256 + packedLow + 1 : 3 + size;
			// The whole chunk first: sizes cut short by the end of the input are not believed.
			const chunk = await source.exactly(stored, "LZMA2 chunk");
			meter(size);
			unpacked += size;
			this.#seen += size;
			if (header.unpacked !== undefined && unpacked > header.unpacked) {
				const expected = `${header.unpacked} bytes`;
				throw fault("COMPRESS_CORRUPT", "xz uncompressed size", expected, "more");
			}
			parts.push(chunk);
			pieceUnpacked += size;
			pieceBytes += stored;
			if (pieceUnpacked >= PIECE || pieceBytes >= PACKED_PIECE) {
				flush();
				// What fits the budget is read ahead; the block whose turn has come is fed even without.
				while (!this.#over && !this.#mayHold && !(job === this.#jobs[0] && job.pieces.length < 4)) {
					await this.#pulse.wait();
				}
				if (this.#over) return { unpadded: 0, unpacked: 0 };
			}
		}
		const packed = source.offset - dataAt;
		const sizes = { unpadded: header.bytes.length + packed + this.#check.size, unpacked };
		if (header.packed !== undefined && header.packed !== packed) {
			const found = `${packed} bytes`;
			throw fault("COMPRESS_CORRUPT", "xz compressed size", `${header.packed} bytes`, found);
		}
		if (header.unpacked !== undefined && header.unpacked !== unpacked) {
			const found = `${unpacked} bytes`;
			throw fault("COMPRESS_CORRUPT", "xz uncompressed size", `${header.unpacked} bytes`, found);
		}
		const padding = (4 - (packed % 4)) % 4;
		parts.push(await source.exactly(padding, "xz block padding"));
		parts.push(await source.exactly(this.#check.size, "xz check"));
		parts.push(streamTail(this.#check, sizes));
		flush();
		return sizes;
	}

	/** Unpacks one block after the other until none is left. */
	async #lane(): Promise<void> {
		for (;;) {
			const job = this.#fresh.shift();
			if (job !== undefined) {
				await this.#unpack(job);
			} else {
				if (this.#walked || this.#over) return;
				await this.#pulse.wait();
			}
		}
	}

	async #unpack(job: Job): Promise<void> {
		let coder: BlockCoder | undefined;
		try {
			let ended = false;
			// Until it is clear whether there is enough to do for threads.
			while (!this.#over && !this.#walked && !this.#hurry && !this.#worthThreads && this.#mayHold) {
				await this.#pulse.wait();
			}
			while (!this.#over) {
				const piece = job.pieces.shift();
				if (piece === undefined) {
					if (job.complete) break;
					await this.#pulse.wait();
					continue;
				}
				while (!this.#over && job !== this.#jobs[0] && !this.#mayHold) await this.#pulse.wait();
				if (this.#over) break;
				const { length } = piece.bytes;
				coder ??= this.#open(job.header);
				const step = await coder.step(piece.bytes);
				ended = step.ended;
				let given = 0;
				for (const chunk of step.output) {
					given += chunk.length;
					job.output.push(chunk);
				}
				this.#waiting += given;
				this.#release(length);
				// The head's output is on its way to the consumer, who may be slow; the others' has to fit the budget.
				while (!this.#over && job.output.length > 4 && (job === this.#jobs[0] || !this.#mayHold)) {
					await this.#pulse.wait();
				}
			}
			if (!this.#over && !ended && job.failure === undefined) {
				job.failure = this.#wrong(job, new Lzma2Fault("block not finished"));
			}
		} catch (error) {
			job.failure = this.#wrong(job, error);
			job.pieces.length = 0;
		} finally {
			coder?.close();
			job.done = true;
			this.#pulse.fire();
		}
	}

	get #worthThreads(): boolean {
		return this.#options.eager === true || this.#seen >= THREADS_FROM;
	}

	#open(header: BlockHeader): BlockCoder {
		if (header.plain && this.#worthThreads) {
			const skip = XZ_EDGE + header.bytes.length;
			return threadCoder({ skip, dictionary: header.dictionary, check: this.#check.id });
		}
		const stream = newLzmaStream();
		stream.setBufsize(PIECE);
		const window = this.#options.maxWindow ?? MAX_WINDOW;
		stream.streamDecoder_(window + DECODER_OVERHEAD, 0);
		return {
			step: (bytes) => runLzma(stream, bytes),
			close: () => stream.resetUnderlying(),
		};
	}

	#wrong(job: Job, error: unknown): unknown {
		const { where } = this.#source;
		const details = { where, offset: job.offset, field: "xz block", cause: error };
		const number = (error as LzmaFailure).code;
		// Neither liblzma nor our decoder speaks of the bytes: the thread itself came to grief.
		if (typeof number !== "number" && !(error instanceof Lzma2Fault)) return error;
		// LZMA_MEM_ERROR and LZMA_MEMLIMIT_ERROR; all else is what is wrong with the bytes.
		const kind = error instanceof Lzma2Fault ? error.kind : "data";
		if (number === 5 || number === 6 || kind === "memory") {
			return compressError("COMPRESS_LIMIT", {
				...details,
				found: "a dictionary the memory does not allow",
			});
		}
		return compressError("COMPRESS_CORRUPT", {
			...details,
			expected: "data and check as the format has them",
			found: (error as Error).message.toLowerCase(),
		});
	}
}

function hex(byte: number): string {
	return byte.toString(16).padStart(2, "0");
}
