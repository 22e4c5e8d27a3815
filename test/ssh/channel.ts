import { PassThrough } from "node:stream";
import type { Channel, Exit } from "../../src/ssh/index.ts";

/** A channel whose far end a test plays. */
export function playedChannel(): Channel & {
	stdin: PassThrough;
	stdout: PassThrough;
	stderr: PassThrough;
	/** The command ends. */
	end: (exit?: Exit) => void;
} {
	let end: (exit: Exit) => void = () => {};
	const exit = new Promise<Exit>((resolve) => {
		end = resolve;
	});
	const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
	return {
		stdin,
		stdout,
		stderr,
		exit,
		close: () => {},
		end(how = { code: 0, signal: undefined }) {
			stdout.end();
			stderr.end();
			end(how);
		},
	};
}
