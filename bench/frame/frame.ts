import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";

/** One way of doing the work: a whole process, or a function of this one. */
export interface Contestant {
	readonly name: string;
	/** The process's words. Timed from before it is started until it has ended; must exit 0. */
	readonly argv?: readonly string[];
	/** Files for its stdin and stdout; nothing and /dev/null unless told. */
	readonly stdin?: string;
	readonly stdout?: string;
	readonly cwd?: string;
	/**
	 * Work within this process, in place of `argv`. Where another process does it, it answers its processor time in
	 * seconds.
	 */
	readonly run?: () => unknown | Promise<{ readonly processor: number } | undefined>;
	/** Before each turn, not timed: removes what the last one left. */
	readonly before?: () => unknown;
	/** Why it cannot take part; it is listed with that. */
	readonly missing?: string | undefined;
}

/** What was measured of one contestant; times in seconds. */
export interface Row {
	readonly name: string;
	readonly median: number;
	readonly fastest: number;
	/** Median of the processor time of all its threads and children; undefined where it cannot be told. */
	readonly processor: number | undefined;
	/** Median, over the rounds, of its time divided by the first contestant's time in the same round. */
	readonly ratio: number;
	readonly missing?: string | undefined;
}

/** What is put down as it is. */
export interface Record_ {
	readonly title: string;
	readonly text: string;
}

/** One table of a report. */
export interface Table {
	readonly title: string;
	readonly rows: readonly Row[];
	/** Bytes of work, where MB/s means something. */
	readonly bytes?: number | undefined;
	readonly note?: string | undefined;
	readonly rounds: number;
}

export interface CompareOptions {
	/** Rounds; each lets every contestant have one turn. 7 unless told. */
	readonly rounds?: number;
	readonly bytes?: number;
	/** Said below the table, after the last round. */
	readonly note?: string | (() => string);
}

/** What a benchmark is given to work with. */
export interface Frame {
	/** An empty folder in memory where there is one; removed afterwards. */
	readonly scratch: string;
	/** The words that run ekexec as it is published: `node dist/cli/main.js`. Built before the first use. */
	readonly ekexec: readonly string[];
	/**
	 * Lets the contestants take turns, A B C A B C …, after one turn that does not count: what else the machine does
	 * hits all alike, and only the ratios mean something. The first contestant is what the others are compared with.
	 */
	compare(
		title: string,
		contestants: readonly Contestant[],
		options?: CompareOptions,
	): Promise<void>;
	/** What is no race of contestants, as Markdown below a title. */
	record(title: string, text: string): void;
	/** Says something on stderr. */
	say(text: string): void;
}

/** `bench/<room>.ts` exports `benchmarks: readonly Benchmark[]`, and that is all there is to do. */
export interface Benchmark {
	/** `<room>/<what>`; `npm run bench room` runs all of a room. */
	readonly name: string;
	run(frame: Frame): Promise<void>;
}

const timeLimit = 600_000;

/** Of one turn, in seconds. */
interface Times {
	readonly clock: number;
	readonly processor: number | undefined;
}

/** Processor time of the children that have ended, from proc(5): cutime and cstime, in ticks of 10 ms. */
export function ofChildren(): number | undefined {
	try {
		const fields = readFileSync("/proc/self/stat", "latin1")
			.replace(/^.*\) /, "")
			.split(" ");
		return (Number(fields[13]) + Number(fields[14])) / 100;
	} catch {
		// Linux alone has this.
		return undefined;
	}
}

async function turn(contestant: Contestant): Promise<Times> {
	await contestant.before?.();
	const begin = performance.now();
	if (contestant.run) {
		const used = process.cpuUsage();
		const told = (await contestant.run()) as { readonly processor?: number } | undefined;
		const { user, system } = process.cpuUsage(used);
		const processor = told?.processor ?? (user + system) / 1e6;
		return { clock: (performance.now() - begin) / 1000, processor };
	}
	const spent = ofChildren();
	const [program = "", ...args] = contestant.argv ?? [];
	const stdin = openSync(contestant.stdin ?? "/dev/null", "r");
	const stdout = openSync(contestant.stdout ?? "/dev/null", "w");
	try {
		const start = performance.now();
		const code = await new Promise<string>((resolve, reject) => {
			const child = spawn(program, args, {
				stdio: [stdin, stdout, "pipe"],
				cwd: contestant.cwd,
				timeout: timeLimit,
			});
			let told = "";
			child.stderr?.on("data", (text: Buffer) => {
				told = (told + text.toString()).slice(-2000);
			});
			child.on("error", reject);
			child.on("close", (status, signal) =>
				resolve(status === 0 ? "" : `${signal ?? status}: ${told}`),
			);
		});
		const seconds = (performance.now() - start) / 1000;
		if (code !== "") throw new Error(`${contestant.name} failed: ${code}`);
		const after = ofChildren();
		const known = spent !== undefined && after !== undefined;
		return { clock: seconds, processor: known ? after - spent : undefined };
	} finally {
		closeSync(stdin);
		closeSync(stdout);
	}
}

function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = Math.floor(sorted.length / 2);
	const high = sorted[middle] ?? Number.NaN;
	return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? high) + high) / 2;
}

/** Interleaved turns of all that can take part. */
export async function measure(
	title: string,
	contestants: readonly Contestant[],
	options: CompareOptions = {},
): Promise<Table> {
	const rounds = options.rounds ?? 7;
	const able = contestants.filter((contestant) => contestant.missing === undefined);
	const times = new Map<Contestant, Times[]>(able.map((contestant) => [contestant, []]));
	// The first turns fill caches; with few rounds of long work that is not worth the wait.
	for (let round = rounds > 3 ? -1 : 0; round < rounds; round++) {
		for (const contestant of able) {
			const spent = await turn(contestant);
			if (round >= 0) times.get(contestant)?.push(spent);
		}
	}
	const clocks = (contestant: Contestant | undefined) =>
		(contestant === undefined ? [] : (times.get(contestant) ?? [])).map(({ clock }) => clock);
	const reference = clocks(able[0]);
	const rows = contestants.map((contestant): Row => {
		const own = clocks(contestant);
		const processor = (times.get(contestant) ?? []).map((spent) => spent.processor ?? Number.NaN);
		const busy = median(processor);
		return {
			name: contestant.name,
			median: median(own),
			fastest: Math.min(...own),
			processor: Number.isNaN(busy) ? undefined : busy,
			ratio: median(own.map((seconds, i) => seconds / (reference[i] ?? Number.NaN))),
			missing: contestant.missing,
		};
	});
	const note = typeof options.note === "function" ? options.note() : options.note;
	return { title, rows, rounds, bytes: options.bytes, note };
}
