import { Cursor, type Endian } from "./cursor.ts";
import { EkexecError } from "./error.ts";

/** One member of a fixed layout: how many bytes it takes and how they are read and written. */
export interface Field<T> {
	readonly size: number;
	read(cursor: Cursor, name: string): T;
	/** Writes at `at`; `little` is the byte order of the whole structure. */
	write(view: DataView, at: number, value: T, little: boolean, name: string): void;
}

type AnyField = Field<number> | Field<bigint> | Field<Uint8Array> | Field<undefined>;

/** The value of a layout: members of padding are left out. */
export type ValueOf<F extends Readonly<Record<string, AnyField>>> = {
	-readonly [K in keyof F as F[K] extends Field<undefined> ? never : K]: F[K] extends Field<infer T>
		? T
		: never;
};

/** A fixed layout: size, reader and writer made from one table. */
export interface Struct<F extends Readonly<Record<string, AnyField>>> {
	readonly name: string;
	/** Bytes of the whole structure. */
	readonly size: number;
	/** Offset of each member in bytes. */
	readonly offsets: { readonly [K in keyof F]: number };
	read(cursor: Cursor): ValueOf<F>;
	/** Members left out are written as zero. Throws on a value that its member cannot hold. */
	write(value: Partial<ValueOf<F>>, endian?: Endian): Uint8Array<ArrayBuffer>;
}

/**
 * Declares a layout in the order of its members, without implied padding (write `pad(n)` where C has it).
 * Quote the source (kernel header, RFC) beside each table.
 */
export function struct<const F extends Readonly<Record<string, AnyField>>>(
	name: string,
	fields: F,
): Struct<F> {
	const entries = Object.entries(fields) as [string, Field<unknown>][];
	const offsets: Record<string, number> = {};
	let size = 0;
	for (const [key, field] of entries) {
		offsets[key] = size;
		size += field.size;
	}
	return {
		name,
		size,
		offsets: offsets as { readonly [K in keyof F]: number },
		read(cursor) {
			const value: Record<string, unknown> = {};
			for (const [key, field] of entries) {
				const member = field.read(cursor, `${name}.${key}`);
				if (member !== undefined) value[key] = member;
			}
			return value as ValueOf<F>;
		},
		write(value, endian = "little") {
			const bytes = new Uint8Array(size);
			const view = new DataView(bytes.buffer);
			for (const [key, field] of entries) {
				const member = (value as Record<string, unknown>)[key];
				if (member !== undefined) {
					field.write(view, offsets[key] ?? 0, member, endian === "little", `${name}.${key}`);
				}
			}
			return bytes;
		},
	};
}

function integer(
	size: 1 | 2 | 4,
	signed: boolean,
	order: Endian | undefined,
	get: (view: DataView, at: number, little: boolean) => number,
	set: (view: DataView, at: number, value: number, little: boolean) => void,
): Field<number> {
	const span = 2 ** (8 * size);
	const [low, high] = signed ? [-span / 2, span / 2 - 1] : [0, span - 1];
	return {
		size,
		read(cursor, name) {
			const bytes = cursor.take(size, name);
			const little = order === undefined ? cursor.little : order === "little";
			return get(new DataView(bytes.buffer, bytes.byteOffset, size), 0, little);
		},
		write(view, at, value, little, name) {
			if (!Number.isInteger(value) || value < low || value > high) {
				throw rangeError(name, `an integer from ${low} to ${high}`, String(value));
			}
			set(view, at, value, order === undefined ? little : order === "little");
		},
	};
}

function rangeError(field: string, expected: string, found: string): EkexecError {
	return new EkexecError("usage", "BYTES_RANGE", "value does not fit its field", {
		field,
		expected,
		found,
	});
}

const getU16 = (view: DataView, at: number, little: boolean) => view.getUint16(at, little);
const setU16 = (view: DataView, at: number, value: number, little: boolean) =>
	view.setUint16(at, value, little);
const getU32 = (view: DataView, at: number, little: boolean) => view.getUint32(at, little);
const setU32 = (view: DataView, at: number, value: number, little: boolean) =>
	view.setUint32(at, value, little);

/** Unsigned byte. */
export const u8: Field<number> = integer(
	1,
	false,
	undefined,
	(view, at) => view.getUint8(at),
	(view, at, value) => view.setUint8(at, value),
);
/** 16 bits in the structure's own byte order. */
export const u16: Field<number> = integer(2, false, undefined, getU16, setU16);
/** 16 bits, big-endian whatever the structure's order (network order). */
export const u16be: Field<number> = integer(2, false, "big", getU16, setU16);
/** 32 bits in the structure's own byte order. */
export const u32: Field<number> = integer(4, false, undefined, getU32, setU32);
/** 32 bits, big-endian whatever the structure's order (network order). */
export const u32be: Field<number> = integer(4, false, "big", getU32, setU32);
/** 32 bits, two's complement, in the structure's own byte order. */
export const i32: Field<number> = integer(
	4,
	true,
	undefined,
	(view, at, little) => view.getInt32(at, little),
	(view, at, value, little) => view.setInt32(at, value, little),
);
/** 64 bits in the structure's own byte order, as bigint. */
export const u64: Field<bigint> = {
	size: 8,
	read: (cursor, name) => cursor.u64(name),
	write(view, at, value, little, name) {
		if (value < 0n || value > 0xffff_ffff_ffff_ffffn) {
			throw rangeError(name, "an integer from 0 to 2^64 - 1", String(value));
		}
		view.setBigUint64(at, value, little);
	},
};

/** `length` raw bytes: a view when read, exactly that many when written. */
export function raw(length: number): Field<Uint8Array> {
	return {
		size: length,
		read: (cursor, name) => cursor.take(length, name),
		write(view, at, value, _little, name) {
			if (value.length !== length) throw rangeError(name, `${length} bytes`, `${value.length}`);
			new Uint8Array(view.buffer, view.byteOffset + at, length).set(value);
		},
	};
}

/** `length` bytes that are skipped on reading and zero on writing. */
export function pad(length: number): Field<undefined> {
	return {
		size: length,
		read(cursor, name) {
			cursor.skip(length, name);
			return undefined;
		},
		write() {},
	};
}

/** Reads one structure from the start of `bytes`. */
export function readStruct<const F extends Readonly<Record<string, AnyField>>>(
	layout: Struct<F>,
	bytes: Uint8Array,
	endian: Endian = "little",
): ValueOf<F> {
	return layout.read(new Cursor(bytes, { endian, where: layout.name }));
}
