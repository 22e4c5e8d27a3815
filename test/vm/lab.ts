import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, copyFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual, promisify } from "node:util";
import { utf8 } from "../../src/bytes/index.ts";
import type { Io } from "../../src/cli/command.ts";
import { about, compare } from "../../src/cli/host-run.ts";
import { cacheFolder } from "../../src/debian/index.ts";
import { buildImage, type Image } from "../../src/image/index.ts";
import type { HostOptions, RescueEvent } from "../../src/rescue/index.ts";
import { type Connection, connect, type Ran, run } from "../../src/ssh/index.ts";
import {
	makeVictim,
	qemuCommand,
	type RunningVictim,
	type StartVictimOptions,
	startVictim,
	type VictimSuite,
} from "../../src/vm/index.ts";
import { noMirror, testCache } from "../support/mirror.ts";
import { missing, type Program } from "../support/programs.ts";

// Everything that tests download or build lies in one place, for programs that they start as well.
process.env.EKEXEC_CACHE ??= testCache;

/** Why no victim can be made here. Empty: it can. */
export async function noVictim(...programs: Program[]): Promise<string> {
	return missing("qemu-system-x86_64", ...programs) || (await noMirror("bookworm"));
}

let building: Promise<Image> | undefined;

/** The rescue image for any machine, from the cache if the same was built before. */
export function rescueImage(): Promise<Image> {
	building ??= buildImage({}).then(({ image }) => image);
	return building;
}

/** What the command line touches of the process: nothing of this one. */
export function testIo(): Io & { readonly out: () => string; readonly talk: () => string } {
	const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
	const said = { stdout: "", stderr: "" };
	for (const name of ["stdout", "stderr"] as const) {
		streams[name].on("data", (chunk: Buffer) => {
			said[name] += chunk.toString();
		});
	}
	return {
		...streams,
		stdin: new PassThrough(),
		env: process.env,
		cwd: process.cwd(),
		terminal: { stdin: false, stdout: false, stderr: false },
		signal: new AbortController().signal,
		out: () => said.stdout,
		talk: () => said.stderr,
	};
}

/** What a rescue of a victim told while it went on. */
export interface Told {
	readonly events: RescueEvent[];
	/** Steps that came to their end. */
	done(): string[];
	remarks(): string[];
}

/** Options with which `ekexec host` rescues a victim, as the command has them; and what was told. */
export async function rescueOptions(
	victim: Pick<RunningVictim, "login">,
	change: Partial<HostOptions> = {},
): Promise<HostOptions & Told> {
	const events: RescueEvent[] = [];
	return {
		connect: victim.login,
		plan: {
			allKeys: false,
			addedKeys: [],
			commandLine: "",
			again: false,
			keepLinks: [],
		},
		image: rescueImage,
		confirm: async () => true,
		compare,
		until: "jump",
		wait: true,
		timeout: 540_000,
		sync: 0,
		via: "reboot",
		about,
		...change,
		report: (event) => {
			events.push(event);
			change.report?.(event);
		},
		events,
		done: () => events.flatMap((e) => (e.event === "step" && e.state === "done" ? [e.step] : [])),
		remarks: () => events.flatMap((e) => (e.event === "remark" ? [e.text] : [])),
	};
}

/** Runs commands as root on a victim, over a connection of their own. */
export async function asRoot<T>(
	victim: RunningVictim,
	act: (say: (...words: string[]) => Promise<Ran>, connection: Connection) => Promise<T>,
	target = "root@127.0.0.1",
): Promise<T> {
	const connection = await connect(target, victim.login);
	try {
		return await act((...words) => run(connection, words, { deadline: 120_000 }), connection);
	} finally {
		await connection.close();
	}
}

/** Runs lines of shell as root on a victim. Throws where they fail. */
export async function shell(
	victim: RunningVictim,
	script: string,
	target?: string,
): Promise<string> {
	const act = async (_say: unknown, connection: Connection): Promise<string> => {
		async function* input(): AsyncGenerator<Uint8Array> {
			yield utf8(`${script}\n`);
		}
		const words = ["bash", "-s"];
		const { code, text, talk } = await run(connection, words, {
			input: input(),
			deadline: 120_000,
		});
		if (code !== 0) throw new Error(`${script}: ${code}: ${talk}`);
		return text.trim();
	};
	return asRoot(victim, act, target);
}

