import type { EventEmitter } from "node:events";
import { EkexecError } from "../bytes/error.ts";
import { sentenceOf } from "../initrd/reasons.ts";
import type { Io } from "./command.ts";

/** What of the process decides when it ends. */
export interface Ended extends EventEmitter {
	readonly stdout: EventEmitter;
	readonly stderr: EventEmitter;
	exit(code: number): void;
}

export interface Ending extends Required<Pick<Io, "signal" | "halfDone">> {
	/**
	 * The exit code of what nobody foresaw, given what it would be else: behind the jump nobody may take the target for what
	 * it was, whoever is at fault.
	 */
	readonly failed: (code: number) => number;
}

/**
 * Signals and streams that end the process, or ask a command to undo what it began; the latter by the signal. An error
 * that ends it is told by `report`, which answers its exit code.
 */
export function watchEnding(process: Ended, report: (error: EkexecError) => number): Ending {
	const interrupted = new AbortController();
	let begun: 4 | 5 | undefined;
	const stop = (how: string): void =>
		interrupted.abort(new EkexecError("failed", "CLI_INTERRUPTED", `interrupted by ${how}`));
	for (const name of ["SIGINT", "SIGTERM"] as const) {
		// The first signal asks the command to undo and stop; a second one is the user's right to leave at once.
		process.once(name, () => {
			stop(name);
			process.once(name, () => process.exit(begun ?? 4));
		});
	}
	// A terminal that is closed says so several times, by its shell and by the kernel, and nobody is there any more.
	process.on("SIGHUP", () => stop("SIGHUP"));
	process.stdout.on("error", (error: NodeJS.ErrnoException) => {
		if (begun !== undefined) stop("the end of its output");
		// A reader that has seen enough (`| head`) is not an error.
		else process.exit(error.code === "EPIPE" ? 0 : report(unwritten(error)));
	});
	// Talk that nobody reads any more stops nothing.
	process.stderr.on("error", () => {});
	return {
		signal: interrupted.signal,
		halfDone: (code) => {
			begun = code;
		},
		failed: (code) => (begun === 5 ? 5 : code),
	};
}

function unwritten(error: NodeJS.ErrnoException): EkexecError {
	return new EkexecError("failed", "CLI_FILE", `cannot write: ${error.code ?? error.message}`, {
		where: "standard output",
		remedy: sentenceOf(error.code),
		cause: error,
	});
}
