import { type Command, command } from "./command.ts";

export const initrdCat: Command = command({
	usage: "initrd cat <file> <path>",
	summary: "Print a file of an initrd",
	positionals: {
		file: { type: "string", demandOption: true, describe: "Initrd, - for standard input" },
		path: {
			type: "string",
			demandOption: true,
			describe:
				"File in it, as a kernel would see it: the last of that name. A byte may be written as list shows it, \\xNN",
		},
	},
	options: {},
	examples: [
		["ekexec initrd cat /boot/initrd.img etc/fstab", "Symlinks are followed within the initrd"],
	],
	async run(args, io) {
		const { EkexecError, parseShown } = await import("../bytes/index.ts");
		const { readContent } = await import("../initrd/index.ts");
		const { Faults } = await import("./initrd-faults.ts");
		const { openInput, writeAll } = await import("./initrd-io.ts");
		const { unusable } = await import("./initrd-usage.ts");
		if (args.path === "") throw unusable("path", "the path of a file in the initrd", "");
		const input = await openInput(args.file, io, "reading", true);
		const faults = new Faults();
		const print = async (path: Uint8Array, onFault: typeof faults.take) => {
			const options = { where: input.where, signal: io.signal, onFault };
			const write = (bytes: Uint8Array) => writeAll(io.stdout, bytes);
			await readContent(() => input.chunks(false), path, write, options);
		};
		try {
			try {
				await print(Buffer.from(args.path), faults.take);
			} catch (error) {
				// systemd's units have `\x2d` in their very names: what is there as it stands comes first.
				const shown = Buffer.from(parseShown(args.path));
				const missing = error instanceof EkexecError && error.code === "INITRD_NO_ENTRY";
				if (!missing || shown.equals(Buffer.from(args.path))) throw error;
				// What is wrong with it is known by now.
				await print(shown, () => {});
			}
			return faults.lost ? 1 : 0;
		} finally {
			await input.close();
			faults.tell(io);
		}
	},
});
