import type { Io } from "./command.ts";

/** Bytes as a person reads them, in powers of ten. */
export function showSize(bytes: number): string {
	const units = ["B", "kB", "MB", "GB", "TB"];
	let value = bytes;
	let unit = 0;
	while (value >= 999.5 && unit < units.length - 1) {
		value /= 1000;
		unit += 1;
	}
	return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** One line on a terminal that says how far a long piece of work is. Silent where nobody looks. */
export class Progress {
	readonly #io: Io;
	readonly #verb: string;
	readonly #started: number;
	#told = 0;

	constructor(io: Io, verb: string) {
		this.#io = io;
		this.#verb = verb;
		this.#started = performance.now();
		this.#told = this.#started;
	}

	/** `total` is undefined where nobody knows it. */
	update(done: number, total?: number): void {
		if (!this.#io.terminal.stderr) return;
		const now = performance.now();
		// Ten times a second is enough for an eye; work that is done at once shows nothing at all.
		if (now - this.#told < 100) return;
		this.#told = now;
		const share =
			total === undefined || total === 0 ? "" : ` ${Math.floor((100 * done) / total)} %`;
		const rate = showSize((1000 * done) / (now - this.#started));
		this.#io.stderr.write(`\r\x1b[K${this.#verb}${share} ${showSize(done)}, ${rate}/s`);
	}

	/** Takes the line away. */
	end(): void {
		if (this.#told !== this.#started) this.#io.stderr.write("\r\x1b[K");
	}
}
