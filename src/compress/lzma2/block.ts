import { createHash, type Hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { Lzma2Fault } from "./fault.ts";
import { lzma2Module } from "./module.ts";
import { type Memory, wasm } from "./wasm.ts";

/** What lzma2.c exports. */
interface Exports {
	properties(byte: number): number;
	reset(): void;
	chunk(
		input: number,
		packed: number,
		window: number,
		position: number,
		size: number,
		dictionary: number,
	): number;
	crc64(at: number, length: number, crc: bigint): bigint;
}

/** Where things lie in the module's memory: below INPUT its own data and stack, about 60 kB. */
const INPUT = 128 * 1024;
/** A chunk is at most 64 kB; the decoder may look a few bytes further. */
const WINDOW = 256 * 1024;
const PAGE = 65_536;
const MIB = 1024 * 1024;
/** 4 GiB, all that 32 bits reach. */
const MOST_PAGES = 65_536;
/** An instance whose memory has grown beyond this is not kept for the next block. */
const KEEP_MOST = 96 * MIB;

/** What a block's decoder has to know. */
export interface BlockStart {
	/** Bytes before the first LZMA2 chunk. */
	readonly skip: number;
	/** Dictionary in bytes. */
	readonly dictionary: number;
	/** Id of the check behind the data: none, CRC32, CRC64, SHA-256. */
	readonly check: number;
}

/** Unpacks blocks of .xz files whose only filter is LZMA2, one after the other. Synchronous: for worker threads. */
export class Lzma2Decoder {
	readonly #memory: Memory;
	readonly #coder: Exports;
	#bytes: Uint8Array;
	#skip = 0;
	#dictionary = 0;
	#check = 0;
	/** Bytes of the window that are known. */
	#position = 0;
	#packed = 0;
	#wantDictionary = true;
	#wantProperties = true;
	#crc32 = 0;
	#crc64 = 0n;
	#hash: Hash | undefined;

	/** `module`: the compiled lzma2.c; the one that comes with this program unless told. */
	constructor(module: Uint8Array = lzma2Module) {
		this.#memory = new wasm.Memory({ initial: WINDOW / PAGE + 64, maximum: MOST_PAGES });
		const instance = new wasm.Instance(new wasm.Module(Uint8Array.from(module)), {
			env: { memory: this.#memory },
		});
		this.#coder = instance.exports as unknown as Exports;
		this.#bytes = new Uint8Array(this.#memory.buffer);
	}

	/** Whether its memory is worth keeping for another block. */
	get reusable(): boolean {
		return this.#bytes.length <= KEEP_MOST;
	}

	begin({ skip, dictionary, check }: BlockStart): void {
		this.#skip = skip;
		this.#dictionary = dictionary;
		this.#check = check;
		this.#position = 0;
		this.#packed = 0;
		this.#wantDictionary = true;
		this.#wantProperties = true;
		this.#crc32 = 0;
		this.#crc64 = 0n;
		this.#hash = check === 10 ? createHash("sha256") : undefined;
	}

	/** Unpacks some whole chunks; behind the last one come padding and check, which are verified. Throws `Lzma2Fault`. */
	step(bytes: Uint8Array): { output: Uint8Array<ArrayBuffer>; ended: boolean } {
		const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		let at = this.#skip;
		this.#skip = 0;
		let total = 0;
		for (let next = at; next < bytes.length && bytes[next] !== 0; ) {
			const [size, length] = this.#sizes(view, next);
			total += size;
			next += length;
		}
		const output = new Uint8Array(total);
		let given = 0;
		let ended = false;
		while (at < bytes.length) {
			const control = bytes[at] ?? 0;
			if (control === 0) {
				this.#packed += 1;
				at += 1;
				ended = true;
				break;
			}
			const [size, length] = this.#sizes(view, at);
			this.#unpack(bytes.subarray(at, at + length), control, size);
			const begin = WINDOW + this.#position;
			const content = this.#bytes.subarray(begin, begin + size);
			output.set(content, given);
			if (this.#check === 4) this.#crc64 = this.#coder.crc64(begin, size, this.#crc64);
			this.#position += size;
			this.#packed += length;
			given += size;
			at += length;
		}
		if (this.#check === 1) this.#crc32 = crc32(output, this.#crc32);
		this.#hash?.update(output);
		if (ended) this.#verify(bytes.subarray(at));
		return { output, ended };
	}

	/** Unpacked size of the chunk at `at`, and its length, header and all. */
	#sizes(view: DataView, at: number): [size: number, length: number] {
		const control = view.getUint8(at);
		const low = view.getUint16(at + 1) + 1;
		if (control < 0x80) return [low, 3 + low];
		return [
			low + (control % 32) * 65_536,
			5 + (control >= 0xc0 ? 1 : 0) + view.getUint16(at + 3) + 1,
		];
	}

	/** xz-file-format.txt 5.3.1 leaves the order of resets to the encoder's source: lzma2_encoder.c, lzma2_decoder.c. */
	#unpack(chunk: Uint8Array, control: number, size: number): void {
		if (control >= 0xe0 || control === 1) {
			this.#wantDictionary = false;
			this.#wantProperties = true;
			this.#position = 0;
		} else if (this.#wantDictionary) {
			throw new Lzma2Fault("first chunk without a new dictionary");
		}
		this.#room(size);
		if (control < 0x80) {
			if (control > 2) throw new Lzma2Fault("unknown kind of chunk");
			this.#bytes.set(chunk.subarray(3), WINDOW + this.#position);
			// Unpacked bytes say nothing of the model: it stays as it is, unless it must be set anyway.
			return;
		}
		let at = 5;
		if (control >= 0xc0) {
			if (this.#coder.properties(chunk[at] ?? 0) !== 0) throw new Lzma2Fault("wrong properties");
			at += 1;
			this.#wantProperties = false;
		} else if (this.#wantProperties) {
			throw new Lzma2Fault("chunk without properties");
		}
		// New properties come with a reset: a chunk without one has had its own before.
		if (control >= 0xa0) this.#coder.reset();
		this.#bytes.set(chunk.subarray(at), INPUT);
		const packed = chunk.length - at;
		const place = [WINDOW, this.#position, size, this.#dictionary] as const;
		const wrong = this.#coder.chunk(INPUT, packed, ...place);
		if (wrong !== 0) throw new Lzma2Fault(`lzma data is corrupt (${wrong})`);
	}

	/** Makes room for `size` bytes: grows with the content, up to twice the dictionary and a bit; then drops what is too old. */
	#room(size: number): void {
		const most = 2 * this.#dictionary + 4 * MIB;
		if (this.#position + size > most) {
			// A multiple of 16 goes, as positions modulo 16 are part of the model.
			const drop = 16 * Math.floor((this.#position - this.#dictionary) / 16);
			this.#bytes.copyWithin(WINDOW, WINDOW + drop, WINDOW + this.#position);
			this.#position -= drop;
		}
		const need = WINDOW + this.#position + size + 64;
		if (need <= this.#bytes.length) return;
		const there = this.#bytes.length / PAGE;
		const least = Math.ceil(need / PAGE) - there;
		const pages = Math.min(Math.ceil((need * 1.5) / PAGE) - there, MOST_PAGES - there);
		try {
			this.#memory.grow(Math.max(least, pages));
		} catch {
			throw new Lzma2Fault("not enough memory for the dictionary", "memory");
		}
		this.#bytes = new Uint8Array(this.#memory.buffer);
	}

	/** Padding to a multiple of four, then the check; what stands behind is not ours. */
	#verify(rest: Uint8Array): void {
		const padding = (4 - (this.#packed % 4)) % 4;
		if (rest.subarray(0, padding).some((byte) => byte !== 0)) {
			throw new Lzma2Fault("padding that is not zero");
		}
		const check = Buffer.from(rest.subarray(padding));
		const equal =
			this.#check === 1
				? check.readUInt32LE(0) === this.#crc32
				: this.#check === 4
					? check.readBigUInt64LE(0) === BigInt.asUintN(64, this.#crc64)
					: this.#hash
						? this.#hash.digest().equals(check.subarray(0, 32))
						: true;
		if (!equal) throw new Lzma2Fault("data does not match its check");
	}
}
