import type { Resumed, StagedFile } from "../kexec/index.ts";
import { isLoss, type SessionOptions } from "./session.ts";
import { type Delivery, takeUp } from "./take-up.ts";

/**
 * Stages files; a connection that is lost meanwhile is taken up again where it broke off, as often as it takes: each
 * time within the seconds for which the helper keeps what it has.
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
		}
		options.remark("the connection was lost; logging in again");
		const state = await takeUp(target, delivery, options);
		// Where nothing of these files arrived, they are announced anew.
		const begun = [...(state?.parts.keys() ?? [])].some((number) => number >= firstPart);
		resume = begun ? state : undefined;
		options.remark("the upload goes on where it broke off");
	}
}
