// Frames out of a stream: the preamble is looked for in whatever a login shell printed before it.
import { concat, EkexecError, showBytes } from "../bytes/index.ts";
import {
	contractVersion,
	type Frame,
	frameHeadSize,
	type HelperCode,
	maxFrame,
	preamble,
} from "./contract.ts";

/** A motd longer than this is none. */
const maxNoise = 262_144;

/** Bytes in, frames out; first the preamble. Push what arrives, take what is whole. */
export class FrameReader {
	#rest: Uint8Array = new Uint8Array();
	#parts: Uint8Array[] = [];
	#length = 0;
	/** Offset up to which the preamble was looked for in vain. */
	#searched = 0;
	/** What came before the preamble, as text that can be shown. */
	noise = "";
	/** Whether the preamble was seen. */
	started = false;

	push(chunk: Uint8Array): void {
		this.#parts.push(chunk);
		this.#length += chunk.length;
	}

	/** Next whole frame, or undefined until more is pushed. Throws `HELPER_VERSION`, `HELPER_FRAMES`, `HELPER_SILENT`. */
	next(): Frame | undefined {
		if (!this.started && !this.#synchronise()) return undefined;
		const size = frameHeadSize;
		if (!this.#have(size)) return undefined;
		const view = new DataView(this.#rest.buffer, this.#rest.byteOffset, size);
		const length = view.getUint32(0, true);
		if (length > maxFrame) {
			throw new EkexecError<HelperCode>(
				"failed",
				"HELPER_FRAMES",
				"what the helper said is no frame",
				{
					field: "length",
					expected: `at most ${maxFrame}`,
					found: `${length}`,
					remedy:
						"Something else writes to the same channel; a shell's start-up file may print in the background.",
				},
			);
		}
		if (!this.#have(size + length)) return undefined;
		const frame = {
			type: view.getUint16(4, true),
			tag: view.getUint16(6, true),
			payload: this.#rest.slice(size, size + length),
		};
		this.#drop(size + length);
		return frame;
	}

	#synchronise(): boolean {
		this.#have(this.#length);
		const bytes = this.#rest;
		const head = preamble.subarray(0, -1);
		for (let at = this.#searched; at + preamble.length <= bytes.length; at++) {
			this.#searched = at;
			if (bytes[at] !== 0 || !head.every((byte, i) => bytes[at + i] === byte)) continue;
			this.noise = showBytes(bytes.subarray(0, at));
			const version = bytes[at + head.length] ?? 0;
			if (version !== contractVersion) {
				throw new EkexecError<HelperCode>(
					"failed",
					"HELPER_VERSION",
					"the helper is of another version",
					{
						expected: `${contractVersion}`,
						found: `${version}`,
						remedy: "Remove the helper from the target, or use the ekexec that put it there.",
					},
				);
			}
			this.#drop(at + preamble.length);
			this.started = true;
			return true;
		}
		if (bytes.length > maxNoise) {
			throw new EkexecError<HelperCode>("failed", "HELPER_SILENT", "the helper did not greet", {
				found: showBytes(bytes.subarray(0, 200)),
			});
		}
		this.noise = showBytes(bytes);
		return false;
	}

	/** Makes sure that `length` bytes lie in one piece at the front. */
	#have(length: number): boolean {
		if (this.#length < length) return false;
		if (this.#rest.length < length) {
			this.#rest = concat([this.#rest, ...this.#parts]);
			this.#parts = [];
		}
		return true;
	}

	#drop(length: number): void {
		this.#rest = this.#rest.subarray(length);
		this.#length -= length;
	}
}
