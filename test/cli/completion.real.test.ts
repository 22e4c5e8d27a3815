import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { find, missing } from "../support/programs.ts";

const folder = mkdtempSync(join(tmpdir(), "ekexec-completion-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const main = new URL("../../src/cli/main.ts", import.meta.url);
const loader = import.meta.resolve("tsx");
// A program of the name that the completion calls, since nothing is installed here.
writeFileSync(
	join(folder, "ekexec"),
	`#!${process.execPath}
const { spawnSync } = require("node:child_process");
const words = ["--import", ${JSON.stringify(loader)}, ${JSON.stringify(fileURLToPath(main))}];
process.exit(spawnSync(process.execPath, [...words, ...process.argv.slice(2)], { stdio: "inherit" }).status);
`,
	{ mode: 0o755 },
);

/** How each shell is asked for what it would offer behind these words, the last of which is begun. */
const shells = {
	bash: {
		argv: ["--norc", "--noprofile", "-c"],
		ask: (words: readonly string[]) => `source <(ekexec completion bash)
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length - 1}
_ekexec; printf '%s\\n' "\${COMPREPLY[@]}"`,
	},
	zsh: {
		argv: ["-f", "-c"],
		// What zsh's own completion would do with the result is to show it.
		ask: (words: readonly string[]) => `compdef() { }
_describe() { print -l -- "\${(@P)2}" }
source <(ekexec completion zsh)
words=(${words.map((word) => `'${word}'`).join(" ")}); _ekexec`,
	},
	fish: {
		argv: ["--no-config", "-c"],
		ask: (words: readonly string[]) => `ekexec completion fish | source
complete -C '${words.join(" ")}'`,
	},
} as const;

describe.each(["bash", "zsh", "fish"] as const)("completion for %s", (shell) => {
	const lacking = shell === "bash" ? "" : missing(shell);
	test.skipIf(lacking).each([
		[
			["ekexec", "image", ""],
			["build", "list", "inspect", "verify", "prune"],
		],
		[["ekexec", "host", "--tr"], ["--transport"]],
		[
			["ekexec", "host", "--transport", ""],
			["auto", "ssh2", "openssh"],
		],
	] as const)(`%j offers %j ${lacking}`, (words, expected) => {
		const { argv, ask } = shells[shell];
		const program = shell === "bash" ? "bash" : (find(shell) ?? shell);
		const env = { ...process.env, PATH: `${folder}:${process.env.PATH}`, SHELL: `/bin/${shell}` };
		const output = execFileSync(program, [...argv, ask(words)], {
			cwd: folder,
			env,
			encoding: "utf8",
			timeout: 60_000,
		});
		// zsh and fish get descriptions behind the words; fish offers files of the folder as well.
		const offered = output.split("\n").map((line) => line.split(/[:\t]/, 1)[0]);
		expect(offered).toEqual(expect.arrayContaining([...expected]));
	});
});
