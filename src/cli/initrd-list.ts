import { type Command, command } from "./command.ts";

export const initrdList: Command = command({
	usage: "initrd list <file>",
	aliases: ["ls"],
	summary: "List what an initrd holds; exit 1 if that is nothing, or damaged",
	positionals: {
		file: {
			type: "string",
			demandOption: true,
			describe: "Initrd, plain or in gzip, xz or zstd, - for standard input",
		},
	},
	options: {
		long: {
			alias: "l",
			type: "boolean",
			default: false,
			describe: "Type, mode, names, owner, size, time and target, too",
		},
		segments: {
			alias: "s",
			type: "boolean",
			default: false,
			describe: "The segments instead of the entries",
		},
		merged: {
			alias: "m",
			type: "boolean",
			default: false,
			describe: "The tree that a kernel makes of all segments",
		},
		json: { type: "boolean", default: false, describe: "Segments and entries as JSON" },
		null: {
			alias: "0",
			type: "boolean",
			default: false,
			describe: "End each name by a NUL instead of a newline",
		},
	},
	examples: [
		["ekexec initrd list /boot/initrd.img", "Names in the order of the archives, as cpio -t"],
		[
			"ekexec initrd list --segments /boot/initrd.img",
			"What it is made of, and how it is compressed",
		],
	],
	async run(args, io) {
		const { listFromCommandLine } = await import("./initrd-list-run.ts");
		return listFromCommandLine(args, io);
	},
});
