import { type Command, command } from "./command.ts";

/** What each shell has to be told so that it asks ekexec itself (yargs answers `--get-yargs-completions`). */
const scripts = {
	bash: `_ekexec() {
	local IFS=$'\\n'
	COMPREPLY=($(compgen -W "$(ekexec --get-yargs-completions "\${COMP_WORDS[@]}")" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _ekexec ekexec
`,
	zsh: `#compdef ekexec
_ekexec() {
	local -a found
	found=("\${(@f)$(ekexec --get-yargs-completions "\${words[@]}")}")
	_describe 'values' found
}
compdef _ekexec ekexec
`,
	fish: `function __ekexec
	ekexec --get-yargs-completions (commandline -opc) (commandline -ct)
end
complete -c ekexec -a '(__ekexec)'
`,
} as const;

export const completion: Command = command({
	usage: "completion <shell>",
	summary: "Print what a shell needs to complete ekexec's commands",
	positionals: {
		shell: {
			choices: ["bash", "zsh", "fish"] as const,
			demandOption: true,
			describe: "Which shell",
		},
	},
	options: {},
	examples: [
		["ekexec completion bash >> ~/.bashrc", "For the next shell"],
		["ekexec completion fish > ~/.config/fish/completions/ekexec.fish", "The same for fish"],
	],
	async run(args, io) {
		io.stdout.write(scripts[args.shell]);
		return 0;
	},
});
