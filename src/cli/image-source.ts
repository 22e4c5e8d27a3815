import { resolve } from "node:path";
import { type Image, openImage } from "../image/index.ts";
import type { Facts } from "../kexec/index.ts";
import type { Io } from "./command.ts";

export interface ImageArguments {
	readonly image?: string | undefined;
	readonly mirror?: string | undefined;
	readonly modules: "auto" | "generic" | "target";
}

/** How the image for a target is found: the one that was named, or one built for it and cached. */
export function imageForTarget(
	args: ImageArguments,
	io: Io,
	_say: (text: string) => void,
): (facts: Facts) => Promise<Image> {
	return async () => openImage(resolve(io.cwd, args.image ?? "image"), { signal: io.signal });
}
