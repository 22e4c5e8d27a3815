import { EkexecError } from "../bytes/index.ts";
import { complaintOf, type Facts, type GoOptions } from "../kexec/index.ts";
import { bootIdOf, kexecLoaded } from "./answers.ts";
import { rescueError } from "./error.ts";
import type { Session, SessionOptions } from "./session.ts";
import { type Delivery, takeUp } from "./take-up.ts";

/**
 * Gives the order to jump. Where the connection breaks with the order on its way, another one finds out whether it
 * arrived: a helper that still waits did not get it, and gets it again. False: nobody can tell.
 * Once the order is on its way an interrupt no longer means that nothing was done: it throws {@link unknownOrder}, and
 * so does an order to leave the kernel loaded of which nobody can tell.
 */
export async function giveOrder(
	target: string,
	delivery: Delivery,
	facts: Facts,
	order: GoOptions,
	options: SessionOptions & { readonly remark: (text: string) => void },
): Promise<boolean> {
	const { signal, remark } = options;
	// A jump shows as another boot; a kernel that is only left loaded does not.
	const over = async ({ connection }: Session): Promise<boolean> => {
		if (order.via === "nothing") return false;
		const bootId = await bootIdOf(connection, signal);
		return bootId !== undefined && bootId !== facts.bootId;
	};
	for (;;) {
		try {
			await delivery.client.go(order);
			return true;
		} catch (error) {
			// What the helper says itself is sure; anything else says nothing of whether the order came through.
			if (complaintOf(error) !== undefined) throw error;
		}
		remark("the connection was lost with the order on its way; looking whether it arrived");
		try {
			if ((await takeUp(target, delivery, { ...options, over })) === undefined) return true;
		} catch (error) {
			if (signal?.aborted) throw unknownOrder(target, order, signal.reason);
			// Nobody answers, or nobody waits any more: it is on its way, or gave up.
			if (order.via !== "nothing") return false;
			if (await staysLoaded(target, delivery, error)) return true;
			throw unknownOrder(target, order, error);
		}
		// Nothing was done, and the helper is there to be told to drop it.
		signal?.throwIfAborted();
		remark("it did not; giving it again");
	}
}

/**
 * Whether the kernel that was to be left loaded is: a helper that waits no more left it so, or dropped everything, which
 * is thrown. False: nobody can tell.
 */
async function staysLoaded(target: string, { session }: Delivery, lost: unknown): Promise<boolean> {
	if (!(lost instanceof EkexecError) || lost.code !== "HELPER_NOT_KEPT") return false;
	const loaded = await kexecLoaded(session.connection).catch(() => undefined);
	if (loaded !== false) return loaded === true;
	throw rescueError(
		"failed",
		"RESCUE_LOST",
		"the connection was lost, and the order to leave the kernel loaded did not arrive",
		{ where: target, remedy: "Run ekexec again.", cause: lost },
	);
}

/** The error of an order whose fate nobody knows, for an operator who does not wait for what shows it. */
export function unknownOrder(target: string, { via }: GoOptions, cause?: unknown): EkexecError {
	const told = cause instanceof Error ? { found: cause.message, cause } : {};
	const [order, remedy] =
		via === "nothing"
			? ["leave the kernel loaded", `It may be loaded: ekexec abort ${target} unloads it.`]
			: [
					"jump",
					"Log in as root in some minutes: the rescue system answers, or the old one, which has dropped what was sent.",
				];
	const summary = `whether the order to ${order} arrived is not known`;
	return rescueError("unproven", "RESCUE_LOST", summary, { where: target, remedy, ...told });
}
