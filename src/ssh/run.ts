import type { Writable } from "node:stream";
import { text } from "../bytes/index.ts";
import type { Channel, Executor, Exit } from "./connection.ts";
import { aborted, sshError } from "./error.ts";
import { maxUnreadTalk } from "./streams.ts";

export interface RunOptions {
	/** Fed to the command's standard input; without it, the input is empty. */
	readonly input?: AsyncIterable<Uint8Array> | undefined;
	/** Most bytes of standard output taken; more is `SSH_OUTPUT`. Default 1 MiB. */
	readonly limit?: number;
	readonly signal?: AbortSignal | undefined;
	/** Milliseconds until `SSH_DEADLINE`; without input 60,000 unless told. */
	readonly deadline?: number;
}

export interface Ran extends Exit {
	readonly stdout: Uint8Array;
	/** Standard output as text. */
	readonly text: string;
	/** Standard error as text; what is beyond 256 KiB is dropped. */
	readonly talk: string;
}

/** Runs a command to its end and collects what it said. A code other than 0 is a result, not an error. */
export async function run(
	executor: Executor,
	words: readonly string[],
	options: RunOptions = {},
): Promise<Ran> {
	const { input, limit = 1024 * 1024, signal } = options;
	const where = words.join(" ").slice(0, 200);
	const deadline = options.deadline ?? (input === undefined ? 60_000 : undefined);
	// Covers the opening of the channel, too: a host on its way down may not even answer that.
	const stop = new AbortController();
	const onAbort = () => stop.abort();
	const timer = deadline === undefined ? undefined : setTimeout(onAbort, deadline);
	signal?.addEventListener("abort", onAbort, { once: true });
	if (signal?.aborted) onAbort();
	let channel: Channel | undefined;
	try {
		channel = await executor.exec(words, { signal: stop.signal });
		return await Promise.race([collected(channel, where, input, limit), fired(stop.signal)]);
	} catch (error) {
		channel?.close();
		channel?.stdout.destroy();
		if (signal?.aborted) throw aborted(where, signal);
		if (!stop.signal.aborted) throw error;
		throw sshError("SSH_DEADLINE", "the command did not end in time", { where });
	} finally {
		clearTimeout(timer);
		signal?.removeEventListener("abort", onAbort);
	}
}

/** Rejects once the signal fires: a server that is gone does not even answer that a channel is closed. */
function fired(signal: AbortSignal): Promise<never> {
	return new Promise((_, reject) => {
		if (signal.aborted) reject(signal.reason);
		signal.addEventListener("abort", () => reject(signal.reason), { once: true });
	});
}

async function collected(
	channel: Channel,
	where: string,
	input: RunOptions["input"],
	limit: number,
): Promise<Ran> {
	const talk: Buffer[] = [];
	let talked = 0;
	channel.stderr.on("data", (chunk: Buffer) => {
		talked += chunk.length;
		if (talked <= maxUnreadTalk) talk.push(chunk);
	});
	const parts: Buffer[] = [];
	const collect = async () => {
		let size = 0;
		for await (const chunk of channel.stdout as AsyncIterable<Buffer>) {
			size += chunk.length;
			if (size > limit) {
				throw sshError("SSH_OUTPUT", "the command says too much", {
					where,
					expected: `at most ${limit} bytes`,
				});
			}
			parts.push(chunk);
		}
	};
	const [, , exit] = await Promise.all([feed(channel.stdin, input), collect(), channel.exit]);
	const stdout = Buffer.concat(parts);
	return { ...exit, stdout, text: text(stdout), talk: text(Buffer.concat(talk)) };
}

/** Writes all of the input; a command that ends early without reading it is not an error of the feeding. */
async function feed(stdin: Writable, input: AsyncIterable<Uint8Array> | undefined): Promise<void> {
	if (input !== undefined) {
		for await (const chunk of input) {
			if (stdin.destroyed) return;
			if (!stdin.write(chunk)) await drained(stdin);
		}
	}
	stdin.end();
}

function drained(stdin: Writable): Promise<void> {
	return new Promise((resolve) => {
		const settle = () => {
			stdin.removeListener("drain", settle).removeListener("close", settle);
			resolve();
		};
		stdin.once("drain", settle).once("close", settle);
	});
}
