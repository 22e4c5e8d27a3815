import { closeSync, openSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { printable } from "../bytes/index.ts";
import type { Io } from "./command.ts";
import { reason } from "./show-error.ts";

/** A log for people who look into what went wrong. No secret reaches it: those who hold one do not log it. */
export interface Log {
	(message: string): void;
	close(): void;
}

/** Opens the file of `--log`, readable by its owner only; without one, a log that keeps nothing. Writing never throws. */
export function openLog(path: string | undefined, io: Io): Log {
	if (path === undefined) return Object.assign(() => {}, { close: () => {} });
	const file = openSync(resolve(io.cwd, path), "a", 0o600);
	let full = false;
	const write = (message: string): void => {
		if (full) return;
		const lines = printable(message).replaceAll("\n", "\n  ");
		try {
			writeSync(file, `${new Date().toISOString()} ${lines}\n`);
		} catch (error) {
			// A full disk here is no reason to leave a target half done.
			full = true;
			io.stderr.write(`ekexec: the log ${path} goes on no more: ${reason(error)}\n`);
		}
	};
	return Object.assign(write, { close: () => closeSync(file) });
}
