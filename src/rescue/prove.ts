import { text } from "../bytes/index.ts";
import { type Adapter, nonceContent, noncePath } from "../image/index.ts";
import type { Facts } from "../kexec/index.ts";
import type { Network } from "../network/index.ts";
import {
	type Connection,
	loginName,
	type PublicKey,
	publicKey,
	run,
	type WaitOptions,
	waitForSsh,
} from "../ssh/index.ts";
import { bootIdOf, lastLineOf } from "./answers.ts";
import { rescueError } from "./error.ts";
import type { RescuePlan } from "./plan.ts";
import { probe } from "./probe.ts";
import { helperOf, isLoss } from "./session.ts";

/**
 * Milliseconds for which logins may be refused: where root cannot log in to the old system, that is what it answers
 * while it stops services or writes out what is dirty.
 */
const refusedFor = 180_000;
/** The rescue system takes nothing else, and nobody is to be asked for the password of the old one's root. */
const keysOnly: readonly string[] = [
	"PasswordAuthentication=no",
	"KbdInteractiveAuthentication=no",
];

/** What was seen of the rescue system, held against the plan. */
export interface Proof {
	readonly bootId: string;
	/** Differences between the planned network and the one that is there, in words; empty: none. */
	readonly network: readonly string[];
	/** Units of systemd that failed. */
	readonly failedUnits: readonly string[];
	/** Seconds from the jump to the first login. */
	readonly seconds: number;
	/** The words of the command that logs in. */
	readonly login: readonly string[];
	/** The host key that the rescue system showed, and whether it made that itself. */
	readonly hostKey: {
		readonly type: string;
		readonly fingerprint: string;
		readonly made: boolean;
	};
}

/** What a login must show to be that of the rescue system. */
export interface Expected {
	readonly adapter: Adapter;
	readonly nonce: string;
	/** The one from before: the rescue system must have another one. */
	readonly bootId: string;
}

export interface ProveOptions
	extends Expected,
		Omit<WaitOptions, "accept" | "attempt" | "refusedFor"> {
	/**
	 * Where it is not known whether the order to jump arrived: milliseconds after which a target that still runs its
	 * old system did not get it, and has dropped everything where it noticed the loss (`RESCUE_LOST`).
	 */
	readonly unsureFor?: number;
	/** Told after each attempt that failed; `old`: it was the old system that answered. */
	readonly attempt?: (report: {
		readonly number: number;
		readonly error: Error | undefined;
		readonly old: boolean;
	}) => void;
	/** Compares what was planned with what is there. */
	readonly compare: (planned: Network, found: Network) => readonly string[];
}

/**
 * Who answers a login: the `old` system that goes down still, this run's `rescue` system, or `unclear`: it did not say,
 * as a system does that is busy starting. Only a definite answer is another system: a boot id that is new and a nonce
 * that is not there, or another one (`RESCUE_NOT_PROVEN`). Throws what the connection throws when there is no answer.
 */
export async function whoAnswers(
	candidate: Pick<Connection, "exec" | "login">,
	{ adapter, nonce, bootId }: Expected,
	signal?: AbortSignal,
): Promise<"old" | "rescue" | "unclear"> {
	const boot = await bootIdOf(candidate, signal);
	if (boot === undefined) return "unclear";
	if (boot === bootId) return "old";
	const path = noncePath(adapter);
	const found = await lastLineOf(candidate, path, signal);
	if (found === undefined) return "unclear";
	if (found === text(nonceContent(adapter, nonce)).trim()) return "rescue";
	throw rescueError("unproven", "RESCUE_NOT_PROVEN", "a system without this run's nonce answers", {
		where: loginName(candidate),
		expected: `the nonce of this run in ${path}`,
		found: found === null ? "no such file" : "another one",
		remedy: "The target seems to have booted its own system again; look at its console.",
	});
}

