// npm run manual
// Writes the part of the manual page that tells of every command and option from the commands' own tables; a test of the
// house holds the page against them.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Options, PositionalOptions } from "yargs";
import type { Command } from "../../src/cli/command.ts";
import { commands } from "../../src/cli/commands.ts";
import { planOptions } from "../../src/cli/host-options.ts";
import { sshOptions } from "../../src/cli/ssh-options.ts";

export const page: URL = new URL("../../src/cli/ekexec.1", import.meta.url);

const [open, close] = [
	'.\\" Commands and options: npm run manual',
	'.\\" End of commands and options',
];

type Table = Readonly<Record<string, Options>>;

/** Text as roff takes it: nothing of it is a request or an escape, a hyphen stays one that can be copied, all is ASCII. */
function roff(text: string): string {
	return text
		.replaceAll("\\", "\\e")
		.replaceAll("-", "\\-")
		.replaceAll("…", "\\[u2026]")
		.replace(/^([.'])/gm, "\\&$1");
}

function entry(name: string, option: Options): string {
	const alias = typeof option.alias === "string" ? `, \\-${option.alias}` : "";
	const value =
		option.choices !== undefined
			? ` " ${option.choices.join("|")}"`
			: option.type === "boolean"
				? ""
				: ` " VALUE"`;
	const said: string[] = [option.describe ?? ""];
	if (option.array) said.push("May be given several times");
	if (option.demandOption) said.push("Required");
	const usual = option.default;
	if (
		typeof usual === "string" ||
		typeof usual === "number" ||
		(usual === true && !option.describe?.includes("--no-"))
	) {
		said.push(usual === true ? `On unless \\-\\-no\\-${roff(name)}` : `Default: ${usual}`);
	}
	const lead = option.type === "boolean" && value === "" ? ".B" : ".BR";
	const flag = `\\-\\-${roff(name)}${alias}`;
	return [`.TP`, `${lead} "${flag}"${value}`, `${said.map(sentence).join(" ")}`].join("\n");
}

function sentence(text: string): string {
	const ready = /\\-/.test(text) ? text : roff(text);
	return /[.?!]$/.test(ready) ? ready : `${ready}.`;
}

/** Whether a command has this whole table among its options: then it is told of once, for all. */
function has(command: Command, table: Table): boolean {
	return Object.entries(table).every(([name, option]) => command.options[name] === option);
}

const shared = [
	{ title: "Options of every login", table: sshOptions as Table },
	{ title: "Options of every plan", table: planOptions as Table },
];

function about(command: Command): string[] {
	const lines = [
		`.SS "ekexec ${roff(command.usage.replace(" $0", ""))}"`,
		sentence(command.summary),
	];
	for (const [name, positional] of Object.entries(command.positionals)) {
		const { describe = "", choices } = positional as PositionalOptions & { choices?: string[] };
		lines.push(
			".TP",
			`.I ${roff(name)}`,
			sentence(choices ? `${describe}: ${choices.join(", ")}` : describe),
		);
	}
	const tables = shared.filter(({ table }) => has(command, table));
	for (const [name, option] of Object.entries(command.options)) {
		if (!tables.some(({ table }) => name in table)) lines.push(entry(name, option));
	}
	if (tables.length > 0) {
		lines.push(
			".PP",
			`And the ${tables.map(({ title }) => title.toLowerCase()).join(" and the ")}, above.`,
		);
	}
	return lines;
}

/** The page with this part as the tables have it now. */
export function withCommands(text: string): string {
	const from = text.indexOf(open);
	const to = text.indexOf(close);
	if (from < 0 || to < from) throw new Error("the manual page has no place for the commands");
	const lines = [open, ".SH COMMANDS"];
	for (const { title, table } of shared) {
		lines.push(`.SS "${title}"`);
		for (const [name, option] of Object.entries(table)) lines.push(entry(name, option));
	}
	for (const command of commands) lines.push(...about(command));
	return `${text.slice(0, from)}${lines.join("\n")}\n${text.slice(to)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	writeFileSync(page, withCommands(readFileSync(page, "utf8")));
}
