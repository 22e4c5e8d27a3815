import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** What may be spent without a new input being begun. */
interface Patience {
	/** Processor time in ms: what a hang costs on an idle and on a busy machine alike. */
	readonly processor: number;
	/** Time on the clock in ms, if next to none of it was the processor's: it waits for what never comes. */
	readonly clock: number;
}

/** An input takes milliseconds; twenty seconds of the processor is a hang. */
const forInput: Patience = { processor: 20_000, clock: 600_000 };
/** Modules are loaded and translated, archives for the corpus made. */
const forStart: Patience = { processor: 90_000, clock: 900_000 };
/** Where the processor's time cannot be read (no /proc), only the clock is left: an idle machine is assumed. */
const clockOnly = 60_000;

/** What stands in the place of an input's number until the first begins. */
export const notYet: Uint8Array = new Uint8Array(8).fill(0xff);

export interface Watched {
	/** What is wrong; undefined when its time was up. */
	readonly reason: string | undefined;
	/** Most resident memory in MiB. */
	readonly peak: number;
	/** Processor time in ms since the first input; where it cannot be read, time on the clock. */
	readonly spent: number;
}

const child = fileURLToPath(new URL("./child.ts", import.meta.url));

/** Runs one attacking process for `time` ms of the processor, or until something is wrong with it or it is called off. */
export function watch(
	words: { readonly target: string; readonly seed: number; readonly first: number },
	place: string,
	limits: { readonly memory: number; readonly time: number; readonly signal: AbortSignal },
): Promise<Watched> {
	const { target, seed, first } = words;
	const attacker = spawn(
		process.execPath,
		[
			...["--import", "tsx", `--max-old-space-size=${limits.memory}`],
			...[child, target, String(seed), String(first), place],
		],
		{ stdio: ["ignore", "ignore", "pipe"] },
	);
	let reason: string | undefined;
	let stopped = false;
	let told = "";
	let peak = 0;
	let total = 0;
	let spent = 0;
	/** Both times when the first input began. */
	let begun: { clock: number; processor: number } | undefined;
	let last = Buffer.from(notYet);
	let since = { clock: Date.now(), processor: 0 };
	attacker.stderr.on("data", (text: Buffer) => {
		told = (told + text.toString()).slice(-4000);
	});
	attacker.on("error", (error) => {
		told = error.message;
	});
	const stop = (why?: string) => {
		reason ??= why;
		stopped = true;
		attacker.kill("SIGKILL");
	};
	const look = () => {
		const now = Date.now();
		const processor = processorMs(attacker);
		total = Math.max(total, processor ?? 0);
		const current = readFileSync(place);
		if (!current.equals(last)) {
			last = current;
			since = { clock: now, processor: total };
			begun ??= since;
		}
		if (begun !== undefined) {
			spent = processor === undefined ? now - begun.clock : total - begun.processor;
		}
		const patience = current.equals(notYet) ? forStart : forInput;
		const waited = now - since.clock;
		const worked = total - since.processor;
		const most = processor === undefined ? clockOnly : patience.clock;
		// However busy the machine is, one of a thousand ms goes to a process that has something to do.
		const idle = worked * 1000 < waited;
		if (worked > patience.processor) stop(`no end after ${worked} ms of the processor`);
		else if (waited > most && idle)
			stop(`no end after ${waited} ms (${worked} ms of the processor)`);
		const memory = residentMiB(attacker);
		peak = Math.max(peak, memory);
		if (memory > limits.memory) stop(`${memory} MiB of memory, allowed are ${limits.memory}`);
		if (spent >= limits.time || limits.signal.aborted) stop();
	};
	const timer = setInterval(look, 200);
	return new Promise((resolve) => {
		attacker.on("close", (code, signal) => {
			clearInterval(timer);
			// Ctrl-C reaches it, too.
			if (!stopped && !limits.signal.aborted)
				reason = told.trim() || `ended with ${signal ?? code}`;
			resolve({ reason, peak, spent });
		});
	});
}

/** utime and stime of all its threads (proc(5), /proc/PID/stat, fields 14 and 15, in hundredths of a second). */
function processorMs(of: ChildProcess): number | undefined {
	const text = procFile(of, "stat");
	// The second field is a name in brackets and may hold anything: what follows its last bracket counts.
	const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
	return fields && (Number(fields[11]) + Number(fields[12])) * 10;
}

function residentMiB(of: ChildProcess): number {
	const pages = Number(procFile(of, "statm")?.split(" ")[1] ?? 0);
	return Math.round((pages * 4096) / 2 ** 20);
}

/** Undefined when it is already gone, or on a system without /proc: there the heap's own limit remains. */
function procFile(of: ChildProcess, name: string): string | undefined {
	try {
		return readFileSync(`/proc/${of.pid}/${name}`, "utf8");
	} catch {
		return undefined;
	}
}
