import { type Command, command } from "./command.ts";
import { sshOptions } from "./ssh-options.ts";

export const net: Command = command({
	usage: "net $0 [target]",
	summary: "Show a host's network, and what a rescue system would make of it",
	positionals: {
		target: { type: "string", describe: "A host to ask over SSH; this machine unless told" },
	},
	options: {
		...sshOptions,
		json: { type: "boolean", describe: "The model as JSON; with --plan, the plan" },
		plan: { type: "boolean", describe: "What would be carried over, what not, and why" },
		units: {
			type: "boolean",
			conflicts: ["json", "nixos", "emergency"],
			describe: "Unit files of systemd-networkd",
		},
		nixos: {
			type: "boolean",
			conflicts: ["json", "units", "emergency"],
			describe: "JSON files of a nixos-images tarball",
		},
		emergency: {
			type: "boolean",
			conflicts: ["json", "units", "nixos", "plan"],
			describe: "The three files of emergency-kexec",
		},
		"dump-network": {
			type: "string",
			requiresArg: true,
			describe:
				"Write emergency-kexec's files to this folder (EMERGENCY_DUMP_NETWORK=1: to the current one)",
		},
		keep: {
			type: "string",
			array: true,
			requiresArg: true,
			describe: "Carry this link over, though it would be left out (a tunnel without keys)",
		},
		login: {
			type: "string",
			requiresArg: true,
			describe: "The login to keep, as in SSH_CONNECTION, which is read unless this is given",
		},
	},
	examples: [
		["ekexec net --plan", "What of this machine's network a rescue system would have"],
		["ekexec net root@somehost --units", "The same of another host, as units of systemd-networkd"],
		["ekexec net --json > before.json", "For ekexec net diff"],
	],
	async run(args, io) {
		const { outputNetwork } = await import("./net-output.ts");
		if (args.target !== undefined) {
			const { networkOf } = await import("./net-target.ts");
			const { network, connection } = await networkOf(args.target, args, io);
			const options = { ...args, dumpNetwork: args["dump-network"] };
			return outputNetwork(network, { ...options, connection: args.login ?? connection }, io);
		}
		const { collectNetwork, snapshot } = await import("../network/index.ts");
		const network = snapshot(await collectNetwork({ signal: io.signal }));
		return outputNetwork(
			network,
			{
				...args,
				dumpNetwork: args["dump-network"],
				connection: args.login ?? io.env.SSH_CONNECTION,
			},
			io,
		);
	},
});
