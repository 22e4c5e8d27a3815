import type { Arguments } from "./command.ts";

/** The options that every command with a TARGET takes: ssh's own letters with ssh's meaning. */
export const sshOptions = {
	port: { alias: "p", type: "string", requiresArg: true, describe: "Port of the SSH server" },
	user: { alias: "l", type: "string", requiresArg: true, describe: "User to log in as" },
	identity: {
		alias: "i",
		type: "string",
		array: true,
		requiresArg: true,
		describe: "Private key file to log in with",
	},
	jump: { alias: "J", type: "string", requiresArg: true, describe: "Jump hosts, as ssh -J" },
	config: { alias: "F", type: "string", requiresArg: true, describe: "ssh_config to read" },
	option: {
		alias: "o",
		type: "string",
		array: true,
		requiresArg: true,
		describe: "Any word of ssh_config: Word=value",
	},
	transport: {
		choices: ["auto", "ssh2", "openssh"] as const,
		default: "auto" as const,
		describe: "The built-in SSH client, the system's ssh, or whichever can do it",
	},
	log: {
		type: "string",
		requiresArg: true,
		describe: "Write everything that happens to this file",
	},
} as const;

export type SshArguments = Arguments<typeof sshOptions, Record<never, never>>;
