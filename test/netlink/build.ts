import { concat, type Endian } from "../../src/bytes/index.ts";
import {
	type Decoded,
	encodeMessage,
	messageFlags,
	type ObjectKind,
	type Objects,
} from "../../src/netlink/index.ts";

/** Builds dumps by hand, byte by byte, without the code under test. */
export class Build {
	readonly #bytes: number[] = [];
	readonly #little: boolean;

	constructor(endian: Endian = "little") {
		this.#little = endian === "little";
	}

	u8(...values: number[]): this {
		this.#bytes.push(...values);
		return this;
	}

	u16(value: number): this {
		const bytes = [value % 256, Math.trunc(value / 256)];
		return this.u8(...(this.#little ? bytes : bytes.reverse()));
	}

	u32(value: number): this {
		const bytes = [value, value / 2 ** 8, value / 2 ** 16, value / 2 ** 24].map(
			(part) => Math.trunc(part) % 256,
		);
		return this.u8(...(this.#little ? bytes : bytes.reverse()));
	}

	text(value: string): this {
		return this.u8(...Buffer.from(value));
	}

	/** An attribute: header, payload, padding. */
	attribute(type: number, payload: (build: Build) => void): this {
		const inner = new Build(this.#little ? "little" : "big");
		payload(inner);
		const length = inner.#bytes.length + 4;
		return this.u16(length)
			.u16(type)
			.u8(...inner.#bytes, ...zeros(length));
	}

	/** A message: header, body, padding. */
	message(
		type: number,
		flags: number,
		body: (build: Build) => void,
		{ sequence = 7, port = 99 }: { sequence?: number; port?: number } = {},
	): this {
		const inner = new Build(this.#little ? "little" : "big");
		body(inner);
		const length = inner.#bytes.length + 16;
		return this.u32(length)
			.u16(type)
			.u16(flags)
			.u32(sequence)
			.u32(port)
			.u8(...inner.#bytes, ...zeros(length));
	}

	/** NLMSG_DONE. */
	done(errno = 0): this {
		return this.message(3, 2, (body) => body.u32(errno === 0 ? 0 : 2 ** 32 - errno));
	}

	get bytes(): Uint8Array {
		return Uint8Array.from(this.#bytes);
	}
}

const zeros = (length: number): number[] => new Array((4 - (length % 4)) % 4).fill(0);

/** A whole dump of objects, made by our own encoder. */
export function dumpOf<K extends ObjectKind>(
	kind: K,
	list: readonly Objects[K][],
	endian: Endian = "little",
): Uint8Array {
	const options = { endian, flags: messageFlags.multi, sequence: 7, port: 99 };
	const done = new Build(endian).done().bytes;
	return concat([...list.map((object) => encodeMessage(kind, object, options)), done]);
}

const lists = {
	link: "links",
	bridgeLink: "bridgeLinks",
	address: "addresses",
	route: "routes",
	rule: "rules",
	nexthop: "nexthops",
	neighbour: "neighbours",
} as const satisfies Record<ObjectKind, keyof Decoded>;

/** The objects of one kind in a decoded dump. */
export function listOf<K extends ObjectKind>(kind: K, decoded: Decoded): Objects[K][] {
	return decoded[lists[kind]] as Objects[K][];
}
