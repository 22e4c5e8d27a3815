import { performance } from "node:perf_hooks";
import { run, type Times } from "./process.ts";

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
	/** After each turn, not timed: throws if what it made is wrong, so that nobody wins who did nothing. */
	readonly after?: () => unknown;
	/** It ends without waiting for all its children: without a cgroup nobody can tell what those took. */
	readonly orphans?: boolean;
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
	/** Median, over the rounds, of its time divided by the time of the first that takes part in the same round. */
	readonly ratio: number;
	/** The same of the processor time; undefined where one of them cannot be told. */
	readonly share: number | undefined;
	/** Its processor time cannot be told because it does not wait for its children. */
	readonly unwaited: boolean;
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
	/** Whether a contestant was a process of its own. */
	readonly processes: boolean;
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
	 * Lets the contestants take turns, A B C A B C …: what else the machine does hits all alike, and only the ratios mean
	 * something. With more than three rounds all have one turn before that does not count. The first contestant that
	 * takes part is what the others are compared with.
	 */
	compare(
		title: string,
		contestants: readonly Contestant[],
		options?: CompareOptions,
	): Promise<void>;
	/** What is no race of contestants, as Markdown below a title. */
	record(title: string, text: string): void;
	/** The benchmark cannot be had here: says why, publishes nothing, and what is published stays. */
	leaveOut(reason: string): never;
	/** Says something on stderr. */
	say(text: string): void;
}

/** `bench/<room>.ts` exports `benchmarks: readonly Benchmark[]`, and that is all there is to do. */
export interface Benchmark {
	/** `<room>/<what>`; `npm run bench room` runs all of a room. */
	readonly name: string;
	run(frame: Frame): Promise<void>;
}

/** Thrown by {@link Frame.leaveOut}. */
export class LeftOut extends Error {}

async function turn(contestant: Contestant): Promise<Times> {
	await contestant.before?.();
	try {
		return await timed(contestant);
	} catch (error) {
		throw new Error(`${contestant.name} failed: ${(error as Error).message}`, { cause: error });
	}
}

async function timed(contestant: Contestant): Promise<Times> {
	let times: Times;
	if (contestant.run) {
		const used = process.cpuUsage();
		const begin = performance.now();
		const told = (await contestant.run()) as { readonly processor?: number } | undefined;
		const clock = (performance.now() - begin) / 1000;
		const { user, system } = process.cpuUsage(used);
		times = { clock, processor: told?.processor ?? (user + system) / 1e6 };
	} else {
		const { argv = [], stdin, stdout, cwd, orphans = false } = contestant;
		times = await run({ argv, stdin, stdout, cwd, orphans });
	}
	await contestant.after?.();
	return times;
}

function median(values: readonly number[]): number {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = Math.floor(sorted.length / 2);
	const high = sorted[middle] ?? Number.NaN;
	return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? high) + high) / 2;
}

/** The median of what is known of every round. */
function known(values: readonly number[]): number | undefined {
	return values.length > 0 && values.every(Number.isFinite) ? median(values) : undefined;
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
	const of = (contestant: Contestant | undefined): readonly Times[] =>
		contestant === undefined ? [] : (times.get(contestant) ?? []);
	const reference = of(able[0]);
	const rows = contestants.map((contestant): Row => {
		const own = of(contestant);
		const clocks = own.map(({ clock }) => clock);
		const ratios = clocks.map((seconds, i) => seconds / (reference[i]?.clock ?? Number.NaN));
		const processors = own.map(({ processor = Number.NaN }) => processor);
		const shares = processors.map((busy, i) => busy / (reference[i]?.processor ?? Number.NaN));
		const processor = known(processors);
		return {
			name: contestant.name,
			median: median(clocks),
			fastest: Math.min(...clocks),
			processor,
			ratio: median(ratios),
			share: known(shares),
			unwaited: contestant.orphans === true && own.length > 0 && processor === undefined,
			missing: contestant.missing,
		};
	});
	const note = typeof options.note === "function" ? options.note() : options.note;
	const processes = able.some(({ argv }) => argv !== undefined);
	return { title, rows, rounds, bytes: options.bytes, note, processes };
}
