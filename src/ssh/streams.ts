import { Readable, Writable } from "node:stream";
import type { Exit } from "./connection.ts";

/** Talk of a command that nobody reads is kept up to this many bytes. */
export const maxUnreadTalk: number = 256 * 1024;
/** Bytes that may wait in the local socket before writers wait. Covers 100 ms at 300 Mbit/s. */
const maxUnsent = 4 * 1024 * 1024;

/** Streams destroyed by a lost connection must not end the process where nobody listens. */
function quiet<T extends Readable | Writable>(stream: T): T {
	stream.on("error", () => {});
	return stream;
}

/**
 * Reads from a stream that knows pause and resume, with backpressure. `fault` is asked at the end of the stream:
 * a connection that broke is an error, never a short output.
 */
export function boundedReader(
	source: Readable,
	fault: () => Error | undefined | Promise<Error | undefined>,
): Readable {
	const reader = quiet(
		new Readable({
			highWaterMark: 256 * 1024,
			read() {
				source.resume();
			},
			destroy(error, done) {
				// Whoever stops reading must not stop the rest of the connection.
				source.resume();
				done(error);
			},
		}),
	);
	source.on("data", (chunk: Buffer) => {
		if (!reader.destroyed && !reader.push(chunk)) source.pause();
	});
	let ended = false;
	const end = async (failure?: Error) => {
		if (ended) return;
		ended = true;
		const error = (await fault()) ?? failure;
		if (error === undefined) reader.push(null);
		else reader.destroy(error);
	};
	source.once("end", () => void end());
	source.once("close", () => void end());
	source.on("error", (error) => void end(error));
	return reader;
}

/** Reads talk: never holds its source back, and drops what nobody takes. */
export function talkReader(source: Readable): Readable {
	const reader = quiet(new Readable({ highWaterMark: maxUnreadTalk, read() {} }));
	let ended = false;
	source.on("data", (chunk: Buffer) => {
		if (!ended && reader.readableLength + chunk.length <= maxUnreadTalk) reader.push(chunk);
	});
	const end = () => {
		if (!ended) reader.push(null);
		ended = true;
	};
	source.once("end", end);
	source.once("close", end);
	source.on("error", end);
	return reader;
}

/** Where the bytes of a channel queue up on this machine. */
interface Pressure {
	readonly writableLength: number;
	once(event: "drain", listener: () => void): unknown;
}

/** Writes to a channel; besides its window, the local socket holds writers back, too. */
export function boundedWriter(sink: Writable, socket?: Pressure): Writable {
	return quiet(
		new Writable({
			highWaterMark: 256 * 1024,
			write(chunk: Buffer, _encoding, done) {
				sink.write(chunk, (error) => {
					if (error || socket === undefined || socket.writableLength < maxUnsent) done(error);
					else socket.once("drain", () => done());
				});
			},
			final(done) {
				sink.end();
				done();
			},
		}),
	);
}

/** A promise of how a command ended, with its levers. */
export function exitPromise(): {
	promise: Promise<Exit>;
	resolve: (exit: Exit) => void;
	reject: (error: Error) => void;
} {
	let resolve: (exit: Exit) => void = () => {};
	let reject: (error: Error) => void = () => {};
	const promise = new Promise<Exit>((yes, no) => {
		resolve = yes;
		reject = no;
	});
	promise.catch(() => {});
	return { promise, resolve, reject };
}
