import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { EkexecError } from "../bytes/index.ts";
import type { HelperClient } from "../kexec/index.ts";
import {
	type Connection,
	type ConnectOptions,
	connect,
	type Elevated,
	elevate,
	type Prompt,
} from "../ssh/index.ts";
import { kexecLoaded, lastLine, tryRun } from "./answers.ts";
import { type HelperMode, startHelper, unloadKernel } from "./helper.ts";
import type { LoginProof } from "./login-again.ts";
import type { LoginKnown } from "./plan.ts";

/** One login on the target with a way to root; replaced by another one where it is lost. */
export interface Session {
	readonly connection: Connection;
	readonly root: Elevated;
	/** SSH_CONNECTION as the login shell has it; sudo would clear it. */
	readonly sshConnection?: string;
	/** What the target calls its kind of processor, if it could say so. */
	readonly machine?: string;
	/** Files of the helper that could not be removed over a line that was lost; the next login's helper removes them. */
	readonly leftovers: Set<string>;
}

export interface SessionOptions {
	readonly connect: ConnectOptions;
	readonly prompt?: Prompt;
	readonly signal?: AbortSignal;
	readonly log?: (message: string) => void;
}

/**
 * Logs in, finds a way to root and asks what the helper's start needs. All of it goes on at the same time, where the server
 * can: over a long line each question costs several round trips, and each starts a login shell.
 */
export async function openSession(target: string, options: SessionOptions): Promise<Session> {
	const { signal, log, prompt } = options;
	const common = {
		...(signal ? { signal } : {}),
		...(prompt ? { prompt } : {}),
		...(log ? { log } : {}),
	};
	const connection = await connect(target, { ...options.connect, ...common });
	try {
		const questions = [
			["printenv", "SSH_CONNECTION"],
			["uname", "-m"],
		];
		const first = connection.oneByOne ? [] : questions;
		const asking = first.map((words) => tryRun(connection, words, signal));
		const elevating = elevate(connection, common);
		if (!connection.oneByOne) connection.warmUp();
		// None of them may be left alone with its failure.
		await Promise.allSettled([elevating, ...asking]);
		const root = await elevating;
		const answers: (string | undefined)[] = [];
		for (const [index, words] of questions.entries()) {
			// The server may allow few sessions at a time (MaxSessions), or one: then once more, alone.
			const answer = (await asking[index]) ?? (await tryRun(connection, words, signal));
			answers.push(lastLine(answer));
		}
		const [sshConnection, machine] = answers;
		return {
			connection,
			root,
			leftovers: new Set(),
			...(sshConnection === undefined ? {} : { sshConnection }),
			...(machine === undefined ? {} : { machine }),
		};
	} catch (error) {
		await connection.close();
		throw error;
	}
}

export function helperOf(
	{ connection, root, machine, leftovers }: Session,
	mode: HelperMode,
	options: { readonly signal?: AbortSignal | undefined; readonly token?: string } = {},
): Promise<HelperClient> {
	return startHelper(connection, root, mode, { ...options, machine, leftovers });
}

/** What the plan has to know of the login. */
export async function loginKnown({ connection }: Session): Promise<LoginKnown> {
	const by = connection.authenticatedBy;
	const proof: LoginProof =
		by.method === "publickey"
			? {
					method: "publickey",
					type: by.key.type,
					blob: base64(by.key.blob),
					...(/-cert-v0\d@openssh\.com$/.test(by.key.type) ? { certified: true } : {}),
				}
			: { method: by.method };
	const { type, blob } = connection.hostKey;
	// Only Linux has it; elsewhere the target, a Linux, cannot be this machine.
	const ownBootId = await readFile("/proc/sys/kernel/random/boot_id", "utf8").then(
		(line) => line.trim(),
		() => undefined,
	);
	return {
		user: connection.login.user,
		proof,
		hostKey: { type, blob: base64(blob) },
		...(ownBootId === undefined ? {} : { ownBootId }),
	};
}

function base64(bytes: Uint8Array): string {
	return Buffer.from(bytes).toString("base64");
}

/** Errors after which another connection may find the helper still waiting. */
const losses: ReadonlySet<string> = new Set([
	"SSH_LOST",
	"SSH_CHANNEL",
	"HELPER_ENDED",
	"HELPER_SILENT",
	"HELPER_TIMEOUT",
]);

export function isLoss(error: unknown): error is EkexecError {
	return error instanceof EkexecError && losses.has(error.code);
}

/** Milliseconds between two attempts to come back. */
const retryEvery = 1000;

/**
 * Logs in again after a loss, to the same host key, until `deadline` (milliseconds from now) has passed; then the
 * last error is thrown.
 */
export async function reopen(
	target: string,
	lost: Session,
	options: SessionOptions,
	deadline: number,
): Promise<Session> {
	const until = Date.now() + deadline;
	for (;;) {
		try {
			const expectHostKey = lost.connection.hostKey;
			const connect = { ...options.connect, expectHostKey };
			const session = await openSession(target, { ...options, connect });
			return { ...session, leftovers: lost.leftovers };
		} catch (error) {
			options.signal?.throwIfAborted();
			if (Date.now() + retryEvery > until) throw error;
			await sleep(retryEvery, undefined, options.signal ? { signal: options.signal } : {});
		}
	}
}

/** Unloads what `--load-only`, or anybody else, left loaded. False: nothing was. */
export async function unload(
	{ connection, root, machine, leftovers }: Session,
	signal?: AbortSignal,
): Promise<boolean> {
	const loaded = await kexecLoaded(connection, signal);
	if (loaded === false) return false;
	return unloadKernel(connection, root, { signal, machine, leftovers, seen: loaded === true });
}
