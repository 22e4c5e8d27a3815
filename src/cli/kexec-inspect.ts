import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { EkexecError, printable } from "../bytes/index.ts";
import type { KernelImage } from "../kexec/index.ts";
import { type Command, command } from "./command.ts";
import { reason } from "./show-error.ts";

export const kexecInspect: Command = command({
	usage: "kexec inspect <file>",
	summary: "Show what the headers of a kernel say, and whether it can be loaded by kexec",
	positionals: {
		file: {
			type: "string",
			demandOption: true,
			describe: "Kernel: bzImage, arm64 Image, zboot or gzip",
		},
	},
	options: {
		json: { type: "boolean", default: false, describe: "Print one JSON object" },
	},
	examples: [
		["ekexec kexec inspect /boot/vmlinuz", "Version, boot protocol, addresses, signature"],
	],
	async run(args, io) {
		const { readKernelImage } = await import("../kexec/index.ts");
		let bytes: Uint8Array;
		try {
			bytes = new Uint8Array(await readFile(resolve(io.cwd, args.file)));
		} catch (cause) {
			throw new EkexecError("usage", "CLI_FILE", "the file cannot be read", {
				where: args.file,
				found: reason(cause),
				cause,
			});
		}
		const image = readKernelImage(bytes, args.file);
		if (args.json) io.stdout.write(`${JSON.stringify(image)}\n`);
		else
			for (const [name, value] of rows(image))
				io.stdout.write(`${name.padEnd(18)}${printable(value)}\n`);
		return 0;
	},
});

const hex = (value: number) => `0x${value.toString(16)}`;
const yes = (value: boolean) => (value ? "yes" : "no");

/** Every fact of the headers, a row each. */
function rows(image: KernelImage): [string, string][] {
	const signed = image.signature === undefined ? "none" : `by ${image.signature.names.join(", ")}`;
	return [
		["format", image.format],
		...own(image),
		["EFI program", yes(image.efi)],
		["signature", signed],
	];
}

function own(image: KernelImage): [string, string][] {
	switch (image.format) {
		case "bzImage":
			return [
				["architecture", image.architecture],
				["version", image.version],
				["release", image.release],
				["boot protocol", `${Math.floor(image.protocol / 256)}.${image.protocol % 256}`],
				["64-bit entry", yes(image.flags.kernel64)],
				["relocatable", yes(image.relocatable)],
				["above 4 GiB", yes(image.flags.above4G)],
				["EFI kexec", yes(image.flags.efiKexec)],
				["five-level paging", yes(image.flags.fiveLevels)],
				["preferred address", hex(image.preferredAddress)],
				["alignment", hex(image.alignment)],
				["memory to start", `${image.initSize} bytes`],
				["command line", `at most ${image.commandLineSize} bytes`],
				["initrd below", hex(image.initrdMax)],
				["setup", `${image.setupSize} bytes`],
				[
					"payload",
					`${image.payload.compression}, ${image.payload.size} bytes at ${image.payload.offset}`,
				],
			];
		case "Image":
			return [
				["architecture", image.architecture],
				["version", image.version],
				["release", image.release],
				["byte order", `${image.endian}-endian`],
				["page size", image.pageSize === undefined ? "not said" : `${image.pageSize} KiB`],
				["text offset", hex(image.textOffset)],
				["memory", `${image.imageSize} bytes`],
				["placement", image.anywhere ? "anywhere" : "near the start of memory"],
			];
		case "zboot":
			return [
				["wrapping", `EFI zboot, ${image.compression}; must be unwrapped for kexec`],
				["payload", `${image.payload.size} bytes at ${image.payload.offset}`],
			];
		case "gzip":
			return [["wrapping", "gzip; must be unwrapped for kexec"]];
	}
}
