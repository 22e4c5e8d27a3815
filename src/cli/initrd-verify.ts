import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { EkexecError } from "../bytes/index.ts";
import { type Command, command, type Io } from "./command.ts";

export const initrdVerify: Command = command({
	usage: "initrd verify <file>",
	summary: "Check all that a kernel would trip over; exit 1 if anything is wrong",
	positionals: {
		file: { type: "string", demandOption: true, describe: "Initrd, - for standard input" },
	},
	options: {
		manifest: { type: "string", describe: "What must be in it: a JSON file from --write-manifest" },
		sha256: { type: "string", describe: "What the SHA-256 of the whole file must be" },
		"write-manifest": {
			nargs: 1,
			type: "string",
			describe: "Write what is in it to this JSON file, - for standard output",
		},
		init: {
			type: "boolean",
			default: true,
			describe: "There must be an executable /init (--no-init for a layer)",
		},
		json: { type: "boolean", default: false, describe: "The findings as JSON" },
	},
	examples: [
		["ekexec initrd verify initrd.img", "Before a kernel stumbles in the dark"],
		["ekexec initrd verify initrd.img --write-manifest m.json", "Keep what is right"],
		["ekexec initrd verify initrd.img --manifest m.json", "Compare with it later"],
	],
	async run(args, io) {
		const { asManifest, verifyInitrd } = await import("../initrd/index.ts");
		const { openInput } = await import("./initrd-io.ts");
		const { showChange, showProblem } = await import("./initrd-output.ts");
		if (args.sha256 !== undefined && !/^[0-9a-fA-F]{64}$/.test(args.sha256)) {
			throw new EkexecError("usage", "INITRD_OPTION", "cannot be used", {
				field: "--sha256",
				expected: "64 hexadecimal digits",
				found: args.sha256,
			});
		}
		const manifest =
			args.manifest === undefined
				? undefined
				: asManifest(await readJson(args.manifest, io), args.manifest);
		const input = await openInput(args.file, io, "verifying");
		try {
			const result = await verifyInitrd(input.chunks(), {
				where: input.where,
				init: args.init,
				digests: manifest !== undefined || args["write-manifest"] !== undefined,
				signal: io.signal,
				...(manifest === undefined ? {} : { manifest }),
				...(args.sha256 === undefined ? {} : { sha256: args.sha256 }),
			});
			const { found, segments, ...told } = result;
			const { ok, problems, omitted, changes } = result;
			const target = args["write-manifest"];
			const print = (text: string) => io[target === "-" ? "stderr" : "stdout"].write(text);
			if (args.json) {
				const plain = segments.map(({ head: _, ...segment }) => segment);
				print(`${JSON.stringify({ ...told, segments: plain }, undefined, "\t")}\n`);
			} else {
				for (const problem of problems) print(`${showProblem(problem)}\n`);
				if (omitted > 0) print(`and ${omitted} more\n`);
				for (const change of changes) print(`${showChange(change)}\n`);
				if (ok)
					print(
						`ok: ${segments.length} segments, ${found.entries.length} names, SHA-256 ${result.sha256}\n`,
					);
			}
			if (target !== undefined && ok) {
				const json = `${JSON.stringify(found, undefined, "\t")}\n`;
				if (target === "-") io.stdout.write(json);
				else await writeFile(resolve(io.cwd, target), json);
			}
			return ok ? 0 : 1;
		} finally {
			await input.close();
		}
	},
});

async function readJson(file: string, io: Io): Promise<unknown> {
	try {
		return JSON.parse(await readFile(resolve(io.cwd, file), "utf8"));
	} catch (error) {
		const why =
			error instanceof SyntaxError
				? `not JSON: ${error.message}`
				: `cannot read: ${(error as NodeJS.ErrnoException).code}`;
		throw new EkexecError("usage", "INITRD_MANIFEST", why, { where: file, cause: error });
	}
}
