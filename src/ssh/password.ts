import { PassThrough, type Readable, Transform, Writable } from "node:stream";
import type { Channel } from "./connection.ts";
import { sshError } from "./error.ts";

/** How a program asks for a password. */
export interface Question {
	/** Whether what was said so far ends in the question. */
	is(seen: string): boolean;
	/** What it prints if the password was wrong and it asks again; undefined if it gives up instead. */
	readonly again: string | undefined;
}

/** How long a program may take to ask. */
const askWithin = 30_000;
/** Lectures and banners before the question are short. */
const maxPreamble = 64 * 1024;
/**
 * On a terminal, the program throws away what was typed ahead just after it printed the newline behind the
 * password. Nothing tells when it has; this many milliseconds later, or once the command speaks, it has.
 */
const settlesWithin = 1000;

/**
 * A channel whose program asks for a password first. The caller's input is held back until the password was given,
 * and question and preamble are taken out of what the caller reads. When it asks again the password was wrong: the
 * channel is then closed, since the program would take the caller's bytes for passwords.
 *
 * @param supply finds the password; its signal fires when the command has ended and nobody wants it any more
 * @param pty whether the program talks on a terminal: then on stdout, else on stderr
 */
export function answered(
	channel: Channel,
	question: Question,
	pty: boolean,
	supply: (signal: AbortSignal) => Promise<string>,
	onWrong: () => void,
): Channel {
	let open: () => void = () => {};
	let refuse: (error: Error) => void = () => {};
	const gate = new Promise<void>((resolve, reject) => {
		open = resolve;
		refuse = reject;
	});
	gate.catch(() => {});
	const timers = new Set<NodeJS.Timeout>();
	const later = (ms: number, action: () => void) => {
		timers.add(setTimeout(action, ms));
	};
	const stop = () => {
		for (const timer of timers) clearTimeout(timer);
		timers.clear();
	};
	const giveUp = (summary: string, cause?: unknown): Error => {
		const error = sshError("SSH_ELEVATE", summary, cause === undefined ? {} : { cause });
		stop();
		refuse(error);
		channel.close();
		return error;
	};
	const over = new AbortController();
	later(askWithin, () => giveUp("the password was not asked for in time"));

	let asked = false;
	let held = "";
	/** The end of what was said since, in which the question may have begun again. */
	let tail = "";
	const isAgain = (chunk: Buffer): boolean => {
		if (question.again === undefined) return false;
		const seen = tail + chunk.toString("latin1");
		tail = seen.slice(1 - question.again.length);
		return seen.includes(question.again);
	};
	// The terminal's newline behind the password, in whichever pieces it comes.
	let newline = pty;
	const afterNewline = (chunk: Buffer): Buffer => {
		if (!newline) return chunk;
		let at = 0;
		if (chunk[at] === 13) at++;
		if (chunk[at] === 10) {
			at++;
			newline = false;
		} else if (at < chunk.length) newline = false;
		if (at < chunk.length) open();
		else later(settlesWithin, open);
		return chunk.subarray(at);
	};
	const give = async () => {
		try {
			const password = await supply(over.signal);
			channel.stdin.write(`${password}\n`);
			if (!pty) open();
			// A program that prints no newline at all must not hold the input back for ever.
			else later(10 * settlesWithin, open);
		} catch (cause) {
			giveUp("no password was given", cause);
		}
	};
	const talk = new Transform({
		transform(chunk: Buffer, _encoding, done) {
			if (asked) {
				if (isAgain(chunk)) {
					onWrong();
					done(giveUp("the password is wrong"));
				} else done(null, afterNewline(chunk));
				return;
			}
			held += chunk.toString("latin1");
			if (held.length > maxPreamble) {
				done(giveUp("there is no end to what is said before the password is asked for"));
				return;
			}
			if (question.is(held)) {
				asked = true;
				held = "";
				stop();
				void give();
			}
			done();
		},
		flush(done) {
			stop();
			refuse(sshError("SSH_ELEVATE", "the command ended before the password was asked for"));
			// What was said instead of the question is the reason.
			done(null, Buffer.from(held, "latin1"));
		},
	});
	talk.on("error", () => {});
	channel.exit.then(
		() => over.abort(),
		(error: Error) => {
			stop();
			refuse(error);
			over.abort();
		},
	);

	const stdin = new Writable({
		highWaterMark: 256 * 1024,
		write(chunk: Buffer, _encoding, done) {
			gate.then(() => channel.stdin.write(chunk, done), done);
		},
		final(done) {
			gate.then(
				() => channel.stdin.end(done),
				() => done(),
			);
		},
	});
	stdin.on("error", () => {});
	channel.stdin.once("close", () => stdin.destroy());
	const source = pty ? channel.stdout : channel.stderr;
	source.on("error", (error: Error) => talk.destroy(error));
	source.pipe(talk);
	return {
		stdin,
		stdout: pty ? talk : channel.stdout,
		stderr: pty ? channel.stderr : unread(talk),
		exit: channel.exit,
		close: () => {
			stop();
			over.abort();
			channel.close();
		},
	};
}

/** Talk that nobody reads must not hold the question back. */
function unread(talk: Readable): Readable {
	const limit = 256 * 1024;
	const out = new PassThrough({ highWaterMark: limit });
	out.on("error", () => {});
	talk.on("data", (chunk: Buffer) => {
		if (out.writableLength + out.readableLength + chunk.length <= limit) out.write(chunk);
	});
	talk.once("end", () => out.end());
	talk.once("error", (error) => out.destroy(error));
	return out;
}
