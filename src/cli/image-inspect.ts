import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { printable } from "../bytes/index.ts";
import { type Command, command } from "./command.ts";
import { wholeNumber } from "./number.ts";
import { showSize } from "./progress.ts";

export const imageInspect: Command = command({
	usage: "image inspect <image>",
	summary: "Show what an image is made of: layers, packages, largest files, modules",
	positionals: {
		image: { type: "string", demandOption: true, describe: "Image directory or tarball" },
	},
	options: {
		top: { type: "number", default: 20, describe: "How many packages and files to list" },
		modules: { type: "boolean", default: false, describe: "List the kernel modules, too" },
		html: { type: "string", describe: "Write a page with a map of all sizes to this file" },
		json: { type: "boolean", default: false, describe: "Print everything as one JSON object" },
	},
	examples: [["ekexec image inspect IMAGE --html sizes.html", "A treemap to look at in a browser"]],
	async run(args, io) {
		const top = wholeNumber("--top", args.top);
		const { importImage, inspectImage, treemapPage } = await import("../image/index.ts");
		const image = await importImage(resolve(io.cwd, args.image), { signal: io.signal });
		const found = await inspectImage(image);
		if (args.html !== undefined) await writeFile(resolve(io.cwd, args.html), treemapPage(found));
		if (args.json) {
			io.stdout.write(`${JSON.stringify(found)}\n`);
			return 0;
		}
		const lines = [
			`${found.name}, ${found.architecture}, Linux ${found.release}, identity adapter ${found.adapter}`,
			`command line: ${found.commandLine}`,
			"",
			row(["layer", "packed", "unpacked", "in memory", "entries"]),
			row(["kernel", showSize(found.kernel), "", "", ""]),
			...found.layers.map((layer) =>
				row([
					layer.name,
					showSize(layer.packed),
					showSize(layer.unpacked),
					showSize(layer.memory),
					String(layer.entries),
				]),
			),
			row(["total", showSize(found.packed), "", showSize(found.memory), ""]),
			`without firmware: ${showSize(found.packedWithoutFirmware)}`,
			"",
			...found.packages
				.slice(0, top)
				.map(
					(one) => `${showSize(one.size).padStart(8)}  ${one.layer}: ${one.name} ${one.version}`,
				),
			"",
			...found.files
				.slice(0, top)
				.map((file) => `${showSize(file.size).padStart(8)}  ${file.layer}: ${file.path}`),
			"",
			`${found.modules.length} kernel modules${args.modules ? ":" : ""}`,
			...(args.modules ? found.modules : []),
		];
		io.stdout.write(`${printable(lines.join("\n"))}\n`);
		return 0;
	},
});

function row([name = "", ...cells]: readonly string[]): string {
	return name.padEnd(10) + cells.map((cell) => cell.padStart(11)).join("");
}
