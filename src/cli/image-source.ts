import { resolve } from "node:path";
import { EkexecError } from "../bytes/index.ts";
import {
	type BuildProgress,
	buildImage,
	checkProof,
	type Image,
	type ImageTarget,
	importImage,
} from "../image/index.ts";
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

/** Refuses options that would check an image that nobody named, or half of what a check needs. */
function checkImageArguments({
	image,
	"image-sha256": sha256,
	"image-signature": signature,
	"image-signer": signer,
}: ImageArguments): void {
	const given = { sha256, signature, signer };
	const [idle] = Object.entries(given).filter(([, value]) => value !== undefined);
	if (image === undefined && idle !== undefined) {
		throw new EkexecError("usage", "CLI_IMAGE", "there is no image that this could be checked on", {
			field: `--image-${idle[0]}`,
			remedy: "Name it with --image; ekexec's own images are checked without being told.",
		});
	}
	checkProof({
		...(sha256 === undefined ? {} : { sha256 }),
		...(signature === undefined ? {} : { signature }),
		...(signer === undefined ? {} : { signer }),
	});
}

/** Below this much memory an image with every driver is a burden; above, one image serves all targets from the cache. */
const roomForAllModules = 1024 * 1024 * 1024;

/**
 * How the image for a target is found: the one that was named, or one built for it and cached. `passing` is told how
 * far that is. Throws `CLI_IMAGE`, `IMAGE_UNSIGNED` where what is to be checked of it does not fit together.
 */
export function imageForTarget(
	args: ImageArguments,
	io: Io,
	say: (text: string) => void,
	passing: (text: string) => void = say,
): (facts: Facts) => Promise<Image> {
	checkImageArguments(args);
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
		const target = targetOf(facts, args.modules);
		const { image, notes } = await buildImage({
			architecture,
			signal,
			env: io.env,
			progress: tell(passing),
			...(args.mirror === undefined ? {} : { mirror: args.mirror }),
			...(target === undefined ? {} : { target }),
		});
		for (const note of notes) say(note);
		return image;
	};
}

/** Devices that are a disk, a network card or what these hang on, by class (PCI, USB) or by what their bus says. */
const diskOrCard =
	/^(?:pci:.*bc0[12]|usb:.*ic(?:02|08|0A|FF)|virtio:d0000000[128]v|vmbus:|xen:v|sdio:)/;

/**
 * By which of the target's facts the modules are chosen. Unless told, an image has what serves any machine, and what
 * else this one's disks, cards and file systems need: mostly nothing, so that one image serves many from the cache.
 */
export function targetOf(
	facts: Facts,
	modules: ImageArguments["modules"],
): ImageTarget | undefined {
	const { modaliases, filesystems } = facts;
	const small = (facts.memory?.total ?? Number.POSITIVE_INFINITY) < roomForAllModules;
	if (modules === "generic") return undefined;
	if (modules === "target" || small) return { modaliases, filesystems, modules: facts.modules };
	const own = modaliases.filter((modalias) => diskOrCard.test(modalias));
	return { modaliases: own, filesystems, besides: true };
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
