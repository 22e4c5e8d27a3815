import { type Command, command } from "./command.ts";

export const initrdVerify: Command = command({
	usage: "initrd verify <file>",
	summary: "Check all that a kernel would trip over; exit 1 if anything is wrong",
	positionals: {
		file: { type: "string", demandOption: true, describe: "Initrd, - for standard input" },
	},
	options: {
		manifest: { type: "string", describe: "What must be in it: a JSON file from --write-manifest" },
		sha256: { type: "string", describe: "What the SHA-256 of the whole file must be" },
		"write-manifest": {
			nargs: 1,
			type: "string",
			describe:
				"Write what is in it to this JSON file, - for standard output; not if anything is wrong",
		},
		init: {
			type: "boolean",
			default: true,
			describe: "There must be an executable /init (--no-init for a layer)",
		},
		json: { type: "boolean", default: false, describe: "The findings as JSON" },
	},
	examples: [
		["ekexec initrd verify initrd.img", "Before a kernel stumbles in the dark"],
		["ekexec initrd verify initrd.img --write-manifest m.json", "Keep what is right"],
		["ekexec initrd verify initrd.img --manifest m.json", "Compare with it later"],
	],
	async run(args, io) {
		const { verifyFromCommandLine } = await import("./initrd-verify-run.ts");
		return verifyFromCommandLine(args, io);
	},
});
