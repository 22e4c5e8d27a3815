// XXH64 with seed 0, as zstd's content checksum uses it: RFC 8878 3.1.1, github.com/Cyan4973/xxHash
// doc/xxhash_spec.md. 64-bit numbers are pairs of 32-bit halves: BigInt would cost twenty times as much.

/** The five primes, high and low half. */
const [P1H, P1L] = [0x9e3779b1, 0x85ebca87];
const [P2H, P2L] = [0xc2b2ae3d, 0x27d4eb4f];
const [P3H, P3L] = [0x165667b1, 0x9e3779f9];
const [P4H, P4L] = [0x85ebca77, 0xc2b2ae63];
const [P5H, P5L] = [0x27d4eb2f, 0x165667c5];

/** A running digest. `low` is the half that a zstd frame carries. */
export class Xxh64 {
	/** Four accumulators: high and low halves in turn. */
	readonly #lanes: Int32Array = Int32Array.of(
		// P1 + P2, P2, 0, -P1
		...add(P1H | 0, P1L | 0, P2H | 0, P2L | 0),
		P2H | 0,
		P2L | 0,
		0,
		0,
		...add(~P1H, ~P1L, 0, 1),
	);
	readonly #tail: Uint8Array = new Uint8Array(32);
	#tailLength = 0;
	#length = 0;

	update(bytes: Uint8Array): void {
		this.#length += bytes.length;
		let at = 0;
		if (this.#tailLength > 0) {
			at = Math.min(32 - this.#tailLength, bytes.length);
			this.#tail.set(bytes.subarray(0, at), this.#tailLength);
			this.#tailLength += at;
			if (this.#tailLength < 32) return;
			this.#stripes(this.#tail, 0, 32);
			this.#tailLength = 0;
		}
		const whole = at + 32 * Math.floor((bytes.length - at) / 32);
		this.#stripes(bytes, at, whole);
		this.#tail.set(bytes.subarray(whole));
		this.#tailLength = bytes.length - whole;
	}

	/** Low 32 bits of the digest of all bytes so far. */
	low(): number {
		const lanes = this.#lanes;
		let high = 0;
		let low = 0;
		const plus = (h: number, l: number) => {
			[high, low] = add(high, low, h, l);
		};
		const times = (h: number, l: number) => {
			[high, low] = multiply(high, low, h, l);
		};
		const xorShift = (bits: number) => {
			if (bits === 32) low ^= high;
			else {
				low ^= (low >>> bits) | (high << (32 - bits));
				high ^= high >>> bits;
			}
		};
		const xorRight33 = () => {
			low ^= high >>> 1;
		};
		if (this.#length >= 32) {
			for (const [i, bits] of [1, 7, 12, 18].entries()) {
				plus(...rotate(lanes[2 * i] ?? 0, lanes[2 * i + 1] ?? 0, bits));
			}
			for (let i = 0; i < 4; i++) {
				const [h, l] = round(0, 0, lanes[2 * i] ?? 0, lanes[2 * i + 1] ?? 0);
				high ^= h;
				low ^= l;
				times(P1H, P1L);
				plus(P4H, P4L);
			}
		} else {
			plus(P5H, P5L);
		}
		plus(Math.floor(this.#length / 2 ** 32) | 0, (this.#length % 2 ** 32) | 0);
		const view = new DataView(this.#tail.buffer);
		let at = 0;
		for (; at + 8 <= this.#tailLength; at += 8) {
			const [h, l] = round(0, 0, view.getInt32(at + 4, true), view.getInt32(at, true));
			high ^= h;
			low ^= l;
			[high, low] = rotate(high, low, 27);
			times(P1H, P1L);
			plus(P4H, P4L);
		}
		if (at + 4 <= this.#tailLength) {
			const [h, l] = multiply(0, view.getInt32(at, true), P1H, P1L);
			high ^= h;
			low ^= l;
			[high, low] = rotate(high, low, 23);
			times(P2H, P2L);
			plus(P3H, P3L);
			at += 4;
		}
		for (; at < this.#tailLength; at++) {
			const [h, l] = multiply(0, this.#tail[at] ?? 0, P5H, P5L);
			high ^= h;
			low ^= l;
			[high, low] = rotate(high, low, 11);
			times(P1H, P1L);
		}
		xorRight33();
		times(P2H, P2L);
		xorShift(29);
		times(P3H, P3L);
		xorShift(32);
		return low >>> 0;
	}

	#stripes(bytes: Uint8Array, from: number, to: number): void {
		if (from === to) return;
		const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		const lanes = this.#lanes;
		for (let lane = 0; lane < 4; lane++) {
			let high = lanes[2 * lane] ?? 0;
			let low = lanes[2 * lane + 1] ?? 0;
			for (let at = from + 8 * lane; at < to; at += 32) {
				// acc = rotl(acc + input * P2, 31) * P1, written out: this loop is all of the cost.
				const inLow = view.getInt32(at, true);
				const inHigh = view.getInt32(at + 4, true);
				let productHigh = Math.imul(inHigh, P2L) + Math.imul(inLow, P2H) + mulHigh(inLow, P2L);
				let productLow = Math.imul(inLow, P2L);
				const sum = (low >>> 0) + (productLow >>> 0);
				high = (high + productHigh + (sum > 0xffff_ffff ? 1 : 0)) | 0;
				low = sum | 0;
				const turned = (high << 31) | (low >>> 1);
				low = (low << 31) | (high >>> 1);
				high = turned;
				productHigh = Math.imul(high, P1L) + Math.imul(low, P1H) + mulHigh(low, P1L);
				productLow = Math.imul(low, P1L);
				high = productHigh | 0;
				low = productLow;
			}
			lanes[2 * lane] = high;
			lanes[2 * lane + 1] = low;
		}
	}
}

type Pair = [high: number, low: number];

/** High 32 bits of the unsigned product: doubles hold 48 bits exactly, and are quicker here than integers. */
function mulHigh(a: number, b: number): number {
	const wide = a >>> 0;
	return ((wide * (b >>> 16) + Math.floor((wide * (b & 0xffff)) / 65536)) / 65536) | 0;
}

function multiply(ah: number, al: number, bh: number, bl: number): Pair {
	return [(Math.imul(ah, bl) + Math.imul(al, bh) + mulHigh(al, bl)) | 0, Math.imul(al, bl)];
}

function add(ah: number, al: number, bh: number, bl: number): Pair {
	const sum = (al >>> 0) + (bl >>> 0);
	return [(ah + bh + (sum > 0xffff_ffff ? 1 : 0)) | 0, sum | 0];
}

function rotate(high: number, low: number, bits: number): Pair {
	return [(high << bits) | (low >>> (32 - bits)), (low << bits) | (high >>> (32 - bits))];
}

function round(high: number, low: number, inHigh: number, inLow: number): Pair {
	const [ph, pl] = multiply(inHigh, inLow, P2H, P2L);
	const [sh, sl] = add(high, low, ph, pl);
	const [rh, rl] = rotate(sh, sl, 31);
	return multiply(rh, rl, P1H, P1L);
}
