import type { Random } from "./random.ts";

const interesting = [
	0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 100, 110, 127, 128, 255, 256, 511, 512, 1023, 1024,
	4095, 4096, 4097, 32767, 32768, 65535, 65536, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
] as const;

/** Most bytes a mutated input may have: large inputs make a run slow, not better. */
const largest = 512 * 1024;

/** One to eight changes of `start`, from the kinds that break parsers. */
export function mutate(
	start: Uint8Array,
	corpus: readonly [Uint8Array, ...Uint8Array[]],
	random: Random,
): Uint8Array {
	let bytes = new Uint8Array(start);
	for (let left = 1 + random.below(random.chance(4) ? 8 : 2); left > 0; left--) {
		bytes = change(bytes, corpus, random).slice(0, largest);
	}
	return bytes;
}

function change(
	bytes: Uint8Array<ArrayBuffer>,
	corpus: readonly [Uint8Array, ...Uint8Array[]],
	random: Random,
): Uint8Array<ArrayBuffer> {
	const at = random.below(bytes.length + 1);
	const length = 1 + random.below(random.chance(3) ? Math.max(1, bytes.length) : 16);
	switch (random.below(11)) {
		case 0: // A bit.
			if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
			return bytes;
		case 1: // A byte.
			if (at < bytes.length) bytes[at] = random.below(256);
			return bytes;
		case 2: // The end.
			return bytes.slice(0, at);
		case 3: // A piece taken out.
			return joined(bytes.subarray(0, at), bytes.subarray(at + length));
		case 4: // A piece twice.
			return joined(bytes.subarray(0, at + length), bytes.subarray(at));
		case 5: // Random bytes, or NULs, put in.
			return joined(
				bytes.subarray(0, at),
				random.chance(2) ? new Uint8Array(length) : random.bytes(Math.min(length, 64)),
				bytes.subarray(at),
			);
		case 6: // The head of this, the tail of another.
			return joined(bytes.subarray(0, at), tail(random.pick(corpus), random));
		case 7: // This and another.
			return joined(bytes, random.pick(corpus));
		case 8: // A number in binary.
			return withNumber(bytes, at, random);
		case 9: {
			// A number in hexadecimal digits, as cpio has them, at a place where digits stand.
			const digits = number(random).toString(16).padStart(8, "0");
			const place = hexPlace(bytes, at);
			for (let i = 0; i < 8 && place + i < bytes.length; i++) {
				bytes[place + i] = digits.charCodeAt(i);
			}
			return bytes;
		}
		default: // A stretch of one byte.
			return bytes.fill(random.chance(2) ? 0 : random.below(256), at, at + length);
	}
}

function number(random: Random): number {
	const value = random.pick(interesting);
	return random.chance(3) ? Math.max(0, value + random.below(9) - 4) % 0x1_0000_0000 : value;
}

function withNumber(
	bytes: Uint8Array<ArrayBuffer>,
	at: number,
	random: Random,
): Uint8Array<ArrayBuffer> {
	const view = new DataView(bytes.buffer);
	const little = random.chance(2);
	const size = random.pick([1, 2, 4, 8]);
	if (at + size > bytes.length) return bytes;
	const value = number(random);
	if (size === 1) view.setUint8(at, value % 256);
	else if (size === 2) view.setUint16(at, value % 65536, little);
	else if (size === 4) view.setUint32(at, value, little);
	else view.setBigUint64(at, BigInt(value) << (random.chance(4) ? 32n : 0n), little);
	return bytes;
}

/** The start of a run of eight digits at or before `at`, or `at`. */
function hexPlace(bytes: Uint8Array, at: number): number {
	const digit = (i: number) => {
		const byte = bytes[i] ?? 0;
		return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66);
	};
	if (!digit(at)) return at;
	let start = at;
	while (start > 0 && at - start < 110 && digit(start - 1)) start--;
	// Behind a magic of six the fields stand in eights.
	return at - start >= 6 ? start + 6 + Math.floor((at - start - 6) / 8) * 8 : at;
}

function tail(bytes: Uint8Array, random: Random): Uint8Array {
	return bytes.subarray(random.below(bytes.length + 1));
}

function joined(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
	const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
}
