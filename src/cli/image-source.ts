import { resolve } from "node:path";
import { EkexecError } from "../bytes/index.ts";
import { type BuildProgress, buildImage, type Image, importImage } from "../image/index.ts";
import type { Facts } from "../kexec/index.ts";
import type { Io } from "./command.ts";
import { showSize } from "./progress.ts";

export interface ImageArguments {
	readonly image?: string | undefined;
	readonly "image-sha256"?: string | undefined;
	readonly "image-signature"?: string | undefined;
	readonly "image-signer"?: string | undefined;
	readonly mirror?: string | undefined;
	readonly modules: "auto" | "generic" | "target";
}

/** Below this much memory an image with every driver is a burden; above, one image serves all targets from the cache. */
const roomForAllModules = 1024 * 1024 * 1024;

/**
 * How the image for a target is found: the one that was named, or one built for it and cached. `passing` is told how
 * far that is.
 */
export function imageForTarget(
	args: ImageArguments,
	io: Io,
	say: (text: string) => void,
	passing: (text: string) => void = say,
): (facts: Facts) => Promise<Image> {
	return async (facts) => {
		const { signal } = io;
		if (args.image !== undefined) {
			const { "image-sha256": sha256, "image-signature": signature, "image-signer": signer } = args;
			return importImage(resolve(io.cwd, args.image), {
				signal,
				...(sha256 === undefined ? {} : { sha256 }),
				...(signature === undefined ? {} : { signature: resolve(io.cwd, signature) }),
				...(signer === undefined ? {} : { signer }),
			});
		}
		const { architecture } = facts;
		if (architecture !== "amd64" && architecture !== "arm64") {
			throw new EkexecError(
				"refused",
				"CLI_NO_IMAGE",
				"there is no rescue image for this architecture",
				{
					expected: "amd64 or arm64",
					found: architecture,
					remedy: "Give an image of your own with --image.",
				},
			);
		}
		const small = (facts.memory?.total ?? Number.POSITIVE_INFINITY) < roomForAllModules;
		const forTarget = args.modules === "target" || (args.modules === "auto" && small);
		const { modaliases, filesystems, modules } = facts;
		const { image, notes } = await buildImage({
			architecture,
			signal,
			env: io.env,
			progress: tell(passing),
			...(args.mirror === undefined ? {} : { mirror: args.mirror }),
			...(forTarget ? { target: { modaliases, filesystems, modules } } : {}),
		});
		for (const note of notes) say(note);
		return image;
	};
}

/** Progress of a build in words, at most twice a second. */
export function tell(say: (text: string) => void): (progress: BuildProgress) => void {
	let told = 0;
	return ({ step, what, done, total }) => {
		const now = performance.now();
		if (step === "done" || now - told < 500) return;
		told = now;
		const share = total > 0 ? ` ${Math.floor((100 * done) / total)} %` : "";
		const size = step === "download" && total > 0 ? ` of ${showSize(total)}` : "";
		say(`image: ${step} ${what}${share}${size}`);
	};
}
