import { setTimeout as sleep } from "node:timers/promises";
import { aborted } from "./error.ts";
import type { SharedSftp } from "./sftp.ts";
import { uploadFault } from "./upload-fault.ts";

/** What the sending needs of the connection. */
interface Ground {
	readonly where: string;
	readonly closed: Promise<Error | undefined>;
}

/** Bytes that may be on their way unanswered: covers 200 ms at 320 Mbit/s. */
const maxInFlight = 8 * 1024 * 1024;
/** Every server takes 32 KiB in one write (draft-ietf-secsh-filexfer-02, 3). */
const piece = 32 * 1024;

/**
 * Writes at given places, many requests at a time. What is there of the file is a beginning without holes at any
 * moment, since the server takes requests in their order.
 */
export async function sendBySftp(
	ground: Ground,
	sftp: SharedSftp,
	feed: AsyncIterable<Uint8Array>,
	path: string,
	offset: number,
	mode: number,
	report: (bytes: number) => void,
	signal: AbortSignal,
): Promise<void> {
	const { raw } = sftp;
	const at = `${ground.where}:${path}`;
	let failure: Error | undefined;
	let wake = () => {};
	const fail = (error: Error | undefined) => {
		failure ??= error;
		wake();
	};
	const over = new Promise<never>((_, reject) => {
		void ground.closed.then((error) => reject(error ?? aborted(at)));
		signal.addEventListener("abort", () => reject(aborted(at, signal)), { once: true });
	});
	over.catch(fail);
	const call = <T>(start: (done: (error: unknown, value: T) => void) => void): Promise<T> => {
		const answer = new Promise<T>((resolve, reject) => {
			start((error, value) => {
				if (error) void sftpFault(ground, at, error).then(reject);
				else resolve(value);
			});
		});
		return Promise.race([answer, over]);
	};

	const handle = await call<Buffer>((done) =>
		raw.open(path, offset > 0 ? "r+" : "w", { mode }, done),
	);
	let inFlight = 0;
	let position = offset;
	const room = async (bytes: number) => {
		while (failure === undefined && inFlight > 0 && inFlight + bytes > maxInFlight) {
			await new Promise<void>((resolve) => {
				wake = resolve;
			});
		}
		if (failure !== undefined) throw failure;
	};
	// Asked for without waiting for the answers before: the server takes requests in their order.
	let last: Promise<unknown> | undefined;
	const close = () =>
		call<undefined>((done) => raw.close(handle, (error) => done(error, undefined)));
	try {
		for await (const chunk of feed) {
			const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
			for (let start = 0; start < bytes.length; start += piece) {
				const part = bytes.subarray(start, start + piece);
				await room(part.length);
				inFlight += part.length;
				raw.write(handle, part, 0, part.length, position, (error) => {
					inFlight -= part.length;
					if (error) void sftpFault(ground, at, error).then(fail);
					else {
						report(part.length);
						wake();
					}
				});
				position += part.length;
			}
		}
		// Bits of an earlier attempt or a strict umask must not decide.
		const changed = call<undefined>((done) =>
			raw.fchmod(handle, mode, (error) => done(error, undefined)),
		);
		last = Promise.all([changed, close()]);
		last.catch(() => {});
		await room(maxInFlight);
	} finally {
		if (failure === undefined) await (last ?? close());
	}
}

/** A number is the server's own answer; without one, the connection went away under the request. */
async function sftpFault(ground: Ground, where: string, error: unknown): Promise<Error> {
	if (typeof (error as { code?: unknown }).code === "number") return uploadFault(where, error);
	const late = sleep(2000).then(() => undefined);
	return (await Promise.race([ground.closed, late])) ?? uploadFault(where, error);
}
