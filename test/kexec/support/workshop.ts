import { randomUUID } from "node:crypto";
import {
	chmodSync,
	copyFileSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { text } from "../../../src/bytes/index.ts";
import { frameType } from "../../../src/kexec/contract.ts";
import { FrameReader } from "../../../src/kexec/wire.ts";
import { missing } from "../../support/programs.ts";
import { buildProgram } from "./build.ts";
import { type Child, calls, ownHelper, startChild } from "./child.ts";

/** Why the tests with the real helper cannot run here; empty: they can. */
export const lacking: string =
	ownHelper === undefined
		? "no helper for this machine"
		: missing("clang", "ld.lld", "ssh-keygen", "strace", "prlimit");

/** A folder with the helper and the program that puts it under a filter, for the length of a test file. */
export interface Workshop {
	readonly folder: string;
	readonly helper: string;
	/** Command line of the helper under a filter: `{ kexec_file_load: 0 }` lets the call seem to work. */
	under(answers: Readonly<Record<string, number | "hang">>, ...words: string[]): string[];
	/** The helper under a filter, as a child. */
	filtered(answers: Readonly<Record<string, number | "hang">>, ...words: string[]): Child;
	path(name: string): string;
	put(name: string, content: string | Uint8Array): string;
}

export function workshop(): Workshop {
	// Made only when a test of the file runs.
	const folder = join(tmpdir(), `ekexec-helper-${randomUUID()}`);
	const path = (name: string) => join(folder, name);
	const helper = path("helper");
	const under: Workshop["under"] = (answers, ...words) => [
		path("under"),
		...Object.entries(answers).map(([name, answer]) => `${calls[name]}=${answer}`),
		helper,
		...words,
	];
	beforeAll(() => {
		mkdirSync(folder);
		// Others must be able to run it, too.
		chmodSync(folder, 0o755);
		copyFileSync(ownHelper ?? "", helper);
		chmodSync(helper, 0o755);
		buildProgram("under", process.arch === "x64" ? "x86_64" : "aarch64", path("under"));
	});
	afterAll(() => {
		rmSync(folder, { recursive: true, force: true });
	});
	return {
		folder,
		helper,
		under,
		filtered: (answers, ...words) => startChild(under(answers, ...words)),
		path,
		put(name, content) {
			writeFileSync(path(name), content);
			return path(name);
		},
	};
}

/** Events in the output of a helper. */
export function eventsOf(output: Uint8Array): { event: string; code?: string }[] {
	const reader = new FrameReader();
	const events: { event: string; code?: string }[] = [];
	reader.push(output);
	for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
		if (frame.type === frameType.event) events.push(JSON.parse(text(frame.payload)));
	}
	return events;
}

/** Processes that hold a memfd of ours, or are a guard, and descend from a session of the helper `pid`. */
export function leftovers(pid: number | undefined): string[] {
	const left: string[] = [];
	for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
		try {
			const stat = readFileSync(`/proc/${name}/stat`, "utf8");
			const session = stat.slice(stat.lastIndexOf(")")).split(" ")[4];
			const links = readdirSync(`/proc/${name}/fd`).map((fd) =>
				readlinkSync(`/proc/${name}/fd/${fd}`),
			);
			if (session === String(pid) && links.some((link) => link.startsWith("/memfd:ekexec")))
				left.push(stat);
		} catch {
			// Gone, or not ours to look at.
		}
	}
	return left;
}
