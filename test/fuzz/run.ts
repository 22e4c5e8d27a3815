// npm run fuzz [MINUTES] [TARGET…] [--seed N]
// Attacks each target for that many minutes (1 unless told), two at a time. Findings go to .cache/fuzz/.
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { corpusOf, type FuzzTarget, findTargets, inputOf } from "./frame/target.ts";

/** An input that takes longer is a hang. (A busy machine is no finding: parsers here take milliseconds.) */
const hangMs = 20_000;
/** Loading the modules takes at most this long. */
const startMs = 120_000;
/** What stands in the place of an input's number until the first begins. */
const notYet = Buffer.alloc(8, 0xff);
/** More findings than this from one target: it is broken, not fuzzed. */
const maxFindings = 10;
const findings = fileURLToPath(new URL("../../.cache/fuzz/", import.meta.url));
const child = fileURLToPath(new URL("./frame/child.ts", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "ekexec-fuzz-"));

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { seed: { type: "string" } },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed);
const [head, ...others] = positionals;
const minutes = head !== undefined && /^[\d.]+$/.test(head) ? Number(head) : 1;
const names = head !== undefined && /^[\d.]+$/.test(head) ? others : positionals;

const all = await findTargets();
const chosen =
	names.length === 0
		? all
		: all.filter(({ name }) => names.some((n) => name === n || name.startsWith(`${n}/`)));
if (chosen.length === 0) {
	console.error(`no such target; there are ${all.map(({ name }) => name).join(", ")}`);
	process.exit(2);
}
console.log(`seed ${seed}, ${minutes} min each: ${chosen.map(({ name }) => name).join(", ")}`);

let found = 0;
const queue = [...chosen];
const lane = async () => {
	for (let target = queue.shift(); target !== undefined; target = queue.shift()) {
		found += await attack(target);
	}
};
try {
	await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, lane));
} finally {
	rmSync(scratch, { recursive: true, force: true });
}
console.log(found === 0 ? "nothing found" : `${found} findings, see .cache/fuzz/`);
process.exitCode = found === 0 ? 0 : 1;

async function attack(target: FuzzTarget): Promise<number> {
	const until = Date.now() + minutes * 60_000;
	const place = join(scratch, target.name.replaceAll("/", "-"));
	let first = 0;
	let count = 0;
	let peak = 0;
	while (Date.now() < until && count < maxFindings) {
		writeFileSync(place, notYet);
		const outcome = await watch(target, first, place, until);
		peak = Math.max(peak, outcome.peak);
		const current = readFileSync(place);
		if (current.equals(notYet)) {
			if (outcome.reason === undefined) break;
			throw new Error(`${target.name} did not start: ${outcome.reason}`);
		}
		const at = Number(current.readBigUInt64LE(0));
		if (outcome.reason !== undefined) {
			count += 1;
			save(target, at, outcome.reason);
		}
		first = at + 1;
	}
	console.log(`${target.name}: ${first} inputs, ${count} findings, at most ${peak} MiB`);
	return count;
}

/** Runs one process until time is up (no reason) or something is wrong (the reason). */
function watch(
	target: FuzzTarget,
	first: number,
	place: string,
	until: number,
): Promise<{ reason: string | undefined; peak: number }> {
	const limit = target.memory ?? 768;
	const process_ = spawn(
		process.execPath,
		[
			"--import",
			"tsx",
			`--max-old-space-size=${limit}`,
			child,
			target.name,
			String(seed),
			String(first),
			place,
		],
		{ stdio: ["ignore", "ignore", "pipe"] },
	);
	let reason: string | undefined;
	let stopped = false;
	let told = "";
	let peak = 0;
	let last = "";
	let since = Date.now();
	process_.stderr.on("data", (text: Buffer) => {
		told = (told + text.toString()).slice(-4000);
	});
	const stop = (why?: string) => {
		reason ??= why;
		stopped = true;
		process_.kill("SIGKILL");
	};
	const timer = setInterval(() => {
		const now = Date.now();
		const bytes = readFileSync(place);
		const current = bytes.toString("hex");
		const allowed = bytes.equals(notYet) ? startMs : hangMs;
		if (current !== last) {
			last = current;
			since = now;
		} else if (now - since > allowed) stop(`no answer within ${allowed} ms`);
		const memory = residentMiB(process_);
		peak = Math.max(peak, memory);
		if (memory > limit) stop(`${memory} MiB of memory, allowed are ${limit}`);
		if (now >= until) stop();
	}, 200);
	return new Promise((resolve) => {
		process_.on("close", (code, signal) => {
			clearInterval(timer);
			if (!stopped) reason = told.trim() || `ended with ${signal ?? code}`;
			resolve({ reason, peak });
		});
	});
}

function residentMiB(of: ChildProcess): number {
	try {
		const pages = Number(readFileSync(`/proc/${of.pid}/statm`, "utf8").split(" ")[1]);
		return Math.round((pages * 4096) / 2 ** 20);
	} catch {
		// Already gone, or no Linux: the heap's own limit remains.
		return 0;
	}
}

function save(target: FuzzTarget, n: number, reason: string): void {
	const { input } = inputOf(target, corpusOf(target), seed, n);
	const digest = createHash("sha256").update(input).digest("hex").slice(0, 12);
	const name = `${target.name.replaceAll("/", "-")}-${digest}`;
	mkdirSync(findings, { recursive: true });
	writeFileSync(join(findings, `${name}.bin`), input);
	writeFileSync(
		join(findings, `${name}.txt`),
		`target ${target.name}\nseed ${seed}\ninput ${n}, ${input.length} bytes\n\n${reason}\n`,
	);
	console.log(`${target.name}: FOUND, .cache/fuzz/${name}.bin: ${reason.split("\n", 1)[0]}`);
}
