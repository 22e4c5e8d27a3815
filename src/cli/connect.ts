import type { SessionOptions } from "../rescue/index.ts";
import { noPrompt, terminalPrompt } from "../ssh/index.ts";
import type { Io } from "./command.ts";
import type { Log } from "./log.ts";
import type { SshArguments } from "./ssh-options.ts";

/** The options of a login from the command line. Questions go to the terminal of the process, if it has one. */
export function sessionOptions(args: SshArguments, io: Io, log: Log): SessionOptions {
	const prompt = io.terminal.stdin ? terminalPrompt() : noPrompt;
	const warn = (message: string): void => {
		log(`warning: ${message}`);
		io.stderr.write(`ekexec: ${message}\n`);
	};
	return {
		prompt,
		signal: io.signal,
		log,
		connect: {
			transport: args.transport,
			prompt,
			warn,
			log,
			...(args.port === undefined ? {} : { port: Number(args.port) }),
			...(args.user === undefined ? {} : { user: args.user }),
			...(args.identity === undefined ? {} : { identities: args.identity }),
			...(args.jump === undefined ? {} : { jump: args.jump }),
			...(args.config === undefined ? {} : { configFile: args.config }),
			...(args.option === undefined ? {} : { settings: args.option }),
		},
	};
}
