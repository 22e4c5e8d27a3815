import { parseArgs } from "node:util";
import { EkexecError } from "../bytes/error.ts";
import type { Command, Io } from "./command.ts";

/**
 * Commands that work on files and are over in the time that loading yargs takes. Their plain command lines are read by
 * node:util, which takes a lone `-` for the file name that it is, while yargs loses it; help and errors are left to
 * yargs, which reads all else the same way (a test holds both against each other).
 */
const quickCommands: Readonly<Record<string, () => Promise<Command>>> = {
	pack: async () => (await import("./initrd-pack.ts")).initrdPack,
	list: async () => (await import("./initrd-list.ts")).initrdList,
	ls: async () => (await import("./initrd-list.ts")).initrdList,
	extract: async () => (await import("./initrd-extract.ts")).initrdExtract,
	x: async () => (await import("./initrd-extract.ts")).initrdExtract,
	cat: async () => (await import("./initrd-cat.ts")).initrdCat,
	verify: async () => (await import("./initrd-verify.ts")).initrdVerify,
	diff: async () => (await import("./initrd-diff.ts")).initrdDiff,
};

/** Runs the command and answers its exit code; undefined where yargs has to look at the words. */
export async function quick(argv: readonly string[], io: Io): Promise<number | undefined> {
	const [group, name = "", ...words] = argv;
	if (group !== "initrd" || !Object.hasOwn(quickCommands, name)) return undefined;
	const command = await quickCommands[name]?.();
	const args = command && parseQuick(command, words);
	return args && command.run(args as never, io);
}

/** What the tables of a command may say so that this parser understands them. */
const understood: ReadonlySet<string> = new Set(
	"type alias array nargs default choices demandOption describe".split(" "),
);

/** The arguments as yargs would hand them to the command, or undefined if there is any doubt. */
export function parseQuick(
	command: Command,
	words: readonly string[],
): Readonly<Record<string, unknown>> | undefined {
	const definitions = Object.entries(command.options);
	if (definitions.some(([, option]) => Object.keys(option).some((key) => !understood.has(key))))
		return undefined;
	// `-o=FILE` is FILE for yargs, `=FILE` for node:util.
	if (words.some((word) => /^-[^-].*=/.test(word))) return undefined;
	let parsed: ReturnType<typeof parse>;
	try {
		parsed = parse(command, words);
	} catch {
		return undefined;
	}
	const given = parsed.tokens.filter((token) => token.kind === "option").map((token) => token.name);
	const args: Record<string, unknown> = {};
	for (const [name, option] of definitions) {
		if (given.filter((each) => each === name).length > 1 && option.array !== true) {
			throw new EkexecError("usage", "CLI_USAGE", "option given twice", { field: `--${name}` });
		}
		const value = (parsed.values as Record<string, unknown>)[name] ?? option.default;
		if (value === undefined && option.demandOption !== undefined) return undefined;
		if (value !== undefined && option.choices?.includes(value as string) === false)
			return undefined;
		args[name] = value;
		args[name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())] = value;
	}
	return positionals(command, parsed.positionals, args) ? args : undefined;
}

function parse(command: Command, words: readonly string[]) {
	const options = Object.fromEntries(
		Object.entries(command.options).map(([name, option]) => [
			name,
			{
				type: option.type === "boolean" ? ("boolean" as const) : ("string" as const),
				multiple: option.array === true,
				...(typeof option.alias === "string" ? { short: option.alias } : {}),
			},
		]),
	);
	return parseArgs({
		args: [...words],
		options,
		allowPositionals: true,
		allowNegative: true,
		strict: true,
		tokens: true,
	});
}

/** Deals the words out to `<one> <each>`, `<many..>` and `[any..]`; false if the number does not fit. */
function positionals(
	command: Command,
	words: readonly string[],
	args: Record<string, unknown>,
): boolean {
	const rest = [...words];
	for (const slot of command.usage.split(" ").slice(2)) {
		const name = slot.replace(/^[<[]|(?:\.\.)?[>\]]$/g, "");
		const must = slot.startsWith("<");
		if (must && rest.length === 0) return false;
		if (slot.includes("..")) args[name] = rest.splice(0);
		else if (must) args[name] = rest.shift();
		else return false;
	}
	return rest.length === 0;
}
