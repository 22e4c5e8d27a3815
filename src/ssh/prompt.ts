import { closeSync, openSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import { aborted, sshError } from "./error.ts";

/** How a person is asked. Answers are secrets unless `echo` is set: they go nowhere but to the peer. */
export interface Prompt {
	/**
	 * Asks one question; the answer has no newline. Rejects with `SSH_NO_TERMINAL` where nobody can answer, with
	 * `SSH_ABORTED` where the operator breaks off.
	 */
	ask(question: string, options?: AskOptions): Promise<string>;
	/** Whether a question can be answered at all. */
	readonly possible: boolean;
}

export interface AskOptions {
	/** Whether the answer is shown while it is typed; it is then no secret. */
	readonly echo?: boolean;
	/** What to say before the question, such as that the last answer was wrong. */
	readonly preface?: string;
	readonly signal?: AbortSignal;
}

/** Refuses every question: for scripts, `BatchMode`, and processes without a terminal. */
export const noPrompt: Prompt = {
	possible: false,
	ask(question) {
		return Promise.reject(
			sshError("SSH_NO_TERMINAL", "there is nobody to ask", {
				field: JSON.stringify(question),
				remedy: "Run it on a terminal, or use a key that needs no passphrase (ssh-agent)",
			}),
		);
	},
};

/** Longest answer: passphrases are short; a line without end must not fill memory. */
const maxAnswer = 4096;

/**
 * Asks on the terminal of the process itself (/dev/tty), so that redirected standard streams stay data.
 * Falls back to {@link noPrompt} where the process has none.
 */
export function terminalPrompt(path = "/dev/tty"): Prompt {
	try {
		closeSync(openSync(path, "r+"));
	} catch {
		return noPrompt;
	}
	return {
		possible: true,
		ask: (question, options = {}) =>
			askOn(
				path,
				options.preface === undefined ? question : `${options.preface}\n${question}`,
				options.echo ?? false,
				options.signal,
			),
	};
}

function askOn(
	path: string,
	question: string,
	echo: boolean,
	signal: AbortSignal | undefined,
): Promise<string> {
	if (signal?.aborted) return Promise.reject(aborted("question", signal));
	return new Promise((resolve, reject) => {
		const fd = openSync(path, "r+");
		const input = new ReadStream(fd);
		const bytes: number[] = [];
		input.setRawMode(true);
		writeSync(fd, question);
		const finish = (settle: () => void) => {
			signal?.removeEventListener("abort", onAbort);
			input.removeAllListeners();
			try {
				input.setRawMode(false);
				writeSync(fd, "\n");
			} catch {
				// The terminal was closed: nobody is there to see it.
			}
			input.destroy();
			settle();
		};
		const onAbort = () => finish(() => reject(aborted("question", signal)));
		signal?.addEventListener("abort", onAbort, { once: true });
		input.on("error", (cause) =>
			finish(() => reject(sshError("SSH_NO_TERMINAL", "the terminal is gone", { cause }))),
		);
		input.on("end", () =>
			finish(() => reject(sshError("SSH_NO_TERMINAL", "the terminal is gone"))),
		);
		input.on("data", (chunk: Buffer) => {
			for (const byte of chunk) {
				if (byte === 13 || byte === 10) {
					const answer = Buffer.from(bytes).toString("utf8");
					finish(() => resolve(answer));
					return;
				}
				if (byte === 3 || byte === 4) {
					// Ctrl-C and Ctrl-D: in raw mode they reach us as bytes.
					finish(() => reject(aborted("question")));
					return;
				}
				if (byte === 8 || byte === 127) {
					// One character back: continuation bytes of UTF-8 go with their head.
					let last = bytes.pop();
					while (last !== undefined && last >= 0x80 && last < 0xc0) last = bytes.pop();
					if (echo && last !== undefined) writeSync(fd, "\b \b");
				} else if (byte === 21) {
					if (echo) writeSync(fd, "\b \b".repeat(bytes.length));
					bytes.length = 0;
				} else if (byte >= 32 && bytes.length < maxAnswer) {
					bytes.push(byte);
					if (echo) writeSync(fd, Uint8Array.of(byte));
				}
			}
		});
	});
}
