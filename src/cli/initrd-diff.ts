import { type Command, command, type Io } from "./command.ts";

export const initrdDiff: Command = command({
	usage: "initrd diff <a> <b>",
	summary: "Compare what two initrds become; exit 1 if they differ",
	positionals: {
		a: { type: "string", demandOption: true, describe: "Initrd before, - for standard input" },
		b: { type: "string", demandOption: true, describe: "Initrd after, - for standard input" },
	},
	options: {
		json: { type: "boolean", default: false, describe: "The differences as JSON" },
	},
	examples: [
		[
			"ekexec initrd diff old.img new.img",
			"Types, modes, owners, contents, targets; not times and order",
		],
	],
	async run(args, io) {
		const { compareManifests } = await import("../initrd/index.ts");
		const { showChange } = await import("./initrd-output.ts");
		const { unusable } = await import("./initrd-usage.ts");
		if (args.a === "-" && args.b === "-")
			throw unusable("b", "a file, as standard input can be read once", "- for both");
		const changes = compareManifests(await manifest(args.a, io), await manifest(args.b, io));
		if (args.json) io.stdout.write(`${JSON.stringify({ changes }, undefined, "\t")}\n`);
		else io.stdout.write(changes.map((change) => `${showChange(change)}\n`).join(""));
		return changes.length === 0 ? 0 : 1;
	},
});

async function manifest(file: string, io: Io) {
	const { manifestOf, readRoot } = await import("../initrd/index.ts");
	const { openInput } = await import("./initrd-io.ts");
	const input = await openInput(file, io, "reading");
	try {
		const options = { where: input.where, digests: true, signal: io.signal };
		return manifestOf((await readRoot(input.chunks(), options)).root);
	} finally {
		await input.close();
	}
}
