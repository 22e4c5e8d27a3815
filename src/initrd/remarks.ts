import type { CpioFault } from "../cpio/index.ts";
import type { Trouble } from "./root.ts";
import type { SegmentStart } from "./scan.ts";
import { remarkOf, remarkOfFault } from "./trouble.ts";

/** A name, and what there is to say of it: with the words of `verify`, where that has something to say. */
export interface Remarked {
	/** Empty where there is none that could be read; the place is told then. */
	readonly path: Uint8Array;
	readonly reason: string;
	readonly segment?: number;
	/** Offset in the file, or in the unpacked stream of a compressed segment. */
	readonly offset?: number;
	/** Whether the offset is one of the unpacked stream. */
	readonly unpacked?: true;
}

/** More of them help nobody, and memory has an end. */
const maxRemarks = 10_000;

/** What there is to say of an extraction: see `ExtractResult`. */
export class Remarks {
	readonly skipped: Remarked[] = [];
	readonly notes: Remarked[] = [];
	omitted = 0;
	/** Whether something is lost of which not even a name is left. */
	damaged = false;

	skip(path: Uint8Array, reason: string): void {
		this.#add(this.skipped, { path, reason });
	}

	/** `made`: whether the entry has a place in the tree. */
	ofEntry(name: Uint8Array, troubles: readonly Trouble[], made: boolean): void {
		for (const trouble of troubles) {
			if (made) this.#add(this.notes, { path: name, reason: remarkOf(trouble).message });
			// The last one is why it has none.
			else if (trouble === troubles.at(-1)) this.skip(name, remarkOf(trouble).message);
		}
	}

	ofFault(fault: CpioFault, { index, kind }: SegmentStart): void {
		// Where only the trailer is missing every entry is there.
		if (fault.code === "CPIO_NO_TRAILER") return;
		if (fault.kernel === "ends") this.damaged = true;
		const list = fault.kernel === "takes" ? this.notes : this.skipped;
		const unpacked = kind === "none" ? {} : { unpacked: true as const };
		this.#add(list, {
			path: fault.name,
			reason: remarkOfFault(fault).message,
			...(fault.name.length > 0 ? {} : { segment: index, offset: fault.offset, ...unpacked }),
		});
	}

	#add(list: Remarked[], remark: Remarked): void {
		if (this.skipped.length + this.notes.length < maxRemarks) list.push(remark);
		else this.omitted += 1;
	}
}

/** The path that a name says, for what never got a place in the tree; one character a byte. */
export function plainKey(name: Uint8Array): string {
	const parts = Buffer.from(name).toString("latin1").split("/");
	return parts.filter((part) => part !== "" && part !== "." && part !== "..").join("/") || ".";
}
