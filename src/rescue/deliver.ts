import type { HelperClient, Resumed, StagedFile } from "../kexec/index.ts";
import { helperOf, isLoss, reopen, type Session, type SessionOptions } from "./session.ts";

/** Where the delivery stands: the conversation may be another one after a loss. */
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

/**
 * Stages files; a connection that is lost meanwhile is taken up again where it broke off, as often as it takes
 * within the time that the helper keeps what it has.
 */
export async function deliver(
	target: string,
	delivery: Delivery,
	files: readonly StagedFile[],
	options: SessionOptions & {
		readonly progress: (done: number, total: number) => void;
		readonly remark: (text: string) => void;
	},
): Promise<void> {
	const { signal } = options;
	const firstPart = delivery.parts;
	let resume: Resumed | undefined;
	for (;;) {
		try {
			await delivery.client.stage(files, {
				firstPart,
				progress: ({ sent, total }) => options.progress(sent, total),
				...(resume ? { resume } : {}),
				...(signal ? { signal } : {}),
			});
			delivery.parts += files.reduce((sum, file) => sum + file.parts.length, 0);
			return;
		} catch (error) {
			signal?.throwIfAborted();
			if (!isLoss(error)) throw error;
			options.remark("the connection was lost; logging in again");
			delivery.client.destroy();
			delivery.session = await reopen(target, delivery.session, options, delivery.keep * 1000);
			const { token } = delivery;
			delivery.client = await helperOf(delivery.session, "resume", { token, signal });
			const state = await delivery.client.resumed(signal ? { signal } : {});
			// Nothing of these files arrived: they are announced anew.
			const begun = [...state.parts.keys()].some((number) => number >= firstPart);
			resume = begun ? state : undefined;
			options.remark("the upload goes on where it broke off");
		}
	}
}
