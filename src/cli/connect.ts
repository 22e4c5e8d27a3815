import { EkexecError, printable } from "../bytes/index.ts";
import type { SessionOptions } from "../rescue/index.ts";
import { noPrompt, type Prompt, terminalPrompt } from "../ssh/index.ts";
import type { Io } from "./command.ts";
import type { Log } from "./log.ts";
import type { SshArguments } from "./ssh-options.ts";
import type { View } from "./view.ts";

/** The options of a login from the command line. Questions go to the terminal of the process, if it has one. */
export function sessionOptions(
	args: SshArguments,
	io: Io,
	log: Log,
	view: Pick<View, "say" | "hold"> = {
		say: (text) => void io.stderr.write(`${printable(text)}\n`),
		hold: () => () => {},
	},
): SessionOptions {
	const prompt = io.terminal.stdin ? besides(view, terminalPrompt()) : noPrompt;
	const warn = (message: string): void => {
		log(`warning: ${message}`);
		view.say(`ekexec: ${message}`);
	};
	const port = args.port === undefined ? undefined : Number(args.port);
	if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65536)) {
		throw new EkexecError("usage", "CLI_USAGE", "not a port", {
			field: "--port",
			expected: "a number from 1 to 65535",
			found: args.port,
		});
	}
	return {
		prompt,
		signal: io.signal,
		log,
		connect: {
			transport: args.transport,
			prompt,
			warn,
			log,
			...(port === undefined ? {} : { port }),
			...(args.user === undefined ? {} : { user: args.user }),
			...(args.identity === undefined ? {} : { identities: args.identity }),
			...(args.jump === undefined ? {} : { jump: args.jump }),
			...(args.config === undefined ? {} : { configFile: args.config }),
			...(args.option === undefined ? {} : { settings: args.option }),
		},
	};
}

/** Questions for which the view makes room on the terminal. */
export function besides(view: Pick<View, "hold">, prompt: Prompt): Prompt {
	return {
		possible: prompt.possible,
		async ask(question, options) {
			const release = view.hold();
			try {
				return await prompt.ask(question, options);
			} finally {
				release();
			}
		},
	};
}
