// A duplex stream of bytes to a helper, whatever carries it.

/** A helper's standard streams: an SSH channel, a child process, or a fake in memory. */
export interface HelperStream {
	/** Standard output of the helper. */
	readonly output: AsyncIterable<Uint8Array>;
	/** To its standard input; resolves when there is room for more. */
	write(bytes: Uint8Array): Promise<void>;
	/** Ends its standard input. */
	end(): void;
	/** Cuts the connection at once. */
	destroy(): void;
	/** Exit code, where the transport tells it. Never rejects. */
	readonly exit: Promise<number | undefined>;
	/** What came on standard error so far, for messages. */
	readonly talk?: () => string;
}

/** Node streams as they come from `child_process.spawn` or from an SSH channel. */
export interface NodeStreams {
	readonly stdin: NodeJS.WritableStream & { destroy?(): unknown };
	readonly stdout: NodeJS.ReadableStream;
	readonly stderr?: NodeJS.ReadableStream | null;
	/** Exit code; left out where nobody tells it. */
	readonly exit?: Promise<number | undefined>;
}

/** Standard error kept for messages: the end of it says most. */
const maxTalk = 4096;

/** A {@link HelperStream} over Node streams. */
export function helperStream(streams: NodeStreams): HelperStream {
	const { stdin, stdout, stderr } = streams;
	let talk = "";
	stderr?.on("data", (chunk: Uint8Array | string) => {
		talk = (talk + String(chunk)).slice(-maxTalk);
	});
	// A reader that has gone shows as the end of the output; the write itself needs no second voice.
	stdin.on("error", () => {});
	return {
		output: stdout as unknown as AsyncIterable<Uint8Array>,
		write: (bytes) =>
			new Promise((resolve, reject) => {
				stdin.write(bytes, (error?: Error | null) => (error ? reject(error) : resolve()));
			}),
		end: () => {
			stdin.end();
		},
		destroy: () => {
			stdin.destroy?.();
			(stdout as NodeJS.ReadableStream & { destroy?(): unknown }).destroy?.();
		},
		exit: streams.exit ?? Promise.resolve(undefined),
		talk: () => talk,
	};
}
