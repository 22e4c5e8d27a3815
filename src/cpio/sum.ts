/** Adds bytes to the sum that 070702 calls a checksum: modulo 2^32, starting from 0. */
export function addToSum(sum: number, bytes: Uint8Array): number {
	let total = sum;
	// A sum of 2^32 and 2^20 bytes of 255 stays far below 2^53, so it is cut down only so often.
	for (let at = 0; at < bytes.length; ) {
		const end = Math.min(bytes.length, at + 0x10_0000);
		for (; at < end; at++) total += bytes[at] ?? 0;
		total %= 0x1_0000_0000;
	}
	return total;
}
