// npm run bench [NAME…] [--rounds N] [--dry]
// Runs the benchmarks of these rooms (all unless told) and writes their tables to bench/README.md; --dry only prints.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Benchmark, type Frame, measure, type Record_, type Table } from "./frame/frame.ts";
import { publish, show } from "./frame/report.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "..");

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { rounds: { type: "string" }, dry: { type: "boolean", default: false } },
});

async function find(): Promise<readonly Benchmark[]> {
	const found: Benchmark[] = [];
	for (const file of readdirSync(here).sort()) {
		if (!file.endsWith(".ts") || file === "run.ts") continue;
		const module = (await import(join(here, file))) as { benchmarks?: readonly Benchmark[] };
		if (module.benchmarks === undefined) throw new Error(`bench/${file} exports no benchmarks`);
		found.push(...module.benchmarks);
	}
	return found;
}

/** Memory, if there are four gigabytes of it to be had: a disk's moods are not what is measured. */
function scratchParent(): string {
	try {
		const { bavail, bsize } = statfsSync("/dev/shm");
		if (bavail * bsize > 4 * 2 ** 30) return "/dev/shm";
	} catch {
		// No such folder outside Linux.
	}
	return tmpdir();
}

const all = await find();
const chosen =
	positionals.length === 0
		? all
		: all.filter(({ name }) => positionals.some((p) => name === p || name.startsWith(`${p}/`)));
if (chosen.length === 0) {
	console.error(`no such benchmark; there are ${all.map(({ name }) => name).join(", ")}`);
	process.exit(2);
}
execFileSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: ["ignore", 2, 2] });

for (const benchmark of chosen) {
	const scratch = mkdtempSync(join(scratchParent(), "ekexec-bench-"));
	const tables: (Table | Record_)[] = [];
	const frame: Frame = {
		scratch,
		ekexec: [process.execPath, join(root, "dist/cli/main.js")],
		say: (text) => console.error(text),
		record(title, text) {
			tables.push({ title, text });
			console.log(`${show({ title, text })}\n`);
		},
		async compare(title, contestants, options = {}) {
			const rounds = values.rounds === undefined ? options.rounds : Number(values.rounds);
			const table = await measure(title, contestants, {
				...options,
				...(rounds === undefined ? {} : { rounds }),
			});
			tables.push(table);
			console.log(`${show(table)}\n`);
		},
	};
	try {
		console.error(`${benchmark.name} …`);
		await benchmark.run(frame);
		if (!values.dry) {
			publish(benchmark.name, tables, new Date());
			execFileSync("npx", ["biome", "format", "--write", "bench/README.md"], {
				cwd: root,
				stdio: ["ignore", "ignore", 2],
			});
		}
	} finally {
		rmSync(scratch, { recursive: true, force: true });
	}
}
