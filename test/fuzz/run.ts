// npm run fuzz [MINUTES] [TARGET…] [--seed N] [--lanes N]
// Attacks each target for that many minutes of the processor (1 unless told), two at a time: a busy machine takes longer
// and tries as much. Findings go to .cache/fuzz/.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { corpusOf, type FuzzTarget, findTargets, inputOf } from "./frame/target.ts";
import { notYet, watch } from "./frame/watch.ts";

/** More findings than this from one target: it is broken, not fuzzed. */
const maxFindings = 10;
const findings = fileURLToPath(new URL("../../.cache/fuzz/", import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "ekexec-fuzz-"));

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { seed: { type: "string" }, lanes: { type: "string" } },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed);
const lanes = Number(values.lanes ?? Math.min(2, availableParallelism()));
const [head, ...others] = positionals;
const minutes = head !== undefined && /^[\d.]+$/.test(head) ? Number(head) : 1;
const names = head !== undefined && /^[\d.]+$/.test(head) ? others : positionals;

const all = await findTargets();
const named = (wanted: string) =>
	all.filter(({ name }) => name === wanted || name.startsWith(`${wanted}/`));
const unknown = names.filter((wanted) => named(wanted).length === 0);
if (unknown.length > 0 || !(lanes >= 1)) {
	console.error(`no such target; there are ${all.map(({ name }) => name).join(", ")}`);
	process.exit(2);
}
// In the order of the command line.
const chosen = names.length === 0 ? all : [...new Set(names.flatMap(named))];
console.log(`seed ${seed}, ${minutes} min each: ${chosen.map(({ name }) => name).join(", ")}`);

// Ctrl-C ends the attacks that are on, and what they came to is told.
const calledOff = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => calledOff.abort());

let found = 0;
const queue = [...chosen];
const lane = async () => {
	for (let target = queue.shift(); target !== undefined; target = queue.shift()) {
		if (calledOff.signal.aborted) return;
		try {
			const count = await attack(target);
			// Not `found += await …`: that would add to what was there before the other lane's.
			found += count;
		} catch (error) {
			// One target's fault, or this runner's, must not end the attacks on the others.
			console.log(`${target.name}: NOT FUZZED: ${error instanceof Error ? error.stack : error}`);
			found += 1;
		}
	}
};
try {
	await Promise.all(Array.from({ length: lanes }, lane));
} finally {
	rmSync(scratch, { recursive: true, force: true });
}
console.log(found === 0 ? "nothing found" : `${found} findings, see .cache/fuzz/`);
process.exitCode = found === 0 ? 0 : 1;

async function attack(target: FuzzTarget): Promise<number> {
	const time = minutes * 60_000;
	const memory = target.memory ?? 768;
	const place = join(scratch, target.name.replaceAll("/", "-"));
	let first = 0;
	let count = 0;
	let peak = 0;
	let spent = 0;
	while (spent < time && count < maxFindings && !calledOff.signal.aborted) {
		writeFileSync(place, notYet);
		const outcome = await watch({ target: target.name, seed, first }, place, {
			memory,
			time: time - spent,
			signal: calledOff.signal,
		});
		peak = Math.max(peak, outcome.peak);
		spent += outcome.spent;
		const current = readFileSync(place);
		if (current.equals(notYet)) {
			if (outcome.reason === undefined) break;
			throw new Error(`it did not start: ${outcome.reason}`);
		}
		const at = Number(current.readBigUInt64LE(0));
		if (outcome.reason !== undefined) {
			count += 1;
			save(target, at, outcome.reason);
		}
		first = at + 1;
	}
	const cost = `${(spent / 60_000).toFixed(1)} min of the processor, at most ${peak} MiB`;
	console.log(`${target.name}: ${first} inputs, ${count} findings, ${cost}`);
	return count;
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
