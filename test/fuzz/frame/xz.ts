// .xz files around LZMA2 data that may be broken: all about it is whole, and there is no check, so that what is wrong
// reaches the decoders.
import { crc32 } from "node:zlib";
import { codecs } from "../../../src/compress/index.ts";
import { streamHeader, streamTail } from "../../../src/compress/xz-format.ts";
import { collect } from "../../compress/support.ts";

const check = { id: 0, size: 0 };
/** Codes of xz-file-format.txt 5.3.1, and what they mean: distances beyond the smaller ones are refused. */
const dictionaries: readonly (readonly [code: number, bytes: number])[] = [
	[18, 2 ** 21],
	[0, 2 ** 12],
	[5, 3 * 2 ** 13],
];

/** Each input has one of its own. */
function dictionaryOf(input: Uint8Array): readonly [code: number, bytes: number] {
	return dictionaries[input.length % dictionaries.length] ?? [18, 2 ** 21];
}

/** The LZMA2 data of a file of one block, its end marker included. */
export async function lzma2Of(content: Uint8Array): Promise<Uint8Array> {
	const xz = await collect(codecs.xz.compress([content], { level: 6 }));
	const header = ((xz[12] ?? 0) + 1) * 4;
	return blockOf(xz.subarray(12 + header)).bytes;
}

/** The whole LZMA2 chunks at the start of `input`, and an end marker. */
export function blockOf(input: Uint8Array): {
	readonly bytes: Uint8Array;
	readonly chunks: readonly Uint8Array[];
	readonly unpacked: number;
	readonly dictionary: number;
} {
	const chunks: Uint8Array[] = [];
	let unpacked = 0;
	let at = 0;
	for (;;) {
		const [control = 0, high = 0, low = 0, packedHigh = 0, packedLow = 0] = input.subarray(at);
		if (control === 0 || (control > 2 && control < 0x80)) break;
		const lzma = control >= 0x80;
		const size = (lzma ? (control % 32) * 65536 : 0) + high * 256 + low + 1;
		const properties = control >= 0xc0 ? 1 : 0;
		const length = lzma ? 5 + properties + packedHigh * 256 + packedLow + 1 : 3 + size;
		if (at + length > input.length) break;
		chunks.push(input.subarray(at, at + length));
		unpacked += size;
		at += length;
	}
	chunks.push(new Uint8Array(1));
	const [, dictionary] = dictionaryOf(input);
	return { bytes: Buffer.concat(chunks), chunks, unpacked, dictionary };
}

/** A stream of one such block, with `before` NULs in front of its content. */
export function wrapped(input: Uint8Array, before = 0): Uint8Array {
	const { bytes, unpacked } = blockOf(input);
	// A chunk of 64 kB that is not compressed.
	const zeros = new Uint8Array(3 + 65_536);
	zeros.set([1, 0xff, 0xff]);
	const count = Math.ceil(before / 65_536);
	const data = Buffer.concat([...Array<Uint8Array>(count).fill(zeros), bytes]);
	const header = new Uint8Array(12);
	header.set([2, 0, 0x21, 1, dictionaryOf(input)[0]]);
	new DataView(header.buffer).setUint32(8, crc32(header.subarray(0, 8)), true);
	const padding = new Uint8Array((4 - (data.length % 4)) % 4);
	const sizes = {
		unpadded: header.length + data.length,
		unpacked: count * 65_536 + unpacked,
	};
	return Buffer.concat([streamHeader(check), header, data, padding, streamTail(check, sizes)]);
}