/** Opens and acts, over another connection where one is lost, until `deadline` ms have passed. */
export async function overLosses<C extends Pick<Connection, "close">, T>(
	open: (deadline: number) => Promise<C>,
	act: (connection: C) => Promise<T>,
	deadline: number,
	signal?: AbortSignal,
): Promise<T> {
	const until = Date.now() + deadline;
	for (;;) {
		const connection = await open(Math.max(0, until - Date.now()));
		try {
			return await act(connection);
		} catch (error) {
			signal?.throwIfAborted();
			if (!isLoss(error) || Date.now() >= until) throw error;
		} finally {
			await connection.close();
		}
	}
}

/**
 * Waits for the rescue system behind the same host key, and insists on this run's nonce and a new boot id. The old
 * system may answer once more while it goes down: its login is not taken for an answer.
 * Where the rescue system makes its host key (`expectHostKey: "any"`), the nonce alone tells who answers. It came to
 * the target over the verified login, and a login by key cannot be passed on to another host, since the signature
 * holds for one connection only (RFC 4252, 7): somebody in between can neither know the nonce nor fetch it.
 * Throws `SSH_DEADLINE`, or `RESCUE_NOT_PROVEN` when what answers is something else.
 */
export async function prove(
	target: string,
	plan: RescuePlan,
	options: ProveOptions,
): Promise<Proof> {
	const { attempt, unsureFor } = options;
	const started = Date.now();
	let old = false;
	let seconds: number | undefined;
	const open = (deadline: number): Promise<Connection> =>
		waitForSsh(target, {
			...options,
			settings: [...keysOnly, ...(options.settings ?? [])],
			deadline,
			refusedFor,
			attempt(report) {
				attempt?.({ ...report, old });
				old = false;
			},
			async accept(candidate, signal) {
				const who = await whoAnswers(candidate, options, signal);
				old = who === "old";
				if (old && unsureFor !== undefined && Date.now() >= started + unsureFor) {
					throw rescueError(
						"failed",
						"RESCUE_LOST",
						"the connection was lost, and the order to jump did not arrive; the target is as it was",
						{ where: loginName(candidate), remedy: "Run ekexec again." },
					);
				}
				return who === "rescue";
			},
		});
	const look = (connection: Connection): Promise<Proof> => {
		seconds ??= (Date.now() - started) / 1000;
		return inspect(connection, plan, seconds, options);
	};
	return overLosses(open, look, options.deadline, options.signal);
}

async function inspect(
	connection: Connection,
	plan: RescuePlan,
	seconds: number,
	options: ProveOptions,
): Promise<Proof> {
	const { signal, compare } = options;
	const { host, port } = connection.login;
	const session = {
		connection,
		root: { how: "root", exec: connection.exec.bind(connection) },
		leftovers: new Set<string>(),
	};
	const client = await helperOf(session, "probe", { signal });
	let facts: Facts;
	let network: Network;
	try {
		({ facts, network } = await probe(
			client,
			{ loginUser: "root", allUsers: false },
			host,
			signal,
		));
	} finally {
		client.close();
	}
	const failed = await run(
		connection,
		["systemctl", "--failed", "--plain", "--no-legend", "--no-pager"],
		{ signal, deadline: 30_000 },
	).catch(() => undefined);
	return {
		bootId: facts.bootId,
		network: compare(plan.network.network, network),
		failedUnits: (failed?.text ?? "")
			.split("\n")
			.flatMap((line) => line.trim().split(/\s+/, 1)[0] || []),
		seconds,
		hostKey: {
			type: connection.hostKey.type,
			fingerprint: connection.hostKey.fingerprint,
			made: options.expectHostKey === "any",
		},
		login: ["ssh", ...(port === 22 ? [] : ["-p", String(port)]), `root@${host}`],
	};
}

/** The key that the rescue system will show: that of this login, else another one that is carried; `any`: a new one. */
export function expectedHostKey(
	plan: RescuePlan,
	facts: Facts,
	shown: PublicKey,
): PublicKey | "any" {
	if (plan.hostKeys.length === 0) return "any";
	const carried = facts.ssh.hostKeys
		.filter(({ path }) => plan.hostKeys.includes(path))
		.flatMap((key) => (key.publicKey ? Buffer.from(key.publicKey.blob, "base64") : []));
	if (carried.length === 0 || carried.some((blob) => blob.equals(shown.blob))) return shown;
	const [other] = carried;
	return (other && publicKey(other)) ?? shown;
}
