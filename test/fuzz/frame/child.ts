// One process that attacks one target until it is told to stop, or dies of it.
// Arguments: target, seed, number of the first input, file that holds the number of the current one.
import { openSync, writeSync } from "node:fs";
import { attempt, corpusOf, findTargets, inputOf } from "./target.ts";

const [name = "", seed = "", first = "", place = ""] = process.argv.slice(2);
const target = (await findTargets()).find((candidate) => candidate.name === name);
if (target === undefined) throw new Error(`no such target: ${name}`);
const corpus = corpusOf(target);
const fd = openSync(place, "w");
const count = new BigUint64Array(1);
const runner = process.ppid;
const sleep = () => new Promise((resolve) => setImmediate(resolve));

for (let n = Number(first); ; n++) {
	count[0] = BigInt(n);
	writeSync(fd, count, 0, 8, 0);
	const { input, random } = inputOf(target, corpus, Number(seed), n);
	const wrong = await attempt(target, input, random);
	if (wrong !== undefined) {
		const told = wrong instanceof Error ? (wrong.stack ?? wrong.message) : String(wrong);
		process.stderr.write(`${told}\n`);
		process.exit(3);
	}
	// Lets a target's own timers and streams come to their end.
	if (n % 64 === 0) {
		await sleep();
		// Nobody watches any more: a runner that was killed must not leave an attack behind that never ends.
		if (process.ppid !== runner) process.exit(4);
	}
}
