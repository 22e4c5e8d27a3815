import { type BuildOptions, buildImage } from "./build.ts";
import { type ImportOptions, importImage } from "./import.ts";
import type { Image } from "./open.ts";

export type ProvideOptions = BuildOptions &
	Omit<ImportOptions, "cache" | "signal"> & {
		/** A directory or tarball that somebody built. Without it an image is built, or taken from the cache. */
		readonly image?: string;
	};

/** The image that was named, or one built for the target: what a rescue asks for. */
export async function provideImage(options: ProvideOptions): Promise<Image> {
	if (options.image !== undefined) return importImage(options.image, options);
	return (await buildImage(options)).image;
}
