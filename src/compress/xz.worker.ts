// A thread that unpacks blocks: see workers.ts for what is said between the two.
import { parentPort } from "node:worker_threads";
import { Lzma2Decoder } from "./lzma2/block.ts";
import { Lzma2Fault } from "./lzma2/fault.ts";
import { wasm } from "./lzma2/wasm.ts";
import type { Answer, Order } from "./workers.ts";

let decoder: Lzma2Decoder | undefined;

parentPort?.on("message", (order: Order) => {
	parentPort?.postMessage(...answer(order));
});

function answer({ start, bytes }: Order): [Answer, ArrayBuffer[]] {
	const own = decoder ?? new Lzma2Decoder();
	decoder = own;
	let over = true;
	try {
		if (start !== undefined) own.begin(start);
		const { output, ended } = own.step(bytes);
		over = ended;
		return [{ output, ended, fault: undefined }, [output.buffer]];
	} catch (error) {
		// A trap of WebAssembly (memory out of bounds) is the input's doing, too.
		const fault = error instanceof wasm.RuntimeError ? new Lzma2Fault(error.message) : error;
		if (!(fault instanceof Lzma2Fault)) throw error;
		const { message, kind } = fault;
		return [{ output: new Uint8Array(0), ended: false, fault: { message, kind } }, []];
	} finally {
		// A thread may wait long for its next block: not with a large window.
		if (over && !own.reusable) decoder = undefined;
	}
}
