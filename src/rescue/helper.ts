import { randomBytes } from "node:crypto";
import { EkexecError } from "../bytes/index.ts";
import { HelperClient, helperBinary, helperPlaces, helperStream } from "../kexec/index.ts";
import { bytesSource, type Connection, type Executor, run } from "../ssh/index.ts";
import { rescueError } from "./error.ts";

/** A helper that lies on the target and was seen to run there. */
export interface InstalledHelper {
	readonly path: string;
	/** Debian's name: `amd64`, `arm64`. */
	readonly machine: string;
}

/**
 * Puts the helper into the first place that takes and runs it. The name is random, the file the login user's alone.
 * Throws `RESCUE_NO_PLACE` with what each place answered.
 */
export async function installHelper(
	connection: Connection,
	executor: Executor,
	signal?: AbortSignal,
): Promise<InstalledHelper> {
	const machines = await machineNames(connection, signal);
	const name = `.ekexec-${randomBytes(8).toString("hex")}`;
	const tried: string[] = [];
	for (const machine of machines) {
		const binary = await helperBinary(machine);
		for (const place of helperPlaces) {
			const path = `${place === "/" ? "" : place}/${name}`;
			const refused = await tryPlace(connection, executor, path, binary, signal);
			if (refused === undefined) return { path, machine };
			tried.push(`${place}: ${refused}`);
		}
	}
	throw rescueError("refused", "RESCUE_NO_PLACE", "the helper cannot be run on the target", {
		where: connection.describe(),
		expected: "a folder that can be written and executed",
		found: tried.join("; "),
		remedy: "Mount a small file system in memory there: mount -t tmpfs -o exec tmpfs /run",
	});
}

/** What the target calls its kind of processor; both that have a helper where it cannot say so. */
async function machineNames(connection: Connection, signal?: AbortSignal): Promise<string[]> {
	try {
		const answer = await run(connection, ["uname", "-m"], { signal, deadline: 10_000 });
		const [machine] = answer.text.trim().split("\n").slice(-1);
		if (answer.code === 0 && machine) return [machine];
	} catch (error) {
		if (!(error instanceof EkexecError) || error.code === "SSH_LOST") throw error;
		signal?.throwIfAborted();
	}
	return ["x86_64", "aarch64"];
}

/** Why the helper does not run at `path`, or undefined when it does. Leaves nothing behind where it does not. */
async function tryPlace(
	connection: Connection,
	executor: Executor,
	path: string,
	binary: Uint8Array,
	signal?: AbortSignal,
): Promise<string | undefined> {
	let uploaded = false;
	try {
		await connection.upload(bytesSource(binary), path, {
			mode: 0o700,
			resume: false,
			...(signal ? { signal } : {}),
		});
		uploaded = true;
		const answer = await run(executor, [path, "version"], { signal, deadline: 20_000 });
		if (answer.code === 0 && /"helper":"ekexec"/.test(answer.text)) return undefined;
		await removeFile(connection, path);
		return answer.talk.trim().split("\n").at(-1) || `exit code ${answer.code}`;
	} catch (error) {
		if (!(error instanceof EkexecError) || error.code === "SSH_LOST") throw error;
		signal?.throwIfAborted();
		if (uploaded) await removeFile(connection, path);
		return error.details.found ?? error.summary;
	}
}

/** Removes a file, as far as the target still can. */
export async function removeFile(connection: Connection, path: string): Promise<void> {
	await run(connection, ["rm", "-f", path], { deadline: 10_000 }).catch(() => {});
}

export type HelperMode = "probe" | "run" | "resume";

/** Starts a conversation with an installed helper, whose file goes away as soon as it runs. */
export async function openHelper(
	executor: Executor,
	helper: InstalledHelper,
	mode: HelperMode,
	options: { readonly signal?: AbortSignal | undefined; readonly token?: string } = {},
): Promise<HelperClient> {
	const { signal, token } = options;
	const channel = await executor.exec([helper.path, mode, "--once"]);
	const exit = channel.exit.then(
		({ code }) => code,
		() => undefined,
	);
	return HelperClient.open(helperStream({ ...channel, exit }), {
		...(signal ? { signal } : {}),
		...(token === undefined ? {} : { token }),
	});
}
