// What a target answers to short questions. What it does not say is no answer, and never the opposite of one.
import { EkexecError } from "../bytes/index.ts";
import { type Executor, type Ran, run } from "../ssh/index.ts";

/** Milliseconds that a question may take on a system that is busy starting. */
const patience = 30_000;
const bootIdPath = "/proc/sys/kernel/random/boot_id";
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Errors that are not the question's: another one would fail as well. */
const ends: ReadonlySet<string> = new Set(["SSH_LOST", "SSH_ABORTED"]);

/** Output of a program that may not be there, or not be readable any more: undefined then. */
export async function tryRun(
	connection: Executor,
	words: readonly string[],
	signal?: AbortSignal,
): Promise<string | undefined> {
	try {
		const answer = await run(connection, words, { signal, deadline: 10_000 });
		return answer.code === 0 && answer.text.trim() !== "" ? answer.text : undefined;
	} catch (error) {
		signal?.throwIfAborted();
		if (!(error instanceof EkexecError) || ends.has(error.code)) throw error;
		return undefined;
	}
}

/** The line that a program printed: a login shell may say something of its own before. */
export function lastLine(output: string | undefined): string | undefined {
	return output?.trim().split("\n").at(-1)?.trim() || undefined;
}

/** The boot id of the system that answers; undefined where it does not say. */
export async function bootIdOf(
	connection: Executor,
	signal?: AbortSignal,
): Promise<string | undefined> {
	const line = lastLine(await tryRun(connection, ["cat", bootIdPath], signal));
	return line !== undefined && uuid.test(line) ? line : undefined;
}

/**
 * The last line of a file; `null` where the target says that there is no such file; undefined where it says neither.
 * Throws what {@link run} throws when there was no answer at all.
 */
export async function lastLineOf(
	connection: Executor,
	path: string,
	signal?: AbortSignal,
): Promise<string | null | undefined> {
	const ask = (...words: string[]): Promise<Ran> =>
		run(connection, words, { signal, deadline: patience });
	const plain = await ask("cat", path);
	if (plain.code === 0) return lastLine(plain.text);
	if (plain.code !== 1) return undefined;
	// In the C locale, what cat(1) says of ENOENT is the same everywhere.
	const { code, talk } = await ask("env", "LC_ALL=C", "cat", path);
	const absent = talk
		.split("\n")
		.some((line) => line.includes(path) && line.trim().endsWith(": No such file or directory"));
	return code === 1 && absent ? null : undefined;
}

/** Whether a kernel is loaded for kexec; undefined where the target does not say. */
export async function kexecLoaded(
	connection: Executor,
	signal?: AbortSignal,
): Promise<boolean | undefined> {
	const state = lastLine(await tryRun(connection, ["cat", "/sys/kernel/kexec_loaded"], signal));
	return state === "1" ? true : state === "0" ? false : undefined;
}
