// Finite State Entropy and Huffman tables: RFC 8878, 4.1 and 4.2.

/** Thrown by the entropy decoders; the frame decoder tells where. */
export class ZstdFault extends Error {}

/** A decoding table: a state names a symbol, the bits to read and the base of the next state. */
export interface FseTable {
	readonly log: number;
	readonly symbol: Uint8Array;
	readonly bits: Uint8Array;
	readonly base: Uint16Array;
}

/** 4.1.1: counts of each symbol (-1: "less than one"), and the bytes they took. */
export function readCounts(
	bytes: Uint8Array,
	from: number,
	to: number,
	maxLog: number,
	maxSymbol: number,
): { counts: number[]; log: number; used: number } {
	let at = 0;
	const total = 8 * (to - from);
	const bits = (count: number): number => {
		let value = 0;
		for (let i = 0; i < count; i++, at++) {
			if (at >= total) throw new ZstdFault("table description ends too early");
			value |= (((bytes[from + (at >>> 3)] ?? 0) >>> (at & 7)) & 1) << i;
		}
		return value;
	};
	const log = bits(4) + 5;
	if (log > maxLog) throw new ZstdFault(`table of 2^${log} states, at most 2^${maxLog} allowed`);
	const counts: number[] = [];
	let remaining = (1 << log) + 1;
	while (remaining > 1) {
		if (counts.length > maxSymbol) throw new ZstdFault("more symbols than there can be");
		// A value from 0 to `remaining`: the smaller ones take a bit less.
		const width = 32 - Math.clz32(remaining);
		const short = (1 << width) - 1 - remaining;
		let value = bits(width - 1);
		if (value >= short) {
			value += bits(1) << (width - 1);
			if (value >= 1 << (width - 1)) value -= short;
		}
		const count = value - 1;
		remaining -= Math.abs(count);
		if (remaining < 1) throw new ZstdFault("probabilities sum up to too much");
		counts.push(count);
		if (count !== 0) continue;
		for (let repeat = 3; repeat === 3; ) {
			repeat = bits(2);
			for (let i = 0; i < repeat; i++) counts.push(0);
		}
	}
	if (counts.length > maxSymbol + 1) throw new ZstdFault("more symbols than there can be");
	return { counts, log, used: (at + 7) >>> 3 };
}

/** 4.1.1: the decoding table of these counts. */
export function fseTable(counts: readonly number[], log: number): FseTable {
	const size = 1 << log;
	const symbol = new Uint8Array(size);
	const bits = new Uint8Array(size);
	const base = new Uint16Array(size);
	const next = new Uint16Array(counts.length);
	let high = size;
	counts.forEach((count, s) => {
		next[s] = count === -1 ? 1 : count;
		if (count === -1) {
			high -= 1;
			symbol[high] = s;
		}
	});
	const step = (size >>> 1) + (size >>> 3) + 3;
	let position = 0;
	counts.forEach((count, s) => {
		for (let i = 0; i < count; i++) {
			symbol[position] = s;
			do position = (position + step) & (size - 1);
			while (position >= high);
		}
	});
	if (position !== 0) throw new ZstdFault("probabilities do not fill the table");
	for (let state = 0; state < size; state++) {
		const s = symbol[state] ?? 0;
		const n = next[s] ?? 1;
		next[s] = n + 1;
		const width = log - (31 - Math.clz32(n));
		bits[state] = width;
		base[state] = (n << width) - size;
	}
	return { log, symbol, bits, base };
}

/** 3.1.1.3.2.1, RLE mode: one symbol, no bits. */
export function rleTable(symbol: number): FseTable {
	return {
		log: 0,
		symbol: Uint8Array.of(symbol),
		bits: new Uint8Array(1),
		base: new Uint16Array(1),
	};
}

/** Index of the bit after the last one of a bitstream read backwards (4.1): the highest set bit marks the end. */
export function streamEnd(bytes: Uint8Array, from: number, to: number): number {
	const last = to > from ? (bytes[to - 1] ?? 0) : 0;
	if (last === 0) throw new ZstdFault("bitstream without its end mark");
	return 8 * (to - 1) + (31 - Math.clz32(last));
}

