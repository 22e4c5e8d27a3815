import { type Command, command } from "./command.ts";
import { wholeNumber } from "./number.ts";
import { showSize } from "./progress.ts";

export const imagePrune: Command = command({
	usage: "image prune",
	summary:
		"Remove old images from the cache, what only they were made from, and what is long unused",
	positionals: {},
	options: {
		keep: {
			type: "number",
			default: 1,
			describe:
				"Images to keep of each kind (release, architecture, any machine or one), the newest",
		},
		packages: {
			type: "boolean",
			default: false,
			describe:
				"All packages, lists of packages and unpacked tools, too; else those unused for 30 days",
		},
		"dry-run": { type: "boolean", default: false, describe: "Only say what would go" },
		json: { type: "boolean", default: false, describe: "Print one JSON object" },
	},
	async run(args, io) {
		const { cacheFolder } = await import("../debian/index.ts");
		const { pruneCache } = await import("../image/index.ts");
		const pruned = await pruneCache({
			cache: cacheFolder(io.env),
			keep: wholeNumber("--keep", args.keep),
			packages: args.packages,
			dryRun: args["dry-run"],
		});
		if (args.json) io.stdout.write(`${JSON.stringify(pruned)}\n`);
		else {
			for (const path of pruned.removed) io.stdout.write(`${path}\n`);
			io.stderr.write(`${args["dry-run"] ? "would free" : "freed"} ${showSize(pruned.freed)}\n`);
		}
		return 0;
	},
});
