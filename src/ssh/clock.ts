import type { Prompt } from "./prompt.ts";

/** A deadline for the other side that stands still while the operator is asked something. */
export class Clock {
	#timer: NodeJS.Timeout | undefined;
	#due: { readonly ms: number; readonly late: () => void } | undefined;
	#asking = 0;

	/** Calls `late` unless `stop` or another `start` comes within `ms` milliseconds of not asking. */
	start(ms: number, late: () => void): void {
		this.#due = { ms, late };
		this.#arm();
	}

	stop(): void {
		this.#due = undefined;
		clearTimeout(this.#timer);
	}

	/** The same prompt, with the clock stopped during each question and begun anew after it. */
	pausedBy(prompt: Prompt): Prompt {
		return {
			possible: prompt.possible,
			ask: async (question, options) => {
				this.#asking++;
				clearTimeout(this.#timer);
				try {
					return await prompt.ask(question, options);
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
