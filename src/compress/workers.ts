import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { LzmaStep } from "./lzma.ts";
import type { BlockStart } from "./lzma2/block.ts";
import { Lzma2Fault } from "./lzma2/fault.ts";

/** To the thread: some chunks of a block; with `start`, the first of one. */
export interface Order {
	readonly start: BlockStart | undefined;
	readonly bytes: Uint8Array<ArrayBuffer>;
}

/** From the thread, one for each order. */
export interface Answer {
	readonly output: Uint8Array;
	readonly ended: boolean;
	readonly fault: Pick<Lzma2Fault, "message" | "kind"> | undefined;
}

/** Unpacks one block, piece by piece. */
export interface BlockCoder {
	/**
	 * Takes the bytes over. One step at a time. Rejects with what is wrong with them (`LzmaFailure`, `Lzma2Fault`) or
	 * with the thread.
	 */
	step(bytes: Uint8Array<ArrayBuffer>): Promise<LzmaStep>;
	/** Gives back what it has. The step in flight, if any, is waited for before. */
	close(): void;
}

/** Threads without work. */
const idle: Thread[] = [];

/** A thread, one order at a time. It keeps the process from ending while it works, and only then. */
class Thread {
	readonly #worker: Worker;
	#waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined;
	#failure: Error | undefined;

	constructor() {
		this.#worker = newWorker();
		this.#worker.unref();
		this.#worker.on("message", (answer: Answer) => this.#settle()?.resolve(answer));
		this.#worker.on("error", (error) => this.#end(error));
		this.#worker.on("exit", () => this.#end(new Error("thread ended")));
	}

	get lives(): boolean {
		return this.#failure === undefined;
	}

	/** Rejects with why the thread came to its end. */
	give(order: Order): Promise<Answer> {
		return new Promise((resolve, reject) => {
			if (this.#failure !== undefined) {
				reject(this.#failure);
				return;
			}
			this.#waiting = { resolve, reject };
			this.#worker.ref();
			this.#worker.postMessage(order, [order.bytes.buffer]);
		});
	}

	end(): void {
		void this.#worker.terminate();
	}

	#settle(): { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined {
		const waiting = this.#waiting;
		this.#waiting = undefined;
		this.#worker.unref();
		return waiting;
	}

	#end(error: Error): void {
		this.#failure ??= error;
		const at = idle.indexOf(this);
		if (at >= 0) idle.splice(at, 1);
		this.#settle()?.reject(this.#failure);
	}
}

function newWorker(): Worker {
	// Without this process's own flags: `-e` and `--input-type` are errors in a thread, `--inspect` would clash.
	const execArgv: string[] = [];
	if (!import.meta.url.endsWith(".ts")) {
		return new Worker(new URL("xz.worker.js", import.meta.url), { execArgv });
	}
	// In a checkout, under a test runner: a thread does not inherit what reads TypeScript here.
	const file = JSON.stringify(new URL("xz.worker.ts", import.meta.url).href);
	const boot = `import("tsx/esm/api").then(({ register }) => (register(), import(${file})))`;
	return new Worker(boot, { eval: true, execArgv });
}

/** A coder on a thread of its own. */
export function threadCoder(start: BlockStart): BlockCoder {
	const thread = idle.pop() ?? new Thread();
	let first: BlockStart | undefined = start;
	let over = false;
	return {
		async step(bytes) {
			const order: Order = { start: first, bytes };
			first = undefined;
			const { output, ended, fault } = await thread.give(order);
			over = ended || fault !== undefined;
			if (fault !== undefined) throw new Lzma2Fault(fault.message, fault.kind);
			return { output: output.length > 0 ? [output] : [], ended };
		},
		close() {
			// In the middle of a block it holds that block's window.
			if (over && thread.lives && idle.length < availableParallelism()) idle.push(thread);
			else thread.end();
		},
	};
}
