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
			describe:
				"Only these: * and ? within a name, ** across folders, [a-z] and [!a-z] for one of a set or none of it, \\ makes the next one plain, \\xNN is a byte; a folder means all in it",
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
			describe: "Owners, times and set-id bits, too; only root can",
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
		const { extractFromCommandLine } = await import("./initrd-extract-run.ts");
		return extractFromCommandLine(args, io);
	},
});