/** 4.2: `entries[code]` is symbol * 16 + length of its code. */
export interface HuffmanTable {
	readonly log: number;
	readonly entries: Uint16Array;
}

/** RFC 8878, 4.2.1: longest code. */
const HUFFMAN_LOG_MAX = 11;

/** 4.2.1: reads a tree description at `from`; answers the table and the bytes it took. */
export function readHuffman(
	bytes: Uint8Array,
	view: DataView,
	from: number,
	to: number,
): { table: HuffmanTable; used: number } {
	const head = bytes[from] ?? 0;
	if (from >= to) throw new ZstdFault("no Huffman tree description");
	const weights: number[] = [];
	let used = 1;
	if (head >= 128) {
		const count = head - 127;
		used += (count + 1) >>> 1;
		if (from + used > to) throw new ZstdFault("Huffman weights end too early");
		for (let i = 0; i < count; i++) {
			const byte = bytes[from + 1 + (i >>> 1)] ?? 0;
			weights.push(i % 2 === 0 ? byte >>> 4 : byte & 15);
		}
	} else {
		used += head;
		if (from + used > to) throw new ZstdFault("Huffman weights end too early");
		readWeights(bytes, view, from + 1, from + used, weights);
	}
	return { table: huffmanTable(weights), used };
}

/** 4.2.1.2: two states take turns. */
function readWeights(
	bytes: Uint8Array,
	view: DataView,
	from: number,
	to: number,
	weights: number[],
): void {
	const { counts, log, used } = readCounts(bytes, from, to, 6, 12);
	const table = fseTable(counts, log);
	const begin = 8 * (from + used);
	let at = streamEnd(bytes, from + used, to);
	const read = (count: number): number => {
		at -= count;
		const low = Math.max(at, begin);
		// Bits before the beginning count as zero: they come last, and end the stream.
		const have = count - (low - at);
		if (have <= 0) return 0;
		const value = (view.getUint32(low >>> 3, true) >>> (low & 7)) & ((1 << have) - 1);
		return value << (low - at);
	};
	const states = [read(log), read(log)];
	if (at < begin) throw new ZstdFault("Huffman weights end too early");
	for (let turn = 0; ; turn ^= 1) {
		const state = states[turn] ?? 0;
		// Two at most are still to come, and 255 are told: that of the last symbol is implied.
		if (weights.length >= 254) throw new ZstdFault("too many Huffman weights");
		weights.push(table.symbol[state] ?? 0);
		states[turn] = (table.base[state] ?? 0) + read(table.bits[state] ?? 0);
		if (at < begin) {
			weights.push(table.symbol[states[turn ^ 1] ?? 0] ?? 0);
			return;
		}
	}
}

/** 4.2.1.3: from weights, the last of which is implied, to codes in order of length, then symbol. */
function huffmanTable(weights: number[]): HuffmanTable {
	let sum = 0;
	for (const weight of weights) {
		if (weight > HUFFMAN_LOG_MAX) throw new ZstdFault("Huffman code too long");
		if (weight > 0) sum += 1 << (weight - 1);
	}
	if (sum === 0) throw new ZstdFault("no Huffman weights");
	const log = 32 - Math.clz32(sum);
	if (log > HUFFMAN_LOG_MAX) throw new ZstdFault("Huffman code too long");
	const left = (1 << log) - sum;
	const last = 32 - Math.clz32(left);
	if (left !== 1 << (last - 1)) throw new ZstdFault("Huffman weights do not fill the tree");
	weights.push(last);
	// The longest codes weigh 1 and come in pairs: without any, all weights are too high. libzstd, HUF_readStats().
	if (weights.filter((weight) => weight === 1).length < 2) {
		throw new ZstdFault("fewer than two Huffman weights of 1");
	}
	const entries = new Uint16Array(1 << log);
	let at = 0;
	for (let weight = 1; weight <= log; weight++) {
		weights.forEach((w, symbol) => {
			if (w !== weight) return;
			const span = 1 << (weight - 1);
			entries.fill(symbol * 16 + (log + 1 - weight), at, at + span);
			at += span;
		});
	}
	return { log, entries };
}
