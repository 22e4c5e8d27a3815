import { ZSTD_BLOCK_MAX } from "./zstd-format.ts";
import {
	type FseTable,
	fseTable,
	type HuffmanTable,
	readCounts,
	readHuffman,
	rleTable,
	streamEnd,
	ZstdFault,
} from "./zstd-fse.ts";

// The decoder for a Node without zstd of its own: blocks of one frame in order, RFC 8878, 3.1.1.3 and 3.1.1.4.

/** Zeros before and behind a block, so that reading a word at any of its bits stays inside. */
const MARGIN = 16;

/** Size of a history at first: enough for all but large frames. */
const HISTORY = 2 * ZSTD_BLOCK_MAX;

/** 3.1.1.3.2.1.1: base and extra bits of each code. */
const literalBase: number[] = [];
const literalBits: number[] = [];
const matchBase: number[] = [];
const matchBits: number[] = [];
fill(literalBase, literalBits, 0, [
	...zeros(16),
	1,
	1,
	1,
	1,
	2,
	2,
	3,
	3,
	4,
	6,
	7,
	8,
	9,
	10,
	11,
	12,
	13,
	14,
	15,
	16,
]);
fill(matchBase, matchBits, 3, [
	...zeros(32),
	1,
	1,
	1,
	1,
	2,
	2,
	3,
	3,
	4,
	4,
	5,
	7,
	8,
	9,
	10,
	11,
	12,
	13,
	14,
	15,
	16,
]);

function zeros(count: number): number[] {
	return Array.from({ length: count }, () => 0);
}

/** Each code's base is the one before, plus what that one's extra bits span. */
function fill(base: number[], bits: number[], first: number, widths: readonly number[]): void {
	let next = first;
	for (const width of widths) {
		base.push(next);
		bits.push(width);
		next += 2 ** width;
	}
}

/** One of the three kinds of code of a sequence. */
interface CodeKind {
	readonly name: string;
	readonly maxLog: number;
	readonly maxCode: number;
	/** 3.1.1.3.2.2: used where a block asks for the predefined distribution. */
	readonly predefined: FseTable;
}

