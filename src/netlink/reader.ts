import type { Endian } from "../bytes/index.ts";
import { damaged } from "./error.ts";
import { showIpv4 } from "./ip.ts";

/**
 * The bytes of one or many messages, and what a codec must know to read them. Offsets are absolute in `bytes`, so
 * that nothing is cut out, copied or wrapped for an attribute: a million routes are read through one DataView.
 */
export class Reader {
	readonly bytes: Uint8Array;
	readonly view: DataView;
	/** Byte order of the machine that sent them; changed for an attribute that says NLA_F_NET_BYTEORDER. */
	little: boolean;
	/** Family of the message being read, which decides how addresses are shown. */
	family = 0;
	/** File, host or dump, for errors. */
	readonly where: string | undefined;
	/** Added to offsets in errors. */
	base = 0;
	readonly #ipv4Keys = new Uint32Array(1004);
	readonly #ipv4Shown: (string | undefined)[] = new Array(1004);

	constructor(bytes: Uint8Array, endian: Endian, where?: string) {
		// A plain view even of a Buffer, so that payloads are the same wherever the bytes came from.
		this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
		this.little = endian === "little";
		this.where = where;
	}

	/**
	 * IPv4 address at `at` as text. Gateways and sources recur from route to route: the last few are kept, which
	 * spares time and the memory of one more string.
	 */
	ipv4(at: number): string {
		const key = this.view.getUint32(at);
		const slot = (key % 251) * 4 + (key % 4);
		const known = this.#ipv4Shown[slot];
		if (known !== undefined && this.#ipv4Keys[slot] === key) return known;
		const shown = showIpv4(this.bytes, at);
		this.#ipv4Keys[slot] = key;
		this.#ipv4Shown[slot] = shown;
		return shown;
	}

	/** Throws `NETLINK_ATTRIBUTE` for what begins at `at`. */
	attributeError(
		at: number,
		summary: string,
		field: string,
		expected: string,
		found: string,
	): never {
		throw damaged("NETLINK_ATTRIBUTE", summary, {
			where: this.where,
			offset: this.base + at,
			field,
			expected,
			found,
		});
	}
}

/** Byte order of the machine at hand. */
export const hostEndian: Endian =
	new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? "little" : "big";
