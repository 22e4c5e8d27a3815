// Types derived from the tables: nothing here exists at run time.
import type { KindSets, Sets, SlaveSets, Structs } from "./registry.ts";

/** Values of single fields, by the name a table gives them. `be` is network order, all else the sender's. */
export interface Scalars {
	u8: number;
	u16: number;
	u32: number;
	i32: number;
	u64: bigint;
	u16be: number;
	u32be: number;
	u64be: bigint;
	/** One byte that tells the weight less one. */
	weight8: number;
	/** Two bytes, low and high whatever the order, that tell the weight less one. */
	weight16: number;
	/** Hardware address of six bytes within a structure, as `02:00:00:00:00:01`. */
	mac6: string;
	/** Present or not: true where it is. */
	flag: true;
	/** IPv4 or IPv6 address as text (RFC 5952); addresses of other families as `hex:` and digits. */
	ip: string;
	/** Hardware address of any length, as `02:00:00:00:00:01`; empty for none. */
	mac: string;
	/** Text that ends with NUL. Bytes that are no UTF-8 as `\xNN` (see `showBytes`). */
	text: string;
	/** Name of an interface: as `text`, at most 127 bytes. */
	name: string;
	/** Payload as it came, without copying. */
	bytes: Uint8Array;
	via: Via;
	hops: Hop[];
}

/** struct rtvia: a gateway of another family than the route. */
export interface Via {
	/** AF_INET or AF_INET6, … */
	family: number;
	address: string;
}

/** An attribute that has no row in the table, or whose length is not the one in the table. Kept, never dropped. */
export interface UnknownAttribute {
	/** Number, without the two flag bits. */
	type: number;
	/** NLA_F_NESTED and NLA_F_NET_BYTEORDER as they came. */
	flags: number;
	payload: Uint8Array;
	/** Name of the row that it did not fit; undefined where there is no row. */
	name?: string;
}

/** A fixed layout: member to name of a scalar. Members that begin with `_` are padding. */
export type StructTable = Readonly<Record<string, string>>;
/** A set of attributes: member to number, name of the payload, and `many` where it may occur again and again.
 * Those that begin with `_` are padding, skipped and never written. */
export type SetTable = Readonly<Record<string, readonly [number, string, "many"?]>>;

type Padding = `_${string}`;

/** What a name in a table stands for: `x[]` a row of structures or integers, `x<>` an attribute each. */
export type ValueOf<N extends string> = N extends keyof Scalars
	? Scalars[N]
	: N extends `${infer E}[]`
		? ValueOf<E>[]
		: N extends `${infer E}<>`
			? ValueOf<E>[]
			: N extends keyof Structs
				? StructValue<Structs[N]>
				: N extends "linkInfo"
					? LinkInfo
					: N extends keyof Sets
						? SetValue<Sets[N]>
						: never;

export type StructValue<S> = {
	-readonly [K in keyof S as K extends Padding ? never : K]: S[K] extends string
		? ValueOf<S[K]>
		: never;
};

type RowValue<R> = R extends readonly [number, infer N extends string, "many"]
	? ValueOf<N>[]
	: R extends readonly [number, infer N extends string]
		? ValueOf<N>
		: never;

type Rows<S> = { -readonly [K in keyof S as K extends Padding ? never : K]?: RowValue<S[K]> };

export type SetValue<S> = Rows<S> & { unknown?: UnknownAttribute[] };

/**
 * A message: members of the header, and attributes where there are any. An attribute beats a member of the
 * header that has its name: that is how Linux widened table numbers and address flags.
 */
export type MessageValue<H, S> = StructValue<H> &
	Omit<Rows<S>, keyof H> & {
		unknown?: UnknownAttribute[];
	};

/** `kind` and `slaveKind`, and what hangs on them decoded by the table of that kind. */
export type LinkInfo = SetValue<Sets["linkInfo"]> & {
	-readonly [K in keyof KindSets]?: SetValue<KindSets[K]>;
} & { -readonly [K in keyof SlaveSets]?: SetValue<SlaveSets[K]> };

/** One way of a multipath route: struct rtnexthop and its attributes. */
export interface Hop {
	/** RTNH_F_*; `onlink` is told here, not in the route. */
	flags: number;
	/** From 1; the kernel tells it less one. */
	weight: number;
	ifindex: number;
	gateway?: string;
	via?: Via;
	flow?: number;
	newdst?: string;
	encapType?: number;
	encap?: Uint8Array;
	ttlPropagate?: number;
	unknown?: UnknownAttribute[];
}
