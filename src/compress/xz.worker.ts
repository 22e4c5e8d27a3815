// A thread that unpacks blocks: see workers.ts for what is said between the two.
import { parentPort } from "node:worker_threads";
import { Lzma2Decoder } from "./lzma2/block.ts";
import { Lzma2Fault } from "./lzma2/fault.ts";
import { wasm } from "./lzma2/wasm.ts";
import type { Answer, Order } from "./workers.ts";

let decoder = new Lzma2Decoder();

parentPort?.on("message", (order: Order) => {
	parentPort?.postMessage(...answer(order));
});

function answer({ start, bytes }: Order): [Answer, ArrayBuffer[]] {
	try {
		if (start !== undefined) {
			if (!decoder.reusable) decoder = new Lzma2Decoder();
			decoder.begin(start);
		}
		const { output, ended } = decoder.step(bytes);
		return [{ output, ended, fault: undefined }, [output.buffer]];
	} catch (error) {
		// A trap of WebAssembly (memory out of bounds) is the input's doing, too.
		if (error instanceof Lzma2Fault || error instanceof wasm.RuntimeError) {
			return [{ output: new Uint8Array(0), ended: false, fault: error.message }, []];
		}
		throw error;
	}
}
