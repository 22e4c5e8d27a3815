import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { LzmaStep } from "./lzma.ts";
import type { BlockStart } from "./lzma2/block.ts";
import { Lzma2Fault } from "./lzma2/fault.ts";

/** To the thread: some chunks of a block; with `start`, the first of one. */
export interface Order {
	readonly start: BlockStart | undefined;
	readonly bytes: Uint8Array;
}

/** From the thread, one for each order. */
export interface Answer {
	readonly output: Uint8Array;
	readonly ended: boolean;
	readonly fault: string | undefined;
}

/** Unpacks one block, piece by piece. */
export interface BlockCoder {
	/**
	 * Takes the bytes over. One step at a time. Rejects with what is wrong with them (`LzmaFailure`, `Lzma2Fault`) or
	 * with the thread.
	 */
	step(bytes: Uint8Array<ArrayBuffer>): Promise<LzmaStep>;
	close(): void;
}

/** Threads without work. They do not keep the process from ending. */
const idle: Worker[] = [];

function hire(): Worker {
	const free = idle.pop();
	if (free !== undefined) {
		free.ref();
		return free;
	}
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
	const worker = hire();
	let first: BlockStart | undefined = start;
	let broken = false;
	return {
		step(bytes) {
			const order: Order = { start: first, bytes };
			first = undefined;
			return new Promise((resolve, reject) => {
				const off = () => {
					worker.off("message", answered);
					worker.off("error", failed);
					worker.off("exit", left);
				};
				const failed = (error: Error) => {
					broken = true;
					off();
					reject(error);
				};
				const left = () => failed(new Error("thread ended"));
				const answered = ({ output, ended, fault }: Answer) => {
					off();
					if (fault === undefined) resolve({ output: output.length > 0 ? [output] : [], ended });
					else reject(new Lzma2Fault(fault));
				};
				worker.on("message", answered);
				worker.on("error", failed);
				worker.on("exit", left);
				worker.postMessage(order, [bytes.buffer]);
			});
		},
		close() {
			if (broken || idle.length >= availableParallelism()) {
				void worker.terminate();
				return;
			}
			worker.unref();
			idle.push(worker);
		},
	};
}
