import { type Command, command } from "./command.ts";
import { jumpOptions, planOptions } from "./host-options.ts";
import { sshOptions } from "./ssh-options.ts";

const target = {
	target: {
		type: "string",
		demandOption: true,
		describe:
			"[user@]host[:port], ssh://…, or an alias of ssh_config; IPv6 with a port: [2001:db8::1]:22",
	},
} as const;

export const host: Command = command({
	usage: "host <target>",
	summary: "Replace a host's running system by a rescue system in its memory",
	positionals: target,
	options: { ...sshOptions, ...planOptions, ...jumpOptions },
	examples: [
		["ekexec root@somehost", "The same: the word host may be left out before user@host"],
		["ekexec host web1 --dry-run", "Only show what would happen"],
		["ekexec host root@somehost --yes --json", "For programs: no question, events as JSON lines"],
	],
	async run(args, io) {
		const { runHost } = await import("./host-run.ts");
		return runHost(args.target, args, io);
	},
});

export const check: Command = command({
	usage: "check <target>",
	summary: "Tell whether a host can be rescued, and how; changes nothing",
	positionals: target,
	options: { ...sshOptions, ...planOptions },
	examples: [["ekexec check root@somehost", "Exit code 0: yes; 3: no, and why"]],
	async run(args, io) {
		const { runCheck } = await import("./host-run.ts");
		return runCheck(args.target, args, io);
	},
});

export const abort: Command = command({
	usage: "abort <target>",
	summary: "Unload the kernel that --load-only left loaded",
	positionals: target,
	options: sshOptions,
	async run(args, io) {
		const { runAbort } = await import("./host-run.ts");
		return runAbort(args.target, args, io);
	},
});
