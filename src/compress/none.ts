import type { Codec } from "./codec.ts";
import { MAX_OUTPUT } from "./codec.ts";
import { outputMeter } from "./meter.ts";
import { untilAborted } from "./source.ts";

/** No compression: the bytes themselves, up to the end of the input. */
export const none: Codec = {
	name: "none",
	extension: "",
	defaultLevel: 0,
	cannotCompress: undefined,
	compress: (chunks, options = {}) => untilAborted(chunks, options.signal),
	async *decode(source, options = {}) {
		const meter = outputMeter(source, options.maxOutput ?? MAX_OUTPUT);
		source.heed(options.signal);
		try {
			for (;;) {
				options.signal?.throwIfAborted();
				const chunk = await source.next();
				if (chunk === undefined) return;
				meter(chunk.length);
				yield chunk;
			}
		} finally {
			source.heed(undefined);
		}
	},
};
