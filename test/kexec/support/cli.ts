import { PassThrough } from "node:stream";
import { program } from "../../../src/cli/program.ts";

/** Standard output of a command that must succeed. */
export async function runProgram(argv: readonly string[]): Promise<string> {
	const stdout = new PassThrough();
	const parts: string[] = [];
	stdout.on("data", (chunk) => parts.push(String(chunk)));
	const code = await program(argv, {
		stdin: new PassThrough(),
		stdout,
		stderr: new PassThrough(),
		env: {},
		cwd: process.cwd(),
		terminal: { stdin: false, stdout: false, stderr: false },
		signal: new AbortController().signal,
	});
	if (code !== 0) throw new Error(`exit code ${code}`);
	return parts.join("");
}
