import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";
import { count } from "./processor.ts";

const timeLimit = 600_000;

/** What is to be run, and where its input and output are. */
export interface Work {
	readonly argv: readonly string[];
	readonly stdin?: string | undefined;
	readonly stdout?: string | undefined;
	readonly cwd?: string | undefined;
	/** It does not wait for all its children. */
	readonly orphans: boolean;
}

/** Of one turn, in seconds. */
export interface Times {
	readonly clock: number;
	readonly processor: number | undefined;
}

/** Whoever has the turn: it leads a group of processes. */
const running = new Set<ChildProcess>();

/** Runs a process until its end. Throws unless that is exit status 0. */
export async function run(work: Work): Promise<Times> {
	const [program = "", ...args] = work.argv;
	const stdin = openSync(work.stdin ?? "/dev/null", "r");
	const stdout = openSync(work.stdout ?? "/dev/null", "w");
	let limit: NodeJS.Timeout | undefined;
	let child: ChildProcess | undefined;
	try {
		const counted = await count(work.orphans);
		const start = performance.now();
		const failure = await new Promise<string>((resolve, reject) => {
			// A group of its own: what a shell or a packer starts can be ended with it.
			const started = spawn(program, args, {
				stdio: [stdin, stdout, "pipe"],
				cwd: work.cwd,
				detached: true,
			});
			child = started;
			running.add(started);
			limit = global.setTimeout(() => signal(started, "SIGKILL"), timeLimit);
			let told = "";
			started.stderr?.on("data", (text: Buffer) => {
				told = (told + text.toString()).slice(-2000);
			});
			started.on("error", reject);
			started.on("close", (status, by) => resolve(status === 0 ? "" : `${by ?? status}: ${told}`));
		});
		const clock = (performance.now() - start) / 1000;
		if (failure !== "") throw new Error(failure);
		return { clock, processor: await counted() };
	} finally {
		clearTimeout(limit);
		if (child !== undefined) running.delete(child);
		closeSync(stdin);
		closeSync(stdout);
	}
}

function signal({ pid }: ChildProcess, name: NodeJS.Signals): boolean {
	try {
		return pid !== undefined && process.kill(-pid, name);
	} catch {
		// Nobody is left.
		return false;
	}
}

/** Ends whoever has the turn, with what it started: some clean up after themselves and get three seconds for it. */
export async function endAll(): Promise<void> {
	const ended = [...running];
	for (const child of ended) signal(child, "SIGTERM");
	for (let turns = 0; turns < 60; turns++) {
		if (ended.every((child) => child.pid === undefined || !alive(child.pid))) return;
		await setTimeout(50);
	}
	for (const child of ended) signal(child, "SIGKILL");
	await setTimeout(50);
}

function alive(group: number): boolean {
	try {
		return process.kill(-group, 0);
	} catch {
		return false;
	}
}
