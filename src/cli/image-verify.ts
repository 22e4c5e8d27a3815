import { resolve } from "node:path";
import { type Command, command } from "./command.ts";
import { Progress } from "./progress.ts";

export const imageVerify: Command = command({
	usage: "image verify <image>",
	summary: "Check an image: every digest, and whether a kernel could unpack every layer",
	positionals: {
		image: { type: "string", demandOption: true, describe: "Image directory or tarball" },
	},
	options: {
		sha256: {
			type: "string",
			describe: "Digest that the tarball, or the directory's manifest.json, must have",
		},
		signature: {
			type: "string",
			describe: "Signature of the same: minisign, or ssh-keygen -Y sign -n file",
		},
		signer: { type: "string", describe: "Public key that must have signed, or a file with it" },
		json: { type: "boolean", default: false, describe: "Print one JSON object" },
	},
	async run(args, io) {
		const { importImage, verifyImage } = await import("../image/index.ts");
		const { scanInitrd } = await import("../initrd/index.ts");
		const { createReadStream } = await import("node:fs");
		const path = (name: string): string => resolve(io.cwd, name);
		const image = await importImage(path(args.image), {
			signal: io.signal,
			...(args.sha256 === undefined ? {} : { sha256: args.sha256 }),
			...(args.signature === undefined ? {} : { signature: path(args.signature) }),
			...(args.signer === undefined ? {} : { signer: args.signer }),
		});
		const total = image.layers.reduce((sum, layer) => sum + layer.size, image.kernel.size);
		const progress = new Progress(io, "verifying");
		const before = new Map<string, number>();
		await verifyImage(image, {
			signal: io.signal,
			progress: (file, done) => {
				before.set(file.file, done);
				progress.update(
					[...before.values()].reduce((sum, one) => sum + one, 0),
					total,
				);
			},
		});
		for (const layer of image.layers) {
			await scanInitrd(
				createReadStream(layer.path) as AsyncIterable<Uint8Array>,
				{},
				{
					where: layer.path,
					signal: io.signal,
				},
			);
		}
		progress.end();
		if (args.json) io.stdout.write(`${JSON.stringify({ ok: true, digest: image.digest })}\n`);
		else io.stdout.write(`${image.directory}: all ${image.layers.length + 1} parts are right\n`);
		return 0;
	},
});