/** What of a rescue could be left behind on a target. */
export interface Traces {
	/** /sys/kernel/kexec_loaded. */
	readonly loaded: string;
	/** The helper's files, wherever it may be put. */
	readonly files: string;
	/** The helper's processes. */
	readonly processes: string;
	readonly mounts: string;
}

export async function traces(victim: RunningVictim): Promise<Traces> {
	const files = await shell(
		victim,
		"ls -d /{dev/shm,run,tmp,var/tmp,root,home/*,.}/.ekexec-* 2>/dev/null || :",
	);
	return asRoot(victim, async (say) => ({
		loaded: (await say("cat", "/sys/kernel/kexec_loaded")).text.trim(),
		files,
		processes: await helpers(say),
		mounts: (await say("cat", "/proc/mounts")).text,
	}));
}

/** What is left, once nothing changes any more: as soon as it is what it was before, or after `within` ms. */
export async function tracesAfter(
	victim: RunningVictim,
	before: Traces,
	within = 60_000,
): Promise<Traces> {
	const until = Date.now() + within;
	for (;;) {
		const now = await traces(victim);
		if (isDeepStrictEqual(now, before) || Date.now() > until) return now;
		await sleep(1000);
	}
}

/** Command lines of the helpers that run. */
export async function helpers(say: (...words: string[]) => Promise<Ran>): Promise<string> {
	const { text } = await say("ps", "-eo", "args");
	return text
		.split("\n")
		.filter((line) => line.includes("/.ekexec-") && !line.includes("sudo"))
		.join("\n");
}

/** Name of the snapshot of a victim that has booted. */
const booted = "booted";

/** A disk that snapshots fit into, above the victim's own. */
async function overlay(disk: string, file: string): Promise<void> {
	const words = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", disk, file];
	await promisify(execFile)("qemu-img", words);
}

/** A second card that leads nowhere, for bonds. */
const nics = [{ backend: "user,restrict=on" }];

/**
 * The disk of a victim that has booted, with the snapshot of it: made once, kept in the cache. What QEMU and the
 * victim are made of is in its name, since a snapshot fits only the machine that made it.
 */
async function bootedDisk(suite: VictimSuite): Promise<string> {
	const victim = await makeVictim({ suite });
	const { qemu } = await qemuCommand("amd64");
	const [program = "", ...words] = qemu;
	const { stdout } = await promisify(execFile)(program, [...words, "--version"]);
	const made = JSON.stringify([victim.disk, victim.commandLine, stdout, nics, memory]);
	const key = createHash("sha256").update(made).digest("hex").slice(0, 16);
	const file = join(cacheFolder(), "victims", `booted-${key}.qcow2`);
	if (await exists(file)) return file;
	const draft = `${file}.${process.pid}`;
	try {
		const running = await startVictim({
			...{ suite, nics, memory },
			async drive(disk) {
				await overlay(disk, draft);
				return { file: draft, format: "qcow2" };
			},
		});
		try {
			// What a boot still does in the background is over when systemd says so.
			await asRoot(running, (say) => say("systemctl", "is-system-running", "--wait"));
			await running.vm.save(booted);
		} finally {
			await running.stop();
		}
		await rename(draft, file);
	} finally {
		await rm(draft, { force: true });
	}
	return file;
}

/** MiB. */
const memory = 2048;

/** Starts a victim that has booted already. What its cards are connected to may be another thing than before. */
export async function bootedVictim(
	suite: VictimSuite,
	change: Pick<StartVictimOptions, "nics" | "within"> = {},
): Promise<RunningVictim> {
	const disk = await bootedDisk(suite);
	const victim = await startVictim({
		...{ suite, nics, memory, snapshot: booted },
		...change,
		async drive(_disk, folder) {
			const file = join(folder, "disk.qcow2");
			await copyFile(disk, file);
			return { file, format: "qcow2" };
		},
	});
	await setClock(victim);
	return victim;
}

/** The clock of a guest stands where it stood when the snapshot was made. */
async function setClock(victim: RunningVictim): Promise<void> {
	await shell(victim, `date -s @${Math.floor(Date.now() / 1000)}`);
}

/** Takes a victim back to when it had booted. */
export async function restore(victim: RunningVictim): Promise<void> {
	await victim.vm.load(booted);
	await setClock(victim);
}

async function exists(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	);
}
