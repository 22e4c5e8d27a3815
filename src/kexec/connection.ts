// The stream of frames under the conversation.
import { EkexecError, type ErrorDetails, toHex } from "../bytes/index.ts";
import { encodeFrame, type Frame, frameType, type HelperCode } from "./contract.ts";
import type { HelperStream } from "./stream.ts";
import { FrameReader } from "./wire.ts";

/** How one step of the conversation may be bounded. */
export interface StepOptions {
	readonly signal?: AbortSignal;
	/** Milliseconds until the helper must have answered; each step has its own default. */
	readonly timeout?: number;
}

/** Frames that may wait for a step that wants them; the helper says nothing unasked but its last words. */
const maxWaiting = 4096;

/** How often a silent client says that it is there; the helper gives up after ten minutes. */
const aliveEvery = 60_000;

interface Waiter {
	take(frame: Frame): boolean;
	fail(error: unknown): void;
}

export function fault(
	code: HelperCode,
	summary: string,
	details: ErrorDetails = {},
): EkexecError<HelperCode> {
	return new EkexecError("failed", code, summary, details);
}

export function unexpected(frame: Frame): EkexecError<HelperCode> {
	return fault("HELPER_FRAMES", "the helper said something out of turn", {
		found: `frame of type ${frame.type}, tag ${frame.tag}: ${toHex(frame.payload.subarray(0, 32))}`,
	});
}

/** The stream with one waiter at a time: frames go to it until it has what it wants. */
export class Connection {
	readonly reader: FrameReader = new FrameReader();
	readonly #stream: HelperStream;
	#waiter: Waiter | undefined;
	#queue: Frame[] = [];
	#ended: EkexecError<HelperCode> | undefined;
	#touched: (() => void) | undefined;
	readonly #alive: NodeJS.Timeout;

	constructor(stream: HelperStream) {
		this.#stream = stream;
		this.#alive = setInterval(() => {
			this.send(encodeFrame(frameType.alive)).catch(() => {});
		}, aliveEvery);
		this.#alive.unref();
		this.#pump().catch(() => {});
	}

	async send(bytes: Uint8Array): Promise<void> {
		await this.#stream.write(bytes);
	}

	/** Sends while an answer is awaited; an error of the answer comes first, since it says more than a broken pipe. */
	async during(answer: Promise<unknown>, bytes: Uint8Array): Promise<void> {
		await this.sendOr(answer, bytes);
		await answer;
	}

	async sendOr(answer: Promise<unknown>, bytes: Uint8Array): Promise<void> {
		const stopped = new Promise<void>((resolve) => {
			answer.catch(() => resolve());
		});
		// A write that fails shows as the end of the output, too, which says why.
		await Promise.race([this.send(bytes).catch(() => {}), stopped]);
	}

	/** Ends the current wait with an error of this side. */
	fail(error: unknown): void {
		this.#waiter?.fail(error);
	}

	/** Starts the deadline of the current wait again: something went forward. */
	touch(): void {
		this.#touched?.();
	}

	wait<T>(step: string, options: StepOptions, take: (frame: Frame) => T | undefined): Promise<T> {
		const { signal, timeout = 30_000 } = options;
		const promise = new Promise<T>((resolve, reject) => {
			if (this.#waiter !== undefined) {
				reject(fault("HELPER_ORDER", "two steps of one conversation at once"));
				return;
			}
			let timer: NodeJS.Timeout | undefined;
			const end = () => {
				clearTimeout(timer);
				signal?.removeEventListener("abort", stopped);
				this.#waiter = undefined;
				this.#touched = undefined;
			};
			const fail = (error: unknown) => {
				end();
				reject(error);
			};
			const stopped = () => {
				fail(signal?.reason ?? fault("HELPER_INTERRUPTED", `interrupted during ${step}`));
			};
			const start = () => {
				clearTimeout(timer);
				timer = setTimeout(() => {
					fail(
						new EkexecError<HelperCode>(
							"failed",
							"HELPER_TIMEOUT",
							"the helper did not answer in time",
							{
								field: step,
								expected: `an answer within ${timeout / 1000} s`,
							},
						),
					);
				}, timeout);
			};
			if (signal?.aborted === true) {
				stopped();
				return;
			}
			signal?.addEventListener("abort", stopped, { once: true });
			start();
			this.#touched = start;
			this.#waiter = {
				fail,
				take: (frame) => {
					try {
						const value = take(frame);
						start();
						if (value === undefined) return false;
						end();
						resolve(value);
					} catch (error) {
						fail(error);
					}
					return true;
				},
			};
			this.#deliver();
		});
		// Whoever awaits it hears of it; until then it is no unhandled rejection.
		promise.catch(() => {});
		return promise;
	}

	close(): void {
		clearInterval(this.#alive);
		this.#stream.end();
	}

	#deliver(): void {
		while (this.#waiter !== undefined) {
			const frame = this.#queue.shift();
			if (frame === undefined) break;
			this.#waiter.take(frame);
		}
		if (this.#ended !== undefined && this.#queue.length === 0) this.#waiter?.fail(this.#ended);
	}

	async #pump(): Promise<void> {
		try {
			for await (const chunk of this.#stream.output) {
				this.reader.push(chunk);
				for (let frame = this.reader.next(); frame !== undefined; frame = this.reader.next()) {
					this.#queue.push(frame);
					if (this.#waiter !== undefined) this.#deliver();
					else if (this.#queue.length > maxWaiting) throw unexpected(frame);
				}
				this.#deliver();
			}
			this.#ended = await this.#ending();
		} catch (error) {
			this.#ended =
				error instanceof EkexecError
					? error
					: fault("HELPER_ENDED", "the connection to the helper broke", {
							found: String(error),
							cause: error,
						});
		}
		clearInterval(this.#alive);
		this.#deliver();
	}

	async #ending(): Promise<EkexecError<HelperCode>> {
		const code = await Promise.race([
			this.#stream.exit,
			new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 1000).unref()),
		]);
		const said = [this.#stream.talk?.() ?? "", this.reader.started ? "" : this.reader.noise]
			.map((words) => words.trim())
			.filter((words) => words !== "")
			.join("; ");
		const found = [code === undefined ? "" : `exit code ${code}`, said]
			.filter((part) => part !== "")
			.join(": ");
		if (this.reader.started) return fault("HELPER_ENDED", "the helper ended", { found });
		return new EkexecError("failed", "HELPER_SILENT", "the helper did not start", {
			found,
			...(code === 126
				? { remedy: "The place it was put in may be mounted noexec; try another." }
				: {}),
		});
	}
}
