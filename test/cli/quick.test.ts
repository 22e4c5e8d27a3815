import { describe, expect, test } from "vitest";
import yargs from "yargs";
import type { Command } from "../../src/cli/command.ts";
import { commands } from "../../src/cli/commands.ts";
import { parseQuick } from "../../src/cli/quick.ts";

/** The command's arguments as yargs hands them over, without what only yargs adds. */
async function byYargs(
	command: Command,
	words: readonly string[],
): Promise<Record<string, unknown>> {
	let found: Record<string, unknown> = {};
	await yargs()
		.command(
			command.usage.replace(/^initrd /, ""),
			"",
			(sub) => {
				for (const [name, slot] of Object.entries(command.positionals)) sub.positional(name, slot);
				return sub.options(command.options);
			},
			(args) => {
				found = args as Record<string, unknown>;
			},
		)
		.strict()
		.parserConfiguration({ "parse-numbers": false, "parse-positional-numbers": false })
		.exitProcess(false)
		.fail((message) => {
			throw new Error(message);
		})
		.parseAsync([command.usage.split(" ")[1] ?? "", ...words]);
	return found;
}

const named = (name: string) =>
	commands.find(({ usage }) => usage.startsWith(`initrd ${name} `)) as Command;

/** Keys that a command declares, in both spellings. */
function declared(command: Command): string[] {
	const names = [...Object.keys(command.options), ...Object.keys(command.positionals)];
	return [
		...new Set(
			names.flatMap((name) => [name, name.replace(/-(.)/g, (_, c: string) => c.toUpperCase())]),
		),
	];
}

describe("plain command lines mean the same without yargs", () => {
	test.each<[string, string[]]>([
		["pack", ["tree", "-o", "out"]],
		[
			"pack",
			["a", "b.json", "--output", "-", "--compress", "xz", "-l", "9", "--mtime", "5", "--preserve"],
		],
		[
			"pack",
			[
				"-o",
				"out",
				"--microcode",
				"i",
				"--microcode",
				"a",
				"tree",
				"--no-preserve",
				"--append-to=x=y",
			],
		],
		["pack", ["007", "-o", "8", "--align", "4096", "--format", "crc", "--json"]],
		["list", ["f"]],
		["list", ["f", "--long", "--json", "-0"]],
		["list", ["f", "-sl"]],
		["extract", ["f", "-C", "d"]],
		["extract", ["f", "etc/*", "--directory", "d", "lib", "-p", "--overwrite"]],
		["cat", ["f", "etc/x y"]],
		["verify", ["f", "--no-init", "--write-manifest", "-", "--sha256", "00"]],
		["diff", ["a", "b", "--json"]],
	])("%s %j", async (name, words) => {
		const command = named(name);
		const expected = await byYargs(command, words);
		const found = parseQuick(command, words);
		const pick = (args: Readonly<Record<string, unknown>> | undefined) =>
			declared(command).map((key) => [key, args?.[key]]);
		expect(found).toBeDefined();
		expect(pick(found)).toEqual(pick(expected));
	});
});

describe("anything else is left to yargs", () => {
	test.each<[string, string[]]>([
		["pack", []],
		["pack", ["tree"]],
		["pack", ["-o", "out"]],
		["pack", ["tree", "-o", "out", "--compress", "lzip"]],
		["pack", ["tree", "-o=out"]],
		["pack", ["tree", "-o", "out", "--unknown"]],
		["pack", ["tree", "-o", "out", "--help"]],
		["pack", ["tree", "-o", "out", "--preserve=false"]],
		["list", ["-h"]],
		["list", ["--version"]],
		["list", ["a", "b"]],
		["cat", ["a"]],
		["diff", ["a", "b", "c"]],
	])("%s %j", (name, words) => {
		expect(parseQuick(named(name), words)).toBeUndefined();
	});
});

test("a lone dash is the standard input or output", () => {
	expect(parseQuick(named("list"), ["-", "-l"])).toMatchObject({ file: "-", long: true });
	expect(parseQuick(named("pack"), ["a", "-", "-o", "-"])).toMatchObject({
		source: ["a", "-"],
		output: "-",
	});
});

test("what follows two dashes is a name", () => {
	expect(parseQuick(named("cat"), ["f", "--", "--help"])).toMatchObject({
		file: "f",
		path: "--help",
	});
});

test("an option given twice is refused", () => {
	expect(() => parseQuick(named("pack"), ["t", "-o", "a", "-o", "b"])).toThrow(
		"field --output: option given twice",
	);
});
