import { type Command, command, type Io } from "./command.ts";

export const initrdDiff: Command = command({
	usage: "initrd diff <a> <b>",
	summary: "Compare what two initrds become; exit 1 if they differ, or one is damaged",
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
		const [a, b] = [await read(args.a, io), await read(args.b, io)];
		const changes = compareManifests(a.manifest, b.manifest);
		if (args.json) io.stdout.write(`${JSON.stringify({ changes }, undefined, "\t")}\n`);
		else io.stdout.write(changes.map((change) => `${showChange(change)}\n`).join(""));
		return changes.length === 0 && !a.lost && !b.lost ? 0 : 1;
	},
});

async function read(file: string, io: Io) {
	const { manifestOf, readRoot } = await import("../initrd/index.ts");
	const { Faults } = await import("./initrd-faults.ts");
	const { openInput } = await import("./initrd-io.ts");
	const faults = new Faults();
	const input = await openInput(file, io, "reading");
	try {
		const also = { fault: faults.take };
		const options = { where: input.where, digests: true, signal: io.signal, also };
		const { root } = await readRoot(input.chunks(), options);
		return { manifest: manifestOf(root), lost: faults.lost };
	} finally {
		await input.close();
		faults.tell(io);
	}
}
