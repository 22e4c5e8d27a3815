import { type Command, command } from "./command.ts";
import { showSize } from "./progress.ts";

export const imageList: Command = command({
	usage: "image list",
	aliases: ["ls"],
	summary: "List the images in the cache, the newest first",
	positionals: {},
	options: { json: { type: "boolean", default: false, describe: "Print a JSON array" } },
	async run(args, io) {
		const { cacheFolder } = await import("../debian/index.ts");
		const { listImages } = await import("../image/index.ts");
		const images = await listImages(cacheFolder(io.env));
		if (args.json) {
			const rows = images.map(({ image, made }) => ({
				directory: image.directory,
				digest: image.digest,
				made: new Date(made).toISOString(),
				manifest: image.manifest,
			}));
			io.stdout.write(`${JSON.stringify(rows)}\n`);
			return 0;
		}
		for (const { image, made } of images) {
			const { manifest } = image;
			const size = image.layers.reduce((sum, layer) => sum + layer.size, image.kernel.size);
			const words = [
				new Date(made).toISOString().slice(0, 16).replace("T", " "),
				manifest.architecture,
				showSize(size).padStart(7),
				manifest.kernel.release,
				manifest.madeFor === undefined ? "any machine" : "one target",
				image.directory,
			];
			io.stdout.write(`${words.join("  ")}\n`);
		}
		if (images.length === 0) io.stderr.write("no images yet; build one with: ekexec image build\n");
		return 0;
	},
});
