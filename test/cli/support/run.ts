import { PassThrough } from "node:stream";
import { EkexecError } from "../../../src/bytes/index.ts";
import type { Io } from "../../../src/cli/command.ts";
import { program } from "../../../src/cli/program.ts";
import { quick } from "../../../src/cli/quick.ts";

export interface Run {
	readonly code: number;
	readonly stdout: Buffer;
	readonly stderr: string;
}

export interface RunOptions {
	readonly stdin?: Uint8Array;
	readonly terminal?: boolean;
	readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command line in this process; an error's exit code is the result, its message ends up in stderr. */
export async function runIn(
	cwd: string,
	words: readonly string[],
	options: RunOptions = {},
): Promise<Run> {
	const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
	const parts: Buffer[] = [];
	const talk: Buffer[] = [];
	stdout.on("data", (part: Buffer) => parts.push(part));
	stderr.on("data", (part: Buffer) => talk.push(part));
	stdin.end(options.stdin ?? Buffer.alloc(0));
	const { terminal = false, env = {} } = options;
	const io: Io = {
		stdin,
		stdout,
		stderr,
		env,
		cwd,
		terminal: { stdin: terminal, stdout: terminal, stderr: terminal },
		signal: new AbortController().signal,
	};
	let code: number;
	let message = "";
	try {
		code = (await quick(words, io)) ?? (await program(words, io));
	} catch (error) {
		if (!(error instanceof EkexecError)) throw error;
		code = error.exitCode;
		message = error.message;
	}
	await new Promise((resolve) => setImmediate(resolve));
	return { code, stdout: Buffer.concat(parts), stderr: Buffer.concat(talk).toString() + message };
}