const literalKind: CodeKind = {
	name: "literals length",
	maxLog: 9,
	maxCode: 35,
	predefined: fseTable(
		[
			4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1,
			1, -1, -1, -1, -1,
		],
		6,
	),
};
const offsetKind: CodeKind = {
	name: "offset",
	maxLog: 8,
	maxCode: 31,
	predefined: fseTable(
		[1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
		5,
	),
};
const matchKind: CodeKind = {
	name: "match length",
	maxLog: 9,
	maxCode: 52,
	predefined: fseTable(
		[
			1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
			1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
		],
		6,
	),
};

/** Unpacks the blocks of a frame, one call a block; then those of another, if told to `begin` again. */
export class ZstdFrameDecoder {
	#window = 0;
	#blockMax = 0;
	/** The window and what was unpacked last; grows with the content, never by what the header claims. */
	#history: Uint8Array = new Uint8Array(HISTORY);
	/** Where the next byte goes. */
	#end = 0;
	/** A copy of the block between margins. */
	readonly #input: Uint8Array = new Uint8Array(ZSTD_BLOCK_MAX + 2 * MARGIN);
	readonly #view: DataView = new DataView(this.#input.buffer);
	#inputEnd = 0;
	readonly #literals: Uint8Array = new Uint8Array(ZSTD_BLOCK_MAX);
	#huffman: HuffmanTable | undefined;
	#literalTable: FseTable | undefined;
	#offsetTable: FseTable | undefined;
	#matchTable: FseTable | undefined;
	/** 3.1.1.5 */
	#recent: readonly [number, number, number] = [1, 4, 8];

	/** Whether it has grown to hold more than most frames need. */
	get large(): boolean {
		return this.#history.length > HISTORY;
	}

	/** A new frame: nothing of the one before can be referred to, as the history begins at its beginning again. */
	begin(window: number): void {
		this.#window = window;
		this.#blockMax = Math.min(window, ZSTD_BLOCK_MAX);
		this.#end = 0;
		this.#huffman = undefined;
		this.#literalTable = undefined;
		this.#offsetTable = undefined;
		this.#matchTable = undefined;
		this.#recent = [1, 4, 8];
	}

	/** Content of a raw block. */
	raw(body: Uint8Array): Uint8Array {
		this.#room();
		this.#history.set(body, this.#end);
		return this.#advance(body.length);
	}

	/** Content of an RLE block. */
	rle(byte: number, size: number): Uint8Array {
		this.#room();
		this.#history.fill(byte, this.#end, this.#end + size);
		return this.#advance(size);
	}

	/** Content of a compressed block. Throws `ZstdFault`. */
	compressed(body: Uint8Array): Uint8Array {
		this.#room();
		this.#input.set(body, MARGIN);
		this.#inputEnd = MARGIN + body.length;
		this.#input.fill(0, this.#inputEnd, this.#inputEnd + MARGIN);
		const { count, next } = this.#readLiterals();
		return this.#advance(this.#readSequences(next, count));
	}

	/** Makes room for one block more, dropping what has left the window. */
	#room(): void {
		if (this.#end + ZSTD_BLOCK_MAX <= this.#history.length) return;
		const keep = Math.min(this.#window, this.#end);
		// Twice the window, so that moving costs a byte moved per byte unpacked at most.
		const most = 2 * this.#window + 2 * ZSTD_BLOCK_MAX;
		if (this.#history.length < most && keep * 2 + ZSTD_BLOCK_MAX > this.#history.length) {
			const grown = new Uint8Array(Math.min(most, this.#history.length * 2));
			grown.set(this.#history.subarray(this.#end - keep, this.#end));
			this.#history = grown;
		} else {
			this.#history.copyWithin(0, this.#end - keep, this.#end);
		}
		this.#end = keep;
	}

	/** A copy of what was just written: the history moves on beneath it. */
	#advance(size: number): Uint8Array {
		const at = this.#end;
		this.#end += size;
		return this.#history.slice(at, this.#end);
	}

	/** 3.1.1.3.1: fills `#literals`; answers how many, and where the sequences begin. */
	#readLiterals(): { count: number; next: number } {
		const input = this.#input;
		let at = MARGIN;
		const b0 = input[at] ?? 0;
		const b1 = input[at + 1] ?? 0;
		const b2 = input[at + 2] ?? 0;
		const b3 = input[at + 3] ?? 0;
		const b4 = input[at + 4] ?? 0;
		const kind = b0 & 3;
		const format = (b0 >>> 2) & 3;
		if (kind < 2) {
			const [count, head] =
				format === 1
					? [(b0 >>> 4) + b1 * 16, 2]
					: format === 3
						? [(b0 >>> 4) + b1 * 16 + b2 * 4096, 3]
						: [b0 >>> 3, 1];
			at += head;
			this.#within(count <= this.#blockMax, "more literals than a block holds");
			this.#within(at + (kind === 0 ? count : 1) <= this.#inputEnd, "literals end too early");
			if (kind === 1) {
				this.#literals.fill(input[at] ?? 0, 0, count);
				return { count, next: at + 1 };
			}
			this.#literals.set(input.subarray(at, at + count));
			return { count, next: at + count };
		}
		// Two sizes of 10, 14 or 18 bits.
		const width = format < 2 ? 10 : format === 2 ? 14 : 18;
		const all = (b0 + b1 * 2 ** 8 + b2 * 2 ** 16 + b3 * 2 ** 24 + b4 * 2 ** 32) / 16;
		const count = Math.floor(all) % 2 ** width;
		const packed = Math.floor(all / 2 ** width) % 2 ** width;
		at += width === 10 ? 3 : width === 14 ? 4 : 5;
		const end = at + packed;
		this.#within(count <= this.#blockMax, "more literals than a block holds");
		this.#within(end <= this.#inputEnd, "literals end too early");
		if (kind === 2) {
			const { table, used } = readHuffman(input, this.#view, at, end);
			this.#huffman = table;
			at += used;
		}
		const table = this.#huffman;
		if (table === undefined) throw new ZstdFault("Huffman table repeated before there was one");
		if (format === 0) {
			this.#huffmanStream(table, at, end, 0, count);
			return { count, next: end };
		}
		// 3.1.1.3.1.6: three sizes, then four streams, each a quarter of the literals.
		this.#within(at + 6 <= end && count >= 6, "literals end too early");
		const quarter = Math.floor((count + 3) / 4);
		let from = at + 6;
		for (let i = 0; i < 4; i++) {
			const size = i < 3 ? this.#view.getUint16(at + 2 * i, true) : end - from;
			this.#within(size >= 0 && from + size <= end, "literals end too early");
			this.#huffmanStream(
				table,
				from,
				from + size,
				i * quarter,
				Math.min(count, (i + 1) * quarter),
			);
			from += size;
		}
		return { count, next: end };
	}

	#within(condition: boolean, message: string): void {
		if (!condition) throw new ZstdFault(message);
	}

	/** 4.2.2: codes are read backwards; exactly as many as there are bits. */
	#huffmanStream(table: HuffmanTable, from: number, to: number, first: number, end: number): void {
		const { log, entries } = table;
		const view = this.#view;
		const literals = this.#literals;
		const mask = (1 << log) - 1;
		const begin = 8 * from;
		// `low` is where a look of `log` bits begins: the code's own bits are its highest.
		let low = streamEnd(this.#input, from, to) - log;
		const stop = begin - log;
		for (let i = first; i < end; i++) {
			const entry = entries[(view.getUint32(low >>> 3, true) >>> (low & 7)) & mask] ?? 0;
			literals[i] = entry >>> 4;
			low -= entry & 15;
			if (low < stop) throw new ZstdFault("Huffman stream ends too early");
		}
		if (low !== stop) throw new ZstdFault("Huffman stream is too long");
	}

	/** 3.1.1.3.2: the table of one kind of code; `at` moves behind its description. */
	#table(
		kind: CodeKind,
		mode: number,
		at: number,
		previous: FseTable | undefined,
	): { table: FseTable; at: number } {
		if (mode === 0) return { table: kind.predefined, at };
		if (mode === 1) {
			const symbol = this.#input[at] ?? 0;
			this.#within(at < this.#inputEnd && symbol <= kind.maxCode, `wrong ${kind.name} code`);
			return { table: rleTable(symbol), at: at + 1 };
		}
		if (mode === 2) {
			const read = readCounts(this.#input, at, this.#inputEnd, kind.maxLog, kind.maxCode);
			return { table: fseTable(read.counts, read.log), at: at + read.used };
		}
		if (previous === undefined) {
			throw new ZstdFault(`${kind.name} table repeated before there was one`);
		}
		return { table: previous, at };
	}

	/** 3.1.1.3.2 and 3.1.1.4: unpacks the block behind `#end`; answers its size. */
	#readSequences(from: number, literalCount: number): number {
		const input = this.#input;
		let at = from;
		this.#within(at < this.#inputEnd, "no sequences section");
		const b0 = input[at] ?? 0;
		let sequences = b0;
		at += 1;
		if (b0 >= 128) {
			sequences =
				b0 < 255 ? (b0 - 128) * 256 + (input[at] ?? 0) : this.#view.getUint16(at, true) + 0x7f00;
			at += b0 < 255 ? 1 : 2;
		}
		if (sequences === 0) {
			this.#within(at === this.#inputEnd, "bytes behind a block without sequences");
			this.#history.set(this.#literals.subarray(0, literalCount), this.#end);
			return literalCount;
		}
		const modes = input[at] ?? 0;
		this.#within(at < this.#inputEnd && (modes & 3) === 0, "wrong sequence modes");
		const ll = this.#table(literalKind, modes >>> 6, at + 1, this.#literalTable);
		const of = this.#table(offsetKind, (modes >>> 4) & 3, ll.at, this.#offsetTable);
		const ml = this.#table(matchKind, (modes >>> 2) & 3, of.at, this.#matchTable);
		this.#literalTable = ll.table;
		this.#offsetTable = of.table;
		this.#matchTable = ml.table;
		this.#within(ml.at < this.#inputEnd, "no sequences");
		return this.#execute(ll.table, of.table, ml.table, ml.at, sequences, literalCount);
	}

	#execute(
		ll: FseTable,
		of: FseTable,
		ml: FseTable,
		from: number,
		sequences: number,
		literalCount: number,
	): number {
		const view = this.#view;
		const literals = this.#literals;
		const history = this.#history;
		const begin = 8 * from;
		let at = streamEnd(this.#input, from, this.#inputEnd);
		// Up to 24 bits; below the margin never, as `at` is held against `begin` after each sequence, 89 bits at most.
		const bits = (count: number): number => {
			at -= count;
			return (view.getUint32(at >>> 3, true) >>> (at & 7)) & ((1 << count) - 1);
		};
		let llState = bits(ll.log);
		let ofState = bits(of.log);
		let mlState = bits(ml.log);
		if (at < begin) throw new ZstdFault("sequences end too early");
		let [r1, r2, r3] = this.#recent;
		let literal = 0;
		let out = this.#end;
		const stop = out + this.#blockMax;
		const reach = this.#window;
		for (let i = 0; i < sequences; i++) {
			const ofCode = of.symbol[ofState] ?? 0;
			let value = ofCode > 16 ? bits(ofCode - 16) * 65536 + bits(16) : bits(ofCode);
			value += 2 ** ofCode;
			const mlCode = ml.symbol[mlState] ?? 0;
			let matchLength = (matchBase[mlCode] ?? 0) + bits(matchBits[mlCode] ?? 0);
			const llCode = ll.symbol[llState] ?? 0;
			const literalLength = (literalBase[llCode] ?? 0) + bits(literalBits[llCode] ?? 0);
			if (i + 1 < sequences) {
				llState = (ll.base[llState] ?? 0) + bits(ll.bits[llState] ?? 0);
				mlState = (ml.base[mlState] ?? 0) + bits(ml.bits[mlState] ?? 0);
				ofState = (of.base[ofState] ?? 0) + bits(of.bits[ofState] ?? 0);
			}
			if (at < begin) throw new ZstdFault("sequences end too early");

			// 3.1.1.5: 1 to 3 name a recent offset, shifted by one where no literals stand between.
			let offset: number;
			if (value > 3) {
				offset = value - 3;
				r3 = r2;
				r2 = r1;
				r1 = offset;
			} else {
				const which = literalLength === 0 ? value + 1 : value;
				if (which === 1) {
					offset = r1;
				} else if (which === 2) {
					offset = r2;
					r2 = r1;
					r1 = offset;
				} else {
					offset = which === 3 ? r3 : r1 - 1;
					r3 = r2;
					r2 = r1;
					r1 = offset;
				}
			}
			if (literal + literalLength > literalCount) throw new ZstdFault("too few literals");
			if (out + literalLength + matchLength > stop)
				throw new ZstdFault("block unpacks to too much");
			if (literalLength < 32) {
				for (let n = literalLength; n > 0; n--) history[out++] = literals[literal++] ?? 0;
			} else {
				history.set(literals.subarray(literal, literal + literalLength), out);
				out += literalLength;
				literal += literalLength;
			}
			if (offset < 1 || offset > out || offset > reach) {
				throw new ZstdFault(`offset ${offset} reaches before the content`);
			}
			if (offset >= matchLength && matchLength > 24) {
				history.copyWithin(out, out - offset, out - offset + matchLength);
				out += matchLength;
			} else if (offset === 1 && matchLength > 24) {
				history.fill(history[out - 1] ?? 0, out, out + matchLength);
				out += matchLength;
			} else {
				for (; matchLength > 0; matchLength--, out++) history[out] = history[out - offset] ?? 0;
			}
		}
		if (at !== begin) throw new ZstdFault("bits are left behind the sequences");
		this.#recent = [r1, r2, r3];
		const rest = literalCount - literal;
		if (out + rest > stop) throw new ZstdFault("block unpacks to too much");
		history.set(literals.subarray(literal, literalCount), out);
		return out + rest - this.#end;
	}
}
