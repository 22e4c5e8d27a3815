#!/usr/bin/env node
import { mkdirSync } from "node:fs";
import * as nodeModule from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { EkexecError } from "../bytes/error.ts";
import { printable } from "../bytes/text.ts";
import type { Io } from "./command.ts";
import { watchEnding } from "./ending.ts";
import { quick } from "./quick.ts";
import { asFileError, showError } from "./show-error.ts";

// Node 22.8 and later keep compiled code: in a folder of the user's own, as others could put theirs into /tmp.
const { enableCompileCache } = nodeModule as { enableCompileCache?: (folder: string) => unknown };
const caches = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
const compiled = join(caches, "ekexec", "compiled");
if (enableCompileCache !== undefined) {
	try {
		mkdirSync(compiled, { recursive: true, mode: 0o755 });
		enableCompileCache(compiled);
	} catch {
		// A home that is read-only or not there: nothing is kept.
	}
}

const { failed, ...ending } = watchEnding(process, report);
const io: Io = {
	stdin: process.stdin,
	stdout: process.stdout,
	stderr: process.stderr,
	env: process.env,
	cwd: process.cwd(),
	terminal: {
		stdin: process.stdin.isTTY === true,
		stdout: process.stdout.isTTY === true,
		stderr: process.stderr.isTTY === true,
	},
	...ending,
};

// Node ends a process that waits for what cannot come any more; 13 is what it says then.
process.once("exit", () => {
	if (process.exitCode !== 13) return;
	process.exitCode = failed(report(new Error("it waited for something that cannot come any more")));
});

try {
	const argv = process.argv.slice(2);
	const quickly = await quick(argv, io);
	if (quickly !== undefined) process.exitCode = quickly;
	else {
		const { program } = await import("./program.ts");
		process.exitCode = await program(argv, io);
	}
} catch (error) {
	const code = report(error);
	// Steps of a rescue know themselves what their failure leaves, the jump's included.
	process.exitCode = error instanceof EkexecError ? code : failed(code);
}

function report(thrown: unknown): number {
	const error = thrown instanceof EkexecError ? thrown : (asFileError(thrown) ?? thrown);
	if (error instanceof EkexecError) {
		// A terminal that does not know its width says 0.
		const columns = process.stderr.columns || 80;
		const colour = (process.env.NO_COLOR ?? "") === "" && process.env.TERM !== "dumb";
		const told = process.stderr.isTTY
			? showError(error, columns, colour)
			: `ekexec: ${printable(error.message)}`;
		process.stderr.write(`${told}\n`);
		if (process.env.EKEXEC_DEBUG !== undefined)
			process.stderr.write(`${printable(String(error.stack))}\n`);
		return error.exitCode;
	}
	const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
	process.stderr.write(
		`ekexec: a bug of ekexec itself; please report it with this text\n${printable(told)}\n`,
	);
	return 70;
}
