import { setTimeout as sleep } from "node:timers/promises";
import { EkexecError } from "../bytes/index.ts";
import type { HelperClient, Resumed } from "../kexec/index.ts";
import { helperOf, isLoss, reopen, type Session, type SessionOptions } from "./session.ts";

/** Where the delivery stands: login and conversation are others after a loss. */
export interface Delivery {
	session: Session;
	client: HelperClient;
	/** Parts staged so far, over all files. */
	parts: number;
	/** With it another connection finds the helper that this one left; the helper waits for so long. */
	readonly token: string;
	/** Seconds for which the helper keeps what it has when the connection is lost. */
	readonly keep: number;
}

/** {@link Delivery.keep} unless told. */
export const keepSeconds = 120;

/** Milliseconds between two looks at a line that goes on breaking. */
const lookEvery = 1000;

/** So many losses in a row between which nothing more arrived: it does not work over this line. */
const maxInVain = 5;

/**
 * Logs in again and takes up the helper that waits there, however often the connection breaks meanwhile, for as long
 * as it waits. Each login is looked at first: undefined where `over` says that nothing is left to be taken up.
 * Throws the last reason why the helper was not found; the login is there all the same, unless that was the reason.
 */
export async function takeUp(
	target: string,
	delivery: Delivery,
	options: SessionOptions & { readonly over?: (session: Session) => Promise<boolean> },
): Promise<Resumed | undefined> {
	const { signal, over } = options;
	const { token } = delivery;
	const until = Date.now() + delivery.keep * 1000;
	for (;;) {
		delivery.client.destroy();
		await delivery.session.connection.close();
		delivery.session = await reopen(target, delivery.session, options, until - Date.now());
		try {
			if ((await over?.(delivery.session)) === true) return undefined;
			delivery.client = await helperOf(delivery.session, "resume", { token, signal });
			return await delivery.client.resumed(signal ? { signal } : {});
		} catch (error) {
			signal?.throwIfAborted();
			if (!isLoss(error) || Date.now() + lookEvery > until) throw error;
			await sleep(lookEvery, undefined, signal ? { signal } : {});
		}
	}
}

/**
 * Does something with the helper, and does it again over another line where one is lost meanwhile: within the seconds for
 * which the helper keeps what it has, each time, and for as long as more arrives between two losses. `act` is told what the
 * helper it is to go on with still holds.
 */
export async function despiteLosses<T>(
	target: string,
	delivery: Delivery,
	options: SessionOptions & { readonly remark: (text: string) => void },
	act: (client: HelperClient, held: Resumed | undefined) => Promise<T>,
): Promise<T> {
	const { signal, remark } = options;
	let held: Resumed | undefined;
	let inVain = 0;
	for (;;) {
		let loss: Error;
		try {
			return await act(delivery.client, held);
		} catch (error) {
			signal?.throwIfAborted();
			if (!isLoss(error) || inVain === maxInVain) throw error;
			loss = error;
		}
		remark("the connection was lost; logging in again");
		const before = held && arrived(held);
		held = await takeUp(target, delivery, options).catch((error: unknown) => {
			// The helper ended, or its time was over: why was heard before.
			if (!(error instanceof EkexecError) || error.code !== "HELPER_NOT_KEPT") throw error;
			const { kind, code, summary, details } = error;
			throw new EkexecError(kind, code, summary, {
				...details,
				where: target,
				found: loss.message,
			});
		});
		inVain = before !== undefined && held && arrived(held) > before ? 0 : inVain + 1;
		remark("taken up where it broke off");
	}
}

/**
 * Has the helper do what may be done twice, as {@link despiteLosses} does: a lost line leaves open whether it was. What it
 * may have loaded goes first, since the kernel would hold both while it loads again.
 */
export function askAgain<T>(
	target: string,
	delivery: Delivery,
	options: SessionOptions & { readonly remark: (text: string) => void },
	act: (client: HelperClient) => Promise<T>,
): Promise<T> {
	return despiteLosses(target, delivery, options, async (client, held) => {
		if (held?.loaded) await client.unload(options.signal ? { signal: options.signal } : {});
		return act(client);
	});
}

/** How far a helper's files have come: bytes, and parts that are done. */
function arrived({ parts }: Resumed): number {
	return [...parts.values()].reduce(
		(sum, { received, whole }) => sum + received + Number(whole),
		0,
	);
}

/** Milliseconds to log in for the last time, and for a helper to answer that it has dropped everything. */
export const abortWithin = 15_000;

/**
 * Has everything dropped that a helper may still keep, and no order be heard any more that is on its way over a line
 * that died without a word. Throws where that cannot be made sure.
 */
export async function drop(
	target: string,
	delivery: Delivery,
	options: SessionOptions,
): Promise<void> {
	const { signal } = options;
	const { token } = delivery;
	await delivery.session.connection.close();
	delivery.session = await reopen(target, delivery.session, options, abortWithin);
	try {
		delivery.client = await helperOf(delivery.session, "resume", { token, signal });
		await delivery.client.resumed(signal ? { signal } : {});
		await delivery.client.abort({ timeout: abortWithin });
	} catch (error) {
		if (!(error instanceof EkexecError) || error.code !== "HELPER_NOT_KEPT") throw error;
	} finally {
		await delivery.session.connection.close();
	}
}
