/** One array holding all parts in order. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
	let length = 0;
	for (const part of parts) length += part.length;
	const whole = new Uint8Array(length);
	let at = 0;
	for (const part of parts) {
		whole.set(part, at);
		at += part.length;
	}
	return whole;
}

/** Whether both hold the same bytes. Not for secrets: the time taken tells where they differ. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
	return a.length === b.length && compare(a, b) === 0;
}

/** Order of unsigned bytes, as memcmp(3) and then by length: negative, zero or positive. */
export function compare(a: Uint8Array, b: Uint8Array): number {
	const shared = Math.min(a.length, b.length);
	for (let i = 0; i < shared; i++) {
		const difference = (a[i] ?? 0) - (b[i] ?? 0);
		if (difference !== 0) return difference;
	}
	return a.length - b.length;
}

/** Whether `bytes` begins with `prefix` at `at`. */
export function startsWith(bytes: Uint8Array, prefix: Uint8Array, at = 0): boolean {
	if (at + prefix.length > bytes.length) return false;
	for (let i = 0; i < prefix.length; i++) if (bytes[at + i] !== prefix[i]) return false;
	return true;
}

/** Lower-case hex digits, two a byte. */
export function toHex(bytes: Uint8Array): string {
	let digits = "";
	for (const byte of bytes) digits += byte.toString(16).padStart(2, "0");
	return digits;
}

/** Smallest multiple of `alignment` that is not below `size`. No bit operators: sizes pass 2^31. */
export function alignUp(size: number, alignment: number): number {
	const rest = size % alignment;
	return rest === 0 ? size : size + (alignment - rest);
}
