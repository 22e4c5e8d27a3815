import { randomBytes } from "node:crypto";
import { EkexecError } from "../bytes/index.ts";
import {
	errnoName,
	HelperClient,
	helperBinary,
	helperPlaces,
	helperStream,
} from "../kexec/index.ts";
import { bytesSource, type Connection, type Executor, loginName, run } from "../ssh/index.ts";
import { lastLine, tryRun } from "./answers.ts";
import { rescueError } from "./error.ts";

/** `probe` changes nothing, `run` may load and jump, `resume` takes up a `run` whose connection was lost. */
export type HelperMode = "probe" | "run" | "resume";

export interface StartOptions {
	readonly signal?: AbortSignal | undefined;
	/** Of the conversation that `resume` takes up. */
	readonly token?: string;
	/** What the target calls its kind of processor; without it, it is asked. */
	readonly machine?: string | undefined;
	/** Files that a lost line kept from being removed, over all logins of a run: they go first, and those of this start come in. */
	readonly leftovers?: Set<string> | undefined;
}

/** Errors that are not the place's: another one would not help. */
const ends: ReadonlySet<string> = new Set([
	"SSH_LOST",
	"SSH_ABORTED",
	"HELPER_ENDED",
	"HELPER_TIMEOUT",
	"HELPER_NOT_KEPT",
	"HELPER_VERSION",
	"RESCUE_LOAD",
]);

/**
 * Puts the helper into the first place that takes and runs it, and starts a conversation. The file's name is random,
 * it is the login user's alone, and it goes away as soon as it runs. Throws `RESCUE_NO_PLACE` with what each place
 * answered.
 */
export function startHelper(
	connection: Connection,
	executor: Executor,
	mode: HelperMode,
	options: StartOptions = {},
): Promise<HelperClient> {
	return inFirstPlace(connection, options, (path) => converse(executor, path, mode, options));
}

/**
 * Unloads whatever kernel is loaded for kexec, whoever loaded it. False: the kernel has neither call for that, and
 * `seen` does not say that it has one loaded.
 * Throws `RESCUE_LOAD` where the kernel refuses.
 */
export function unloadKernel(
	connection: Connection,
	executor: Executor,
	options: Omit<StartOptions, "token"> & { readonly seen?: boolean } = {},
): Promise<boolean> {
	return inFirstPlace(connection, options, async (path) => {
		const { signal } = options;
		const answer = await run(executor, [path, "unload"], { signal, deadline: 30_000 });
		await removeFile(connection, path);
		const errno = /"errno":(\d+)/.exec(answer.text)?.[1];
		if (errno === undefined) throw new EkexecError("failed", "RESCUE_NO_PLACE", answer.talk.trim());
		const name = errnoName(Number(errno));
		if (name === "ENOSYS" && options.seen !== true) return false;
		if (errno !== "0") {
			throw rescueError("failed", "RESCUE_LOAD", "the kernel refuses to unload", {
				where: loginName(connection),
				found: name,
			});
		}
		return true;
	});
}

/** Tries `use` with the helper in one place after another, until it does not fail for the place's sake. */
async function inFirstPlace<T>(
	connection: Connection,
	{ signal, machine, leftovers = new Set() }: StartOptions,
	use: (path: string) => Promise<T>,
): Promise<T> {
	for (const path of leftovers) {
		if (await removeFile(connection, path)) leftovers.delete(path);
	}
	const name = `.ekexec-${randomBytes(8).toString("hex")}`;
	const tried: string[] = [];
	// One that runs says who it is: nothing has to be read back before.
	const upload = { mode: 0o700, resume: false, verify: false, ...(signal ? { signal } : {}) };
	for (const each of machine === undefined ? await machineNames(connection, signal) : [machine]) {
		const binary = await helperBinary(each);
		for (const place of helperPlaces) {
			const path = `${place === "/" ? "" : place}/${name}`;
			try {
				await connection.upload(bytesSource(binary), path, upload);
				return await use(path);
			} catch (error) {
				// Whatever happened, interrupts included: nothing stays behind.
				if (!(await removeFile(connection, path))) leftovers.add(path);
				signal?.throwIfAborted();
				if (!(error instanceof EkexecError) || ends.has(error.code)) throw error;
				tried.push(`${place}: ${error.details.found ?? error.summary}`);
			}
		}
	}
	throw rescueError("refused", "RESCUE_NO_PLACE", "the helper cannot be run on the target", {
		where: loginName(connection),
		expected: "a folder that can be written and executed",
		found: tried.join("; "),
		remedy: "Mount a small file system in memory there: mount -t tmpfs -o exec tmpfs /run",
	});
}

async function converse(
	executor: Executor,
	path: string,
	mode: HelperMode,
	{ signal, token }: StartOptions,
): Promise<HelperClient> {
	const channel = await executor.exec([path, mode, "--once"]);
	const exit = channel.exit.then(
		({ code }) => code,
		() => undefined,
	);
	const { stdin, stdout, stderr } = channel;
	return HelperClient.open(helperStream({ stdin, stdout, stderr, exit }), {
		...(signal ? { signal } : {}),
		...(token === undefined ? {} : { token }),
	});
}

/** What the target calls its kind of processor; both that have a helper where it cannot say so. */
async function machineNames(connection: Connection, signal?: AbortSignal): Promise<string[]> {
	const machine = lastLine(await tryRun(connection, ["uname", "-m"], signal));
	return machine === undefined ? ["x86_64", "aarch64"] : [machine];
}

/** Removes a file, as far as the target still can; whether it could. */
async function removeFile(connection: Connection, path: string): Promise<boolean> {
	return run(connection, ["rm", "-f", path], { deadline: 10_000 }).then(
		({ code }) => code === 0,
		() => false,
	);
}
