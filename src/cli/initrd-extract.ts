import { resolve } from "node:path";
import { type Command, command } from "./command.ts";

export const initrdExtract: Command = command({
	usage: "initrd extract <file> [pattern..]",
	aliases: ["x"],
	summary: "Extract an initrd, never outside the folder",
	positionals: {
		file: { type: "string", demandOption: true, describe: "Initrd, - for standard input" },
		pattern: {
			type: "string",
			array: true,
			default: [],
			describe: "Only these: * and ? within a name, ** across folders; a folder means all in it",
		},
	},
	options: {
		directory: {
			alias: "C",
			type: "string",
			demandOption: true,
			describe: "Folder to extract to; made if missing",
		},
		preserve: {
			alias: "p",
			type: "boolean",
			default: false,
			describe: "Owners (as root), times and set-id bits, too",
		},
		overwrite: {
			type: "boolean",
			default: false,
			describe: "Replace files that are already there",
		},
		json: { type: "boolean", default: false, describe: "Say what was done as JSON" },
	},
	examples: [
		["ekexec initrd extract /boot/initrd.img -C tree", "All segments, merged as a kernel would"],
		["ekexec initrd extract initrd.img -C . 'etc/**/*.conf' lib/modules", "Some of it"],
	],
	async run(args, io) {
		const { EkexecError, showBytes } = await import("../bytes/index.ts");
		const { extractInitrd } = await import("../initrd/index.ts");
		const { openInput } = await import("./initrd-io.ts");
		const input = await openInput(args.file, io, "extracting");
		try {
			const { extracted, skipped } = await extractInitrd(
				input.chunks(),
				resolve(io.cwd, args.directory),
				{
					where: input.where,
					patterns: args.pattern,
					preserve: args.preserve,
					overwrite: args.overwrite,
					signal: io.signal,
				},
			);
			for (const { path, reason } of skipped)
				io.stderr.write(`skipped ${showBytes(path)}: ${reason}\n`);
			if (args.json) {
				const left = skipped.map(({ path, reason }) => ({ path: showBytes(path), reason }));
				io.stdout.write(`${JSON.stringify({ extracted, skipped: left })}\n`);
			}
			if (extracted === 0 && skipped.length === 0 && args.pattern.length > 0) {
				throw new EkexecError(
					"check",
					"INITRD_NO_ENTRY",
					"nothing in the initrd is meant by the patterns",
					{
						where: input.where,
						field: args.pattern.join(" "),
						remedy: "See what there is with: ekexec initrd list",
					},
				);
			}
			return 0;
		} finally {
			await input.close();
		}
	},
});
