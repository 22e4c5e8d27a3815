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
	checkShorts(withCommand(argv));
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
	const [, unknown] = /^Unknown arguments?: (.*)/s.exec(message) ?? [];
	if (unknown !== undefined) {
		const typed = new Set(unknown.split(", ").flatMap((name) => asTyped(name, argv) ?? []));
		// What a word is called in another spelling is of no use to anybody.
		return `unknown argument: ${typed.size > 0 ? [...typed].join(", ") : unknown}`;
	}
	const [, got] = /^Not enough non-option arguments: got (\d+)/.exec(message) ?? [];
	if (got === undefined) return message;
	const words = named(argv);
	const { usage = "" } = commands.find((each) => namesOf(each).some((n) => same(n, words))) ?? {};
	const missing = usage.match(/<[^>]+>/g)?.[Number(got)];
	return `an argument is missing${missing === undefined ? "" : `: ${missing}`}`;
}

/** A name that yargs does not know, with the dashes that it has on the command line. */
function asTyped(name: string, argv: readonly string[]): string | undefined {
	const long = `--${name}`;
	if (argv.some((word) => word === long || word.startsWith(`${long}=`))) return long;
	if (argv.includes(`--no-${name}`)) return `--no-${name}`;
	if (argv.includes(name)) return name;
	const short = [...name].length === 1 && argv.some((word) => shorts(word).includes(name));
	return short ? `-${name}` : undefined;
}

/** The letters of a word such as `-xzf`, before any `=`. */
function shorts(word: string): string {
	return /^-([^-=][^=]*)/.exec(word)?.[1] ?? "";
}

/** What is asked for by an `h` among letters that are no options is no help: yargs would give it. */
function checkShorts(argv: readonly string[]): void {
	const words = named(argv);
	const command = commands.find((each) => namesOf(each).some((name) => same(name, words)));
	if (command === undefined) return;
	const end = argv.indexOf("--");
	for (const word of argv.slice(words.length, end === -1 ? undefined : end)) {
		const letters = shorts(word);
		if (letters.length > 1 && letters.includes("h")) checkCluster(word, letters, command, words);
	}
}

function checkCluster(
	word: string,
	letters: string,
	command: Command,
	words: readonly string[],
): void {
	for (const letter of letters) {
		const option = Object.values(command.options).find(({ alias }) => alias === letter);
		// What follows is its value.
		if (option !== undefined && option.type !== "boolean") return;
		if (option !== undefined || letter === "h") continue;
		throw new EkexecError("usage", "CLI_USAGE", `unknown argument: -${letter}`, {
			field: JSON.stringify(word),
			remedy: `See ${["ekexec", ...words].join(" ")} --help. A name that begins with a dash stands behind --.`,
		});
	}
}

/** A word stands where a command should, and is none. What yargs takes for a slip is so if it begins like the word. */
function misnamed(message: string, argv: readonly string[]): EkexecError | undefined {
	const words = named(argv);
	const word = argv[words.length] ?? "-";
	if (word.startsWith("-")) return undefined;
	const [, meant] = /^Did you mean (\S+)\?/.exec(message) ?? [];
	// A group may be a command itself: then the word is an argument.
	const group =
		words.length === 1 && !commands.some(({ usage }) => usage.startsWith(`${words[0]} $0`));
	const isGroup = group && groups.some(({ name }) => name === words[0]);
	if (words.length > 0 && meant === undefined && !isGroup) return undefined;
	const help = `See ${["ekexec", ...words].join(" ")} --help.`;
	const close = meant?.[0] === word[0];
	return new EkexecError("usage", "CLI_USAGE", "no such command", {
		field: JSON.stringify(word),
		remedy: close
			? `Did you mean ${meant}? ${help}`
			: words.length > 0
				? help
				: `${help} A host stands behind a command, or behind user@: ekexec host ${word}, ekexec root@${word}`,
	});
}

/** The words of the command line that name a command or a group. */
function named(argv: readonly string[]): readonly string[] {
	const known = [...groups.map(({ name }) => [name]), ...commands.flatMap(namesOf)];
	const fits = known.filter((words) => words.length > 0 && words.every((w, i) => argv[i] === w));
	return fits.sort((a, b) => b.length - a.length)[0] ?? [];
}

/** The words by which a command is called, group first. */
function namesOf({ usage, aliases = [] }: Command): string[][] {
	const own = usage.split(" ").filter((word) => /^[a-z]/.test(word));
	return [own, ...aliases.map((alias) => [...own.slice(0, -1), alias])];
}

function same(a: readonly string[], b: readonly string[]): boolean {
	return a.join(" ") === b.join(" ");
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
