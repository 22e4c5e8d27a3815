import native from "lzma-native";

/**
 * The part of lzma-native that its type package leaves out: the binding beneath its streams. Its own stream cuts
 * the input at every "YZ" it meets by chance, and hands out 64 kB at a time over setImmediate.
 */
export interface LzmaStream {
	/** Called during `code`, or after it when asynchronous; see `runLzma`. */
	bufferHandler: (
		output: Uint8Array | null | undefined,
		processed: number | undefined,
		error: Error | null | undefined,
	) => void;
	/** Size of the pieces output comes in. */
	setBufsize(bytes: number): unknown;
	/** Feeds bytes; none (null) for the end of the input. Asynchronous work runs on libuv's thread pool. */
	code(input: Uint8Array | null, async: boolean): void;
	/** Frees the coder. Waits for work in flight. */
	resetUnderlying(): void;
	streamDecoder_(memoryLimit: number | null, flags: number): unknown;
	streamEncoder(options: object): unknown;
}

interface LzmaNative {
	readonly Stream: new () => LzmaStream;
}

/** LZMA_DATA_ERROR and so on, lzma/base.h. */
export interface LzmaFailure extends Error {
	readonly code: number;
}

/** A coder not yet set up. */
export function newLzmaStream(): LzmaStream {
	return new (native as unknown as LzmaNative).Stream();
}

export interface LzmaStep {
	readonly output: readonly Uint8Array[];
	/** Whether the coder came to the end of its stream. */
	readonly ended: boolean;
}

/** One `code` call on the thread pool: the output it gave. Rejects with liblzma's failure. One at a time per stream. */
export function runLzma(stream: LzmaStream, input: Uint8Array | null): Promise<LzmaStep> {
	return new Promise((resolve, reject) => {
		const output: Uint8Array[] = [];
		let ended = false;
		let failure: Error | undefined;
		stream.bufferHandler = (chunk, processed, error) => {
			if (chunk) output.push(chunk);
			else if (error) failure = error;
			else if (chunk === null) ended = true;
			// The count of processed inputs comes last, and once for each call.
			if (processed !== undefined) {
				if (failure === undefined) resolve({ output, ended });
				else reject(failure);
			}
		};
		stream.code(input, true);
	});
}
