import type { Prompt } from "./prompt.ts";

/** A deadline for the other side of a login that stands still while the operator is asked something. */
export class Clock {
	#timer: NodeJS.Timeout | undefined;
	#due: { readonly ms: number; readonly late: () => void } | undefined;
	#asking = 0;
	readonly #over: AbortController = new AbortController();

	/** Calls `late` unless `stop` or another `start` comes within `ms` milliseconds of not asking. */
	start(ms: number, late: () => void): void {
		this.#due = { ms, late };
		this.#arm();
	}

	/** The login is over, well or ill: no deadline any more, and a question that is still open is taken back. */
	stop(): void {
		this.#due = undefined;
		clearTimeout(this.#timer);
		this.#over.abort();
	}

	/**
	 * The same prompt, with the clock stopped during each question and begun anew after it. Once the login is over it asks
	 * nothing, but for the line (`later`): that one may have questions for as long as it is there.
	 */
	pausedBy(prompt: Prompt, later = false): Prompt {
		return {
			possible: prompt.possible,
			ask: async (question, options) => {
				this.#asking++;
				clearTimeout(this.#timer);
				const over = this.#over.signal;
				const given = options?.signal;
				const signals = [given, later && over.aborted ? undefined : over].filter(
					(each) => each !== undefined,
				);
				try {
					return await prompt.ask(question, { ...options, signal: AbortSignal.any(signals) });
				} finally {
					this.#asking--;
					this.#arm();
				}
			},
		};
	}

	#arm(): void {
		clearTimeout(this.#timer);
		if (this.#due !== undefined && this.#asking === 0) {
			this.#timer = setTimeout(this.#due.late, this.#due.ms);
		}
	}
}
