import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

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

/**
 * A cgroup of our own (version 2, which counts without any controller), that this process is in from now on, and with it
 * all that it starts: orphans stay in it, whoever waits for them. Undefined where it cannot be had: not as root, not
 * where a container has its cgroups read-only, not outside Linux.
 */
function enterGroup(): string | undefined {
	try {
		const own = /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
		const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
		const mount = mounts.map((line) => line.split(" ")).find(([, , type]) => type === "cgroup2");
		if (own === undefined || mount?.[1] === undefined) return undefined;
		const parent = join(mount[1], own);
		const folder = join(parent, `ekexec-bench-${process.pid}`);
		mkdirSync(folder);
		const leave = (): void => {
			try {
				for (const pid of members(folder)) move(pid, parent);
				rmdirSync(folder);
			} catch {
				// An empty group does no harm.
			}
		};
		try {
			usage(folder);
			move(`${process.pid}`, folder);
		} catch (error) {
			leave();
			throw error;
		}
		process.once("exit", leave);
		return folder;
	} catch {
		return undefined;
	}
}

function move(pid: string, folder: string): void {
	try {
		writeFileSync(join(folder, "cgroup.procs"), pid);
	} catch (error) {
		// A process that has ended meanwhile.
		if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
	}
}

function members(folder: string): string[] {
	return readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean);
}

/** Seconds of processor time that the group has had. */
function usage(folder: string): number {
	const found = /^usage_usec (\d+)$/m.exec(readFileSync(join(folder, "cpu.stat"), "utf8"))?.[1];
	if (found === undefined) throw new Error(`no usage_usec in ${folder}/cpu.stat`);
	return Number(found) / 1e6;
}

let entered: { readonly folder: string | undefined } | undefined;

/** The group, entered at the first call. */
function group(): string | undefined {
	entered ??= { folder: enterGroup() };
	return entered.folder;
}

/** How processor time of processes is counted here, in words for the report. */
export function countedBy(): string {
	return group() === undefined
		? "processor time of children that were waited for, in ticks of 10 ms"
		: "processor time by cgroup";
}

/** How long processes that a contestant left behind may go on, in seconds. */
const orphansWithin = 10;

/**
 * Begins to count the processor time of all that this process starts, itself left out. The answer ends it, and says how
 * many seconds it was; not before processes have ended that were left behind. `orphans`: of somebody who leaves some, only
 * a cgroup can tell.
 */
export async function count(orphans: boolean): Promise<() => Promise<number | undefined>> {
	const folder = group();
	if (folder === undefined) {
		const spent = ofChildren();
		return async () => {
			const after = ofChildren();
			return spent === undefined || after === undefined || orphans ? undefined : after - spent;
		};
	}
	// After a sleep our own time is put down in full: the kernel does so when a process is taken off its processor.
	await setTimeout(1);
	const before = new Set(members(folder));
	const own = process.cpuUsage();
	const spent = usage(folder);
	return async () => {
		for (let turns = 0; members(folder).some((pid) => !before.has(pid)); turns++) {
			if (turns > orphansWithin * 500)
				throw new Error("processes were left behind that do not end");
			await setTimeout(2);
		}
		const { user, system } = process.cpuUsage(own);
		return Math.max(0, usage(folder) - spent - (user + system) / 1e6);
	};
}
