import yargs, { type Argv } from "yargs";
import { EkexecError } from "../bytes/index.ts";
import type { Command, Io } from "./command.ts";
import { commands, groups } from "./commands.ts";
import { version } from "./version.ts";

/**
 * Thrown out of yargs by the handler of the command that was named. After a handler that returns, yargs renders the
 * help text of that command in case someone asks for it: a third of the start-up time of every run.
 */
class Chosen {
	readonly command: Command;
	readonly args: never;

	constructor(command: Command, args: never) {
		this.command = command;
		this.args = args;
	}
}

/** Parses a command line, runs the command it names, and returns the exit code. Throws what the command throws. */
export async function program(argv: readonly string[], io: Io): Promise<number> {
	const register = (parser: Argv, cmd: Command, words: string): void => {
		parser.command(
			[words, ...(cmd.aliases ?? [])],
			cmd.summary,
			(sub) => {
				for (const [name, positional] of Object.entries(cmd.positionals)) {
					sub.positional(name, positional);
				}
				sub.options(cmd.options);
				for (const [line, meaning] of cmd.examples ?? []) sub.example(line, meaning);
				return sub;
			},
			(args) => {
				throw new Chosen(cmd, args as never);
			},
		);
	};

	const parser = yargs()
		.scriptName("ekexec")
		.usage(
			"$0 <command>\n\nReplaces the running system of a broken Linux host by an in-memory rescue system, over SSH.",
		)
		.version(version())
		.help()
		.alias("h", "help")
		.strict()
		.recommendCommands()
		.demandCommand(1, "Which command?")
		.parserConfiguration({
			"parse-numbers": false,
			"parse-positional-numbers": false,
			// As in ssh: what follows `-o Word=value` is the next argument, not another value.
			"greedy-arrays": false,
		})
		.wrap(Math.min(100, columns(io)))
		.exitProcess(false)
		.fail((message, error) => {
			throw (
				error ??
				misnamed(message, argv) ??
				new EkexecError("usage", "CLI_USAGE", reworded(message, argv), {
					remedy: `See ${["ekexec", ...named(argv)].join(" ")} --help.`,
				})
			);
		});

	const grouped = new Set(groups.map((group) => group.name));
	for (const cmd of commands) {
		if (!grouped.has(cmd.usage.split(" ", 1)[0] ?? "")) register(parser, cmd, cmd.usage);
	}
	for (const group of groups) {
		parser.command(group.name, group.summary, (sub) => {
			for (const cmd of commands.filter((c) => c.usage.startsWith(`${group.name} `))) {
				register(sub, cmd, cmd.usage.slice(group.name.length + 1));
			}
			// A group may be a command itself: `$0`.
			const whole = commands.some((c) => c.usage.startsWith(`${group.name} $0`));
			return whole
				? sub.strict()
				: sub.demandCommand(1, `Which command of ${group.name}?`).strict();
		});
	}

	if (argv.length === 0) {
		io.stderr.write(`${await parser.getHelp()}\n`);
		return 2;
	}
	try {
		await parser.parseAsync(withCommand(argv), {}, (_error, _args, output) => {
			if (output !== "") io.stdout.write(`${output}\n`);
		});
	} catch (error) {
		if (error instanceof Chosen) return await error.command.run(error.args, io);
		throw error;
	}
	return 0;
}

/** What yargs says in words of its own trade. */
function reworded(message: string, argv: readonly string[]): string {
	const [, got] = /^Not enough non-option arguments: got (\d+)/.exec(message) ?? [];
	if (got === undefined) return message;
	const words = named(argv).join(" ");
	const { usage = "" } = commands.find((each) => each.usage.startsWith(`${words} <`)) ?? {};
	const missing = usage.match(/<[^>]+>/g)?.[Number(got)];
	return `an argument is missing${missing === undefined ? "" : `: ${missing}`}`;
}

/** The first word is no command: it may be a host. What yargs takes for a slip is so if it begins like the word. */
function misnamed(message: string, argv: readonly string[]): EkexecError | undefined {
	const [first = "-"] = argv;
	if (first.startsWith("-") || named(argv).length > 0) return undefined;
	const [, meant] = /^Did you mean (\S+)\?/.exec(message) ?? [];
	return new EkexecError("usage", "CLI_USAGE", "no such command", {
		field: JSON.stringify(first),
		remedy:
			meant?.[0] === first[0]
				? `Did you mean ${meant}? See ekexec --help.`
				: `See ekexec --help. A host stands behind a command, or behind user@: ekexec host ${first}, ekexec root@${first}`,
	});
}

/** The words of the command line that name a command or a group. */
function named(argv: readonly string[]): readonly string[] {
	const names = (usage: string): string[] => usage.split(" ").filter((word) => /^[a-z]/.test(word));
	const known = [...groups.map(({ name }) => [name]), ...commands.map(({ usage }) => names(usage))];
	const fits = known.filter((words) => words.length > 0 && words.every((w, i) => argv[i] === w));
	return fits.sort((a, b) => b.length - a.length)[0] ?? [];
}

/** `ekexec root@somehost` means `ekexec host root@somehost`: no command has an `@` in its name. */
function withCommand(argv: readonly string[]): string[] {
	const [first = ""] = argv;
	return first.includes("@") || first.startsWith("ssh://") ? ["host", ...argv] : [...argv];
}

function columns(io: Io): number {
	const stream = io.stdout as NodeJS.WritableStream & { columns?: number };
	return stream.columns ?? 100;
}
