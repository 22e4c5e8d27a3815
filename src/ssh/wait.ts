import { setTimeout as sleep } from "node:timers/promises";
import { type ConnectOptions, connect, once } from "./connect.ts";
import type { Connection, PublicKey } from "./connection.ts";
import { aborted, type SshCode, said, sshError } from "./error.ts";

export interface WaitOptions extends ConnectOptions {
	/**
	 * The host key to insist on; another one ends the waiting with `SSH_HOST_KEY_CHANGED`. With `any`, `accept` has to
	 * prove who answers.
	 */
	readonly expectHostKey: PublicKey | "any";
	/** Milliseconds until `SSH_DEADLINE`. */
	readonly deadline: number;
	/** Milliseconds between attempts; 2,000 unless told. */
	readonly interval?: number;
	/** Whether this is the login waited for (a new boot id, say); if not, it is closed and waiting goes on. */
	readonly accept?: (connection: Connection, signal: AbortSignal) => Promise<boolean>;
	/** Milliseconds for which a host may go on refusing the login, as one that goes down does; 8,000 unless told. */
	readonly refusedFor?: number;
	/** Told after each attempt that failed. */
	readonly attempt?: (report: {
		readonly number: number;
		readonly error: Error | undefined;
	}) => void;
}

/** A host that is booting gives these; anything else will not get better by waiting. */
const passing: ReadonlySet<string> = new Set<SshCode>([
	"SSH_RESOLVE",
	"SSH_UNREACHABLE",
	"SSH_PROXY",
	"SSH_HANDSHAKE",
	"SSH_LOST",
	"SSH_CHANNEL",
	"SSH_DEADLINE",
]);

async function accepted(
	connection: Connection,
	accept: WaitOptions["accept"],
	signal: AbortSignal,
): Promise<boolean> {
	try {
		return accept === undefined || (await accept(connection, signal));
	} catch (error) {
		await connection.close();
		throw error;
	}
}

/** Tries until a login succeeds, with the same host key as before, or the deadline has passed. */
export async function waitForSsh(target: string, options: WaitOptions): Promise<Connection> {
	const { deadline, interval = 2000, refusedFor = 8000, accept, attempt } = options;
	const timeout = AbortSignal.timeout(deadline);
	const signal =
		options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
	const warn = once(options.warn);
	let last: unknown;
	let refusedSince: number | undefined;
	for (let number = 1; ; number++) {
		let error: Error | undefined;
		try {
			const connection = await connect(target, { ...options, signal, warn });
			if (await accepted(connection, accept, signal)) return connection;
			await connection.close();
			// What was the matter before is no more.
			last = refusedSince = undefined;
		} catch (caught) {
			error = caught instanceof Error ? caught : new Error(String(caught));
			const code = (caught as { code?: string }).code ?? "";
			// pam_nologin, or a system that never takes this login and is on its way out.
			refusedSince = code === "SSH_AUTH" ? (refusedSince ?? Date.now()) : undefined;
			const refused = refusedSince !== undefined && Date.now() < refusedSince + refusedFor;
			if (refused || passing.has(code)) last = caught;
			else if (!signal.aborted) throw caught;
		}
		if (options.signal?.aborted) throw aborted(target, options.signal);
		if (timeout.aborted) break;
		attempt?.({ number, error });
		await sleep(interval, undefined, { signal }).catch(() => {});
		if (options.signal?.aborted) throw aborted(target, options.signal);
		if (timeout.aborted) break;
	}
	throw sshError("SSH_DEADLINE", "no login within the deadline", {
		where: target,
		expected: `a login within ${Math.round(deadline / 1000)} s`,
		...(last === undefined ? {} : { found: said(last), cause: last }),
	});
}
