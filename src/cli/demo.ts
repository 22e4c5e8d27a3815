import { type Command, command } from "./command.ts";

export const demo: Command = command({
	usage: "demo",
	summary: "Break a virtual machine's root file system for real, and rescue it",
	positionals: {},
	options: {
		suite: {
			choices: ["trixie", "bookworm"] as const,
			default: "bookworm" as const,
			describe: "Debian release of the victim",
		},
		memory: { type: "string", default: "2048", requiresArg: true, describe: "Its memory in MiB" },
		image: {
			type: "string",
			requiresArg: true,
			describe: "Directory of a rescue image; without it, one is built and cached",
		},
		mirror: {
			type: "string",
			requiresArg: true,
			describe: "Debian mirror to take packages from (EKEXEC_DEBIAN_MIRROR)",
		},
		json: {
			type: "boolean",
			default: false,
			describe: "Events of the rescue as JSON lines on stdout",
		},
	},
	examples: [
		["ekexec demo", "Needs no root; QEMU is taken from Debian's packages where it is missing"],
	],
	async run(args, io) {
		const { runDemo } = await import("./demo-run.ts");
		return runDemo(args, io);
	},
});
