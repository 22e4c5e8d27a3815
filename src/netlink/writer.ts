import type { Endian } from "../bytes/index.ts";
import { unwritable } from "./error.ts";

/** Largest message written here. The kernel takes no more than its socket buffer, some hundred kB. */
const largestMessage = 1024 * 1024;

/** Bytes of a message in the making. Attributes are aligned to four from its start (NLMSG_ALIGN, NLA_ALIGN). */
export class Writer {
	readonly little: boolean;
	view: DataView<ArrayBuffer>;
	length = 0;
	#bytes: Uint8Array<ArrayBuffer>;

	constructor(endian: Endian) {
		this.little = endian === "little";
		this.#bytes = new Uint8Array(256);
		this.view = new DataView(this.#bytes.buffer);
	}

	/** Room for `size` zero bytes; answers where it begins. `view` may be another one afterwards. */
	reserve(size: number): number {
		const at = this.length;
		const needed = at + size;
		if (needed > largestMessage)
			throw unwritable("message", `at most ${largestMessage} bytes`, needed);
		if (needed > this.#bytes.length) {
			const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
			grown.set(this.#bytes);
			this.#bytes = grown;
			this.view = new DataView(grown.buffer);
		}
		this.length = needed;
		return at;
	}

	bytes(bytes: Uint8Array): void {
		const at = this.reserve(bytes.length);
		this.#bytes.set(bytes, at);
	}

	/** Zeros up to the next multiple of four. */
	align(): void {
		this.reserve((4 - (this.length % 4)) % 4);
	}

	/** A copy of what was written. */
	finish(): Uint8Array<ArrayBuffer> {
		return this.#bytes.slice(0, this.length);
	}
}
