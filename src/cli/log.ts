import { closeSync, openSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import type { Io } from "./command.ts";

/** A log for people who look into what went wrong. No secret reaches it: those who hold one do not log it. */
export interface Log {
	(message: string): void;
	close(): void;
}

/** Opens the file of `--log`, readable by its owner only; without one, a log that keeps nothing. */
export function openLog(path: string | undefined, io: Io): Log {
	if (path === undefined) return Object.assign(() => {}, { close: () => {} });
	const file = openSync(resolve(io.cwd, path), "a", 0o600);
	const write = (message: string): void => {
		writeSync(file, `${new Date().toISOString()} ${message.replaceAll("\n", "\n  ")}\n`);
	};
	return Object.assign(write, { close: () => closeSync(file) });
}
