// npm run bench [NAME…] [--rounds N] [--dry]
// Runs the benchmarks of these rooms (all unless told) and writes their tables to bench/README.md; --dry only prints.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
	type Benchmark,
	type Frame,
	LeftOut,
	measure,
	type Record_,
	type Table,
} from "./frame/frame.ts";
import { endAll } from "./frame/process.ts";
import { countedBy } from "./frame/processor.ts";
import { lost, publish, show } from "./frame/report.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "..");

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { rounds: { type: "string" }, dry: { type: "boolean", default: false } },
});
if (values.rounds !== undefined && !/^[1-9]\d{0,3}$/.test(values.rounds)) {
	console.error(`--rounds: expected a number from 1 to 9999, found ${values.rounds}`);
	process.exit(2);
}
const told = values.rounds === undefined ? {} : { rounds: Number(values.rounds) };

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

/** What statfs(2) says of a file system that is memory. */
const tmpfs = 0x01021994;

/** What a folder is on, in words. */
function place(folder: string): string {
	return statfsSync(folder).type === tmpfs ? "memory (tmpfs)" : `a disk (${folder})`;
}

let scratch: string | undefined;

function removeScratch(): void {
	if (scratch === undefined) return;
	// Whoever was just killed may still finish a write.
	rmSync(scratch, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
	scratch = undefined;
}

let stopping: Promise<never> | undefined;

/** Nothing is published, nothing remains: the scratch folder may be a quarter of a gigabyte of memory. */
async function stop(status: number): Promise<never> {
	await endAll();
	try {
		removeScratch();
	} finally {
		// QEMU and namespaces hear of this by Node's `exit` event, or by our death.
		process.exit(status);
	}
}

for (const [signal, status] of Object.entries({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 })) {
	process.on(signal, () => {
		stopping ??= stop(status);
	});
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

async function perform(benchmark: Benchmark): Promise<void> {
	const parent = scratchParent();
	const folder = mkdtempSync(join(parent, "ekexec-bench-"));
	scratch = folder;
	const load = loadavg()[0] ?? 0;
	const tables: (Table | Record_)[] = [];
	const frame: Frame = {
		scratch: folder,
		ekexec: [process.execPath, join(root, "dist/cli/main.js")],
		say: (text) => console.error(text),
		record(title, text) {
			tables.push({ title, text });
			console.log(`${show({ title, text })}\n`);
		},
		leaveOut(reason) {
			throw new LeftOut(reason);
		},
		async compare(title, contestants, options = {}) {
			const table = await measure(title, contestants, { ...options, ...told });
			tables.push(table);
			console.log(`${show(table)}\n`);
		},
	};
	console.error(`${benchmark.name} …`);
	await benchmark.run(frame);
	if (stopping !== undefined) await stopping;
	if (values.dry) return;
	const without = lost(benchmark.name, tables);
	if (without.length > 0) {
		console.error(
			`${benchmark.name}: not published, these have figures there and none here (to do without them, delete ` +
				`the section): ${without.join("; ")}`,
		);
		return;
	}
	const counted = tables.some((table) => "rows" in table && table.processes)
		? countedBy()
		: undefined;
	publish(benchmark.name, tables, { now: new Date(), load, place: place(parent), counted });
	execFileSync("npx", ["biome", "format", "--write", "bench/README.md"], {
		cwd: root,
		stdio: ["ignore", "ignore", 2],
	});
}

for (const benchmark of chosen) {
	try {
		await perform(benchmark);
	} catch (error) {
		// Whoever was ended by the signal has failed, too.
		if (stopping !== undefined) await stopping;
		if (!(error instanceof LeftOut)) throw error;
		console.error(`${benchmark.name}: left out, what is published stays: ${error.message}`);
	} finally {
		removeScratch();
	}
}
