import { type Command, command } from "./command.ts";

export const initrdCat: Command = command({
	usage: "initrd cat <file> <path>",
	summary: "Print a file of an initrd",
	positionals: {
		file: { type: "string", demandOption: true, describe: "Initrd, - for standard input" },
		path: {
			type: "string",
			demandOption: true,
			describe: "File in it, as a kernel would see it: the last of that name",
		},
	},
	options: {},
	examples: [
		["ekexec initrd cat /boot/initrd.img etc/fstab", "Symlinks are followed within the initrd"],
	],
	async run(args, io) {
		const { readContent } = await import("../initrd/index.ts");
		const { openInput, writeAll } = await import("./initrd-io.ts");
		const input = await openInput(args.file, io, "reading", true);
		try {
			const options = { where: input.where, signal: io.signal };
			const write = (bytes: Uint8Array) => writeAll(io.stdout, bytes);
			await readContent(() => input.chunks(false), Buffer.from(args.path), write, options);
			return 0;
		} finally {
			await input.close();
		}
	},
});
