import { text } from "../bytes/index.ts";
import { type Adapter, nonceContent, noncePath } from "../image/index.ts";
import type { Facts } from "../kexec/index.ts";
import type { Network } from "../network/index.ts";
import {
	type Connection,
	type PublicKey,
	publicKey,
	run,
	type WaitOptions,
	waitForSsh,
} from "../ssh/index.ts";
import { rescueError } from "./error.ts";
import { tryRun } from "./helper.ts";
import type { RescuePlan } from "./plan.ts";
import { probe } from "./probe.ts";
import { helperOf } from "./session.ts";

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

export interface ProveOptions extends Omit<WaitOptions, "accept"> {
	readonly adapter: Adapter;
	readonly nonce: string;
	/** The one from before: the rescue system must have another one. */
	readonly bootId: string;
	/**
	 * Where it is not known whether the order to jump arrived: milliseconds after which a target that still runs its
	 * old system did not get it, and has dropped everything.
	 */
	readonly unsureFor?: number;
	/** Compares what was planned with what is there. */
	readonly compare: (planned: Network, found: Network) => readonly string[];
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
	const { nonce, adapter, bootId, signal } = options;
	const started = Date.now();
	const path = noncePath(adapter);
	const expected = text(nonceContent(adapter, nonce)).trim();
	const connection = await waitForSsh(target, {
		...options,
		async accept(candidate) {
			const boot = await tryRun(candidate, ["cat", "/proc/sys/kernel/random/boot_id"], signal);
			if (boot === undefined) return false;
			if (boot.trim() === bootId) {
				const { unsureFor } = options;
				if (unsureFor === undefined || Date.now() < started + unsureFor) return false;
				throw rescueError(
					"failed",
					"RESCUE_LOST",
					"the connection was lost, and the order to jump did not arrive; the target is as it was",
					{ where: candidate.describe(), remedy: "Run ekexec again." },
				);
			}
			const found = (await tryRun(candidate, ["cat", path], signal))?.trim();
			if (found === expected) return true;
			throw rescueError(
				"unproven",
				"RESCUE_NOT_PROVEN",
				"a system without this run's nonce answers",
				{
					where: candidate.describe(),
					expected: `the nonce of this run in ${path}`,
					found: found === undefined ? "none" : "another one",
					remedy: "The target seems to have booted its own system again; look at its console.",
				},
			);
		},
	});
	const seconds = (Date.now() - started) / 1000;
	try {
		return await inspect(connection, plan, seconds, options);
	} finally {
		await connection.close();
	}
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
