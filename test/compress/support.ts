import { concat } from "../../src/bytes/index.ts";
import type { Chunks } from "../../src/compress/index.ts";

/** All of it in one array. */
export async function collect(chunks: Chunks): Promise<Uint8Array> {
	const parts: Uint8Array[] = [];
	for await (const chunk of chunks) parts.push(chunk);
	return concat(parts);
}

/** The bytes in pieces of these sizes, the last size over and over. */
export function* pieces(bytes: Uint8Array, ...sizes: number[]): Generator<Uint8Array> {
	for (let at = 0, i = 0; at < bytes.length; i++) {
		const size = Math.max(1, sizes[Math.min(i, sizes.length - 1)] ?? bytes.length);
		yield bytes.subarray(at, at + size);
		at += size;
	}
}

/** Bytes that look like programs and text: some runs, some words, some noise; the same for the same seed. */
export function sample(length: number, seed = 1): Uint8Array {
	const bytes = new Uint8Array(length);
	let state = seed;
	const random = () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state / 2 ** 32;
	};
	for (let at = 0; at < length; ) {
		const kind = random();
		const run = 1 + Math.floor(random() * 200);
		if (kind < 0.3 && at > 1000) {
			const from = Math.floor(random() * (at - run));
			bytes.copyWithin(at, Math.max(0, from), Math.max(0, from) + run);
		} else if (kind < 0.5) {
			bytes.fill(Math.floor(random() * 256), at, at + run);
		} else if (kind < 0.8) {
			for (let i = at; i < Math.min(length, at + run); i++)
				bytes[i] = 97 + Math.floor(random() * 16);
		} else {
			for (let i = at; i < Math.min(length, at + run); i++) bytes[i] = Math.floor(random() * 256);
		}
		at += run;
	}
	return bytes;
}

/** The code of the error that this rejects with; fails when it does not reject with one. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
	try {
		await work;
	} catch (error) {
		const code = (error as { code?: unknown }).code;
		if (typeof code === "string") return code;
		throw error;
	}
	return "no error";
}
