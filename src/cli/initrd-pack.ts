import { type Command, command } from "./command.ts";
import { Progress, showSize } from "./progress.ts";
import { count } from "./words.ts";

export const initrdPack: Command = command({
	usage: "initrd pack <source..>",
	summary: "Write an initrd from folders and JSON trees",
	positionals: {
		source: {
			type: "string",
			array: true,
			demandOption: true,
			describe:
				"Folder, or a JSON tree, as in ekexec(1), that lists entries (- for standard input); later ones win",
		},
	},
	options: {
		output: {
			nargs: 1,
			alias: "o",
			type: "string",
			demandOption: true,
			describe: "File to write, - for standard output",
		},
		compress: {
			alias: "c",
			choices: ["none", "gzip", "xz", "zstd"] as const,
			describe: "Compression; by the name of the output unless told",
		},
		level: {
			alias: "l",
			type: "string",
			describe: "Level of compression: gzip and xz 0 to 9, zstd 1 to 22",
		},
		mtime: {
			type: "string",
			describe:
				"Time of everything: seconds since 1970 or a date (2020-01-01, 2020-01-01T00:00:00Z); SOURCE_DATE_EPOCH or 0 unless told",
		},
		preserve: {
			alias: "p",
			type: "boolean",
			default: false,
			describe: "Keep owners and times of folders, and the folder itself as the root",
		},
		"append-to": {
			type: "string",
			describe: "Initrd that the new archive comes behind; may be the output",
		},
		microcode: {
			type: "string",
			array: true,
			nargs: 1,
			describe: "Intel's or AMD's microcode, for an early archive in front",
		},
		align: {
			type: "string",
			describe: "Begin file data at multiples of this (4096 lets file systems share blocks)",
		},
		format: {
			choices: ["newc", "crc"] as const,
			default: "newc" as const,
			describe: "crc has a sum of each file; kernels from 6.2",
		},
		json: { type: "boolean", default: false, describe: "Say what was written as JSON" },
	},
	examples: [
		["ekexec initrd pack tree -o initrd.xz", "All of tree, owned by root, reproducible"],
		[
			"ekexec initrd pack tree devices.json -o initrd.img",
			"With entries from a JSON tree laid over it",
		],
		["ekexec initrd pack keys -o initrd.img --append-to initrd.img", "One more segment at the end"],
	],
	async run(args, io) {
		const { packFromCommandLine } = await import("./initrd-pack-run.ts");
		let progress: Progress | undefined;
		const { result, path } = await packFromCommandLine(args, io, (done, total) => {
			// Begun here, its rate is that of packing: a base may have been read for minutes before.
			progress ??= new Progress(io, "packing");
			progress.update(done, total);
		}).finally(() => progress?.end());
		if (args.json) io.stdout.write(`${JSON.stringify({ path, ...result })}\n`);
		else if (io.terminal.stderr) {
			const size =
				result.size === result.unpackedSize ? "" : ` packed into ${showSize(result.size)}`;
			io.stderr.write(
				`${path}: ${count(result.entries, "entry", "entries")}, ${showSize(result.unpackedSize)}${size}\n`,
			);
		}
		return 0;
	},
});
