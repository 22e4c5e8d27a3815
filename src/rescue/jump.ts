import type { Facts, GoOptions } from "../kexec/index.ts";
import type { Delivery } from "./deliver.ts";
import { tryRun } from "./helper.ts";
import { helperOf, isLoss, reopen, type SessionOptions } from "./session.ts";

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
			remark("the connection was lost with the order on its way; looking whether it arrived");
			delivery.client.destroy();
			const session = await reopen(target, delivery.session, options, delivery.keep * 1000).catch(
				() => undefined,
			);
			signal?.throwIfAborted();
			if (session === undefined) {
				if (order.via === "nothing") throw error;
				return false;
			}
			delivery.session = session;
			const bootId = await tryRun(
				session.connection,
				["cat", "/proc/sys/kernel/random/boot_id"],
				signal,
			);
			if (bootId !== undefined && bootId.trim() !== facts.bootId) return true;
			try {
				const { token } = delivery;
				delivery.client = await helperOf(session, "resume", { token, signal });
				await delivery.client.resumed(signal ? { signal } : {});
			} catch (second) {
				signal?.throwIfAborted();
				// Nobody waits any more: it is on its way, or gave up.
				if (order.via === "nothing") throw second;
				return false;
			}
			remark("it did not; giving it again");
		}
	}
}
