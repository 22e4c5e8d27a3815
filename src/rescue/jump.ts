import { setTimeout as sleep } from "node:timers/promises";
import type { Facts, GoOptions } from "../kexec/index.ts";
import { bootIdOf } from "./answers.ts";
import type { Delivery } from "./deliver.ts";
import { helperOf, isLoss, reopen, type SessionOptions } from "./session.ts";

/** Milliseconds between two looks at a line that goes on breaking. */
const lookEvery = 1000;

/**
 * Gives the order to jump. Where the connection breaks with the order on its way, another one finds out whether it
 * arrived: a helper that still waits did not get it, and gets it again. False: nobody can tell.
 */
export async function giveOrder(
	target: string,
	delivery: Delivery,
	facts: Facts,
	order: GoOptions,
	options: SessionOptions & { readonly remark: (text: string) => void },
): Promise<boolean> {
	const { signal, remark } = options;
	for (;;) {
		try {
			await delivery.client.go(order);
			return true;
		} catch (error) {
			signal?.throwIfAborted();
			if (!isLoss(error)) throw error;
		}
		remark("the connection was lost with the order on its way; looking whether it arrived");
		delivery.client.destroy();
		try {
			if ((await findHelper(target, delivery, facts, options)) === "jumped") return true;
		} catch (error) {
			signal?.throwIfAborted();
			// Nobody answers, or nobody waits any more: it is on its way, or gave up.
			if (order.via === "nothing") throw error;
			return false;
		}
		remark("it did not; giving it again");
	}
}

/**
 * Logs in again and takes up the helper that waits there, however often the connection breaks meanwhile, for as long
 * as it waits. Throws the last reason why it was not found.
 */
async function findHelper(
	target: string,
	delivery: Delivery,
	facts: Facts,
	options: SessionOptions,
): Promise<"waits" | "jumped"> {
	const { signal } = options;
	const { token } = delivery;
	const until = Date.now() + delivery.keep * 1000;
	for (;;) {
		const session = await reopen(target, delivery.session, options, until - Date.now());
		delivery.session = session;
		try {
			const bootId = await bootIdOf(session.connection, signal);
			if (bootId !== undefined && bootId !== facts.bootId) return "jumped";
			delivery.client = await helperOf(session, "resume", { token, signal });
			await delivery.client.resumed(signal ? { signal } : {});
			return "waits";
		} catch (error) {
			signal?.throwIfAborted();
			if (!isLoss(error) || Date.now() + lookEvery > until) throw error;
			await session.connection.close();
			await sleep(lookEvery, undefined, signal ? { signal } : {});
		}
	}
}
