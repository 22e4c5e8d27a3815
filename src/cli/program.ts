import yargs, { type Argv } from "yargs";
import { EkexecError } from "../bytes/index.ts";
import type { Command, Io } from "./command.ts";
import { commands, groups } from "./commands.ts";
import { version } from "./version.ts";

/** Parses a command line, runs the command it names, and returns the exit code. Throws what the command throws. */
export async function program(argv: readonly string[], io: Io): Promise<number> {
	let exitCode = 0;
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
			async (args) => {
				exitCode = await cmd.run(args as never, io);
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
		.parserConfiguration({ "parse-numbers": false, "parse-positional-numbers": false })
		.wrap(Math.min(100, columns(io)))
		.exitProcess(false)
		.fail((message, error) => {
			throw (
				error ??
				new EkexecError("usage", "CLI_USAGE", message, {
					remedy: "See ekexec --help.",
				})
			);
		});

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
	const grouped = new Set(groups.map((group) => group.name));
	for (const cmd of commands) {
		if (!grouped.has(cmd.usage.split(" ", 1)[0] ?? "")) register(parser, cmd, cmd.usage);
	}

	await parser.parseAsync(withCommand(argv), {}, (_error, _args, output) => {
		if (output !== "") io.stdout.write(`${output}\n`);
	});
	return exitCode;
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
