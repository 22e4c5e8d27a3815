import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { EkexecError, showBytes, utf8 } from "../bytes/index.ts";
import { type Command, command } from "./command.ts";
import { reason } from "./show-error.ts";

export const netDiff: Command = command({
	usage: "net diff <before> <after>",
	summary: "What of one network is missing or changed in another (exit 1 if anything is)",
	positionals: {
		before: {
			type: "string",
			demandOption: true,
			describe: "JSON of ekexec net --json, or of --plan --json",
		},
		after: {
			type: "string",
			demandOption: true,
			describe: "The same of later, or of another host",
		},
	},
	options: {
		json: { type: "boolean", describe: "The differences as JSON" },
	},
	async run(args, io) {
		const { diffNetworks, parseNetwork } = await import("../network/index.ts");
		const read = async (path: string) => {
			try {
				return parseNetwork(await readFile(resolve(io.cwd, path), "utf8"), path);
			} catch (cause) {
				if (cause instanceof EkexecError) throw cause;
				throw new EkexecError("usage", "CLI_FILE", "the file cannot be read", {
					where: path,
					found: reason(cause),
					cause,
				});
			}
		};
		const differences = diffNetworks(await read(args.before), await read(args.after));
		if (args.json) io.stdout.write(`${JSON.stringify(differences, undefined, 2)}\n`);
		else {
			for (const { what, name, change, field, before, after } of differences) {
				const how =
					change === "missing"
						? "missing"
						: `${field} was ${JSON.stringify(before) ?? "not set"}, is ${JSON.stringify(after) ?? "not set"}`;
				// The files may come from anywhere: nothing in them drives the terminal.
				io.stdout.write(`${showBytes(utf8(`${what} ${name}: ${how}`))}\n`);
			}
		}
		return differences.length === 0 ? 0 : 1;
	},
});
