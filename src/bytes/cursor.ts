import { EkexecError } from "./error.ts";

export type BytesCode = "BYTES_TRUNCATED" | "BYTES_RANGE";

/** Byte order of multi-byte integers. */
export type Endian = "little" | "big";

/** How a cursor names itself in errors, and how it reads integers. */
export interface CursorOptions {
	/** Byte order; little unless told. */
	readonly endian?: Endian;
	/** File, host or structure being read. */
	readonly where?: string;
	/** Offset of the first byte within `where`, added to the offsets in errors. */
	readonly base?: number;
}

/**
 * A bounds-checked reading position in an array of bytes. Every read past the end throws
 * `BYTES_TRUNCATED` with offset and field; no read ever returns fewer bytes than asked for.
 */
export class Cursor {
	readonly bytes: Uint8Array;
	readonly little: boolean;
	readonly where: string | undefined;
	readonly base: number;
	/** Next byte to be read, counted from the start of `bytes`. */
	offset = 0;
	readonly #view: DataView;

	constructor(bytes: Uint8Array, options: CursorOptions = {}) {
		this.bytes = bytes;
		this.little = options.endian !== "big";
		this.where = options.where;
		this.base = options.base ?? 0;
		this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	}

	get remaining(): number {
		return this.bytes.length - this.offset;
	}

	/** A view (no copy) of the next `length` bytes. */
	take(length: number, field = "bytes"): Uint8Array {
		const at = this.#advance(length, field);
		return this.bytes.subarray(at, at + length);
	}

	skip(length: number, field = "padding"): void {
		this.#advance(length, field);
	}

	/** Moves to an absolute offset within `bytes`. */
	seek(offset: number, field = "offset"): void {
		if (!Number.isSafeInteger(offset) || offset < 0 || offset > this.bytes.length) {
			throw new EkexecError<BytesCode>("check", "BYTES_TRUNCATED", "it lies beyond the input", {
				where: this.where,
				offset: this.base + this.offset,
				field,
				expected: `an offset of at most ${this.base + this.bytes.length}`,
				found: String(this.base + offset),
			});
		}
		this.offset = offset;
	}

	/** A cursor over the next `length` bytes that reports offsets in the outer frame; moves past them. */
	sub(length: number, field = "bytes"): Cursor {
		const at = this.offset;
		return new Cursor(this.take(length, field), {
			endian: this.little ? "little" : "big",
			base: this.base + at,
			...(this.where === undefined ? {} : { where: this.where }),
		});
	}

	u8(field = "u8"): number {
		return this.#view.getUint8(this.#advance(1, field));
	}

	u16(field = "u16", little: boolean = this.little): number {
		return this.#view.getUint16(this.#advance(2, field), little);
	}

	u32(field = "u32", little: boolean = this.little): number {
		return this.#view.getUint32(this.#advance(4, field), little);
	}

	i32(field = "i32", little: boolean = this.little): number {
		return this.#view.getInt32(this.#advance(4, field), little);
	}

	u64(field = "u64", little: boolean = this.little): bigint {
		return this.#view.getBigUint64(this.#advance(8, field), little);
	}

	/** A 64-bit size or offset as a number; throws `BYTES_RANGE` above 2^53 − 1. */
	size64(field = "size", little: boolean = this.little): number {
		const at = this.offset;
		const value = this.u64(field, little);
		if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
			throw new EkexecError<BytesCode>("check", "BYTES_RANGE", "size out of range", {
				where: this.where,
				offset: this.base + at,
				field,
				expected: `at most ${Number.MAX_SAFE_INTEGER}`,
				found: String(value),
			});
		}
		return Number(value);
	}

	#advance(length: number, field: string): number {
		const at = this.offset;
		if (!Number.isSafeInteger(length) || length < 0 || length > this.bytes.length - at) {
			throw this.#truncated(field, at, length);
		}
		this.offset = at + length;
		return at;
	}

	#truncated(field: string, at: number, length: number): EkexecError<BytesCode> {
		return new EkexecError("check", "BYTES_TRUNCATED", "input ends too early", {
			where: this.where,
			offset: this.base + at,
			field,
			expected: `${length} bytes`,
			found: `${Math.max(0, this.bytes.length - at)} bytes`,
		});
	}
}
