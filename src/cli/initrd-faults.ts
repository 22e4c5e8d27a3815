import { printable } from "../bytes/index.ts";
import type { CpioFault } from "../cpio/index.ts";
import type { Io } from "./command.ts";

/** More of one initrd help nobody here: `initrd verify` tells them all. */
const maxTold = 20;

/**
 * Gathers what no archive should hold, but at which a kernel goes on, for commands that show what a kernel makes of an
 * initrd: it is shown, and nobody takes it for whole.
 */
export class Faults {
	readonly #lines: string[] = [];
	#more = 0;
	#lost = false;

	/** Whether a kernel makes something else of the initrd than it says. */
	get lost(): boolean {
		return this.#lost;
	}

	readonly take = (fault: CpioFault): void => {
		// Where only the trailer is missing every entry is there.
		if (fault.code === "CPIO_NO_TRAILER") return;
		if (fault.kernel !== "takes") this.#lost = true;
		if (this.#lines.length < maxTold) this.#lines.push(printable(fault.error.message));
		else this.#more += 1;
	};

	/** Once the input is closed: until then the progress has the line. */
	tell(io: Io): void {
		for (const line of this.#lines) io.stderr.write(`${line}\n`);
		if (this.#more > 0) io.stderr.write(`and ${this.#more} more\n`);
	}
}
