import type { Readable, Writable } from "node:stream";
import { EkexecError, showBytes, text, utf8 } from "../bytes/index.ts";

export type VmCode =
	| "VM_NO_QEMU"
	| "VM_START"
	| "VM_EXITED"
	| "VM_CONSOLE_TIMEOUT"
	| "VM_QMP"
	| "VM_NO_PORT"
	| "VM_VICTIM";

/** The console of a machine is kept up to this many characters, oldest dropped: a boot prints some 100 kB. */
const keepAtMost = 4 * 1024 * 1024;

/** Lines quoted in the error when a wait fails. */
const quotedLines = 25;

/** The serial console of a virtual machine: what it printed so far, and waits for what it will print. */
export class Console {
	#text = "";
	#dropped = 0;
	#ended: string | undefined;
	readonly #input: Writable;
	readonly #listeners = new Set<() => void>();

	constructor(output: Readable, input: Writable) {
		this.#input = input;
		// A write to a machine that has just gone must not take the whole process with it.
		input.on("error", () => {});
		output.on("data", (chunk: Uint8Array) => {
			this.#text += text(chunk);
			const excess = this.#text.length - keepAtMost;
			if (excess > 0) {
				this.#text = this.#text.slice(excess);
				this.#dropped += excess;
			}
			this.#wake();
		});
		output.on("error", (error) => this.end(String(error)));
	}

	/** All that was printed, as far as it is kept. */
	get text(): string {
		return this.#text;
	}

	/** Characters printed since the start: a mark for `waitFor(…, { from })`. */
	get position(): number {
		return this.#dropped + this.#text.length;
	}

	/** What was printed from a position on, as far as it is kept. */
	since(position: number): string {
		return this.#text.slice(Math.max(0, position - this.#dropped));
	}

	/** The last lines, safe to print. */
	tail(lines: number = quotedLines): string {
		const last = this.#text.split(/\r?\n/).slice(-lines);
		return last.map((line) => showBytes(utf8(line))).join("\n");
	}

	write(keys: string): void {
		this.#input.write(keys);
	}

	/** Ends all waits: nothing more will be printed. */
	end(reason: string): void {
		this.#ended ??= reason;
		this.#wake();
	}

	/**
	 * Waits until the console shows `pattern`, from position `from` on (the start unless told).
	 * `timeout` is in milliseconds.
	 * @throws VM_CONSOLE_TIMEOUT after `timeout`, VM_EXITED when the machine ends first; both quote the last lines.
	 */
	waitFor(
		pattern: RegExp | string,
		options: { timeout: number; from?: number; signal?: AbortSignal },
	): Promise<RegExpMatchArray> {
		const { timeout, from = 0, signal } = options;
		const expression =
			typeof pattern === "string"
				? new RegExp(pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
				: pattern;
		return new Promise((resolve, reject) => {
			const finish = (act: () => void): void => {
				clearTimeout(timer);
				this.#listeners.delete(look);
				signal?.removeEventListener("abort", aborted);
				act();
			};
			const fail = (code: VmCode, summary: string): void =>
				finish(() =>
					reject(
						new EkexecError<VmCode>("failed", code, summary, {
							expected: `${expression}`,
							found: `as the last lines of the console:\n${this.tail()}\n`,
						}),
					),
				);
			const look = (): void => {
				const match = this.since(from).match(expression);
				if (match) finish(() => resolve(match));
				else if (this.#ended !== undefined) {
					fail("VM_EXITED", `the machine ended (${this.#ended}) before its console showed this`);
				}
			};
			const aborted = (): void => finish(() => reject(signal?.reason));
			const timer = setTimeout(
				() =>
					fail("VM_CONSOLE_TIMEOUT", `the console did not show this within ${timeout / 1000} s`),
				timeout,
			);
			this.#listeners.add(look);
			signal?.addEventListener("abort", aborted, { once: true });
			if (signal?.aborted) aborted();
			else look();
		});
	}

	#wake(): void {
		for (const listener of [...this.#listeners]) listener();
	}
}
