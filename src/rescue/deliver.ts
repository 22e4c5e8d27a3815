import type { StagedFile } from "../kexec/index.ts";
import type { SessionOptions } from "./session.ts";
import { type Delivery, despiteLosses } from "./take-up.ts";

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
	await despiteLosses(target, delivery, options, (client, held) => {
		// Where nothing of these files arrived, they are announced anew.
		const begun = [...(held?.parts.keys() ?? [])].some((number) => number >= firstPart);
		return client.stage(files, {
			firstPart,
			progress: ({ sent, total }) => options.progress(sent, total),
			...(held && begun ? { resume: held } : {}),
			...(signal ? { signal } : {}),
		});
	});
	delivery.parts += files.reduce((sum, file) => sum + file.parts.length, 0);
}
