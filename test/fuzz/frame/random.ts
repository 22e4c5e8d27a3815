/** A small reproducible source of randomness (sfc32): the same seed and stream, the same numbers. */
export class Random {
	#a: number;
	#b: number;
	#c = 0x9e37_79b9;
	#counter = 1;

	constructor(seed: number, stream = 0) {
		this.#a = seed >>> 0;
		this.#b = stream >>> 0;
		for (let i = 0; i < 12; i++) this.u32();
	}

	u32(): number {
		const t = (((this.#a + this.#b) >>> 0) + this.#counter++) >>> 0;
		this.#a = this.#b ^ (this.#b >>> 9);
		this.#b = (this.#c + (this.#c << 3)) >>> 0;
		this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) >>> 0;
		return t;
	}

	/** An integer from 0 to `limit` − 1. */
	below(limit: number): number {
		return Math.floor((this.u32() / 0x1_0000_0000) * limit);
	}

	chance(oneIn: number): boolean {
		return this.below(oneIn) === 0;
	}

	pick<T>(from: readonly [T, ...T[]]): T {
		return from[this.below(from.length)] ?? from[0];
	}

	bytes(length: number): Uint8Array<ArrayBuffer> {
		return Uint8Array.from({ length }, () => this.below(256));
	}
}
