/** A condition variable: waiters wake when someone says that something may have changed. */
export class Pulse {
	#waiting: (() => void)[] = [];

	wait(): Promise<void> {
		return new Promise((resolve) => {
			this.#waiting.push(resolve);
		});
	}

	fire(): void {
		const woken = this.#waiting;
		this.#waiting = [];
		for (const wake of woken) wake();
	}
}
