import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EkexecError } from "../../src/bytes/index.ts";
import type { Io } from "../../src/cli/command.ts";
import { besides } from "../../src/cli/connect.ts";
import { openLog } from "../../src/cli/log.ts";
import { openView } from "../../src/cli/open-view.ts";
import { asFileError, showError } from "../../src/cli/show-error.ts";
import { jsonText, type View } from "../../src/cli/view.ts";
import { warning } from "../../src/rescue/check.ts";
import { planRescue, type Step, showPlan } from "../../src/rescue/index.ts";
import { healthyFacts, plainNetwork } from "../support/facts.ts";
import { noOptions, plannedImage, rootLogin } from "../support/plan.ts";

const erase = "\r\u001b[K";

/** What a terminal of so many columns holds after these bytes: text, line feeds, CR and EL. */
function screenOf(bytes: string): string[] {
	const lines = [""];
	for (const part of bytes.split(new RegExp(`(${erase.replace("[", "\\[")}|\n)`))) {
		if (part === "\n") lines.push("");
		else if (part === erase) lines[lines.length - 1] = "";
		else lines[lines.length - 1] += part;
	}
	return lines;
}

function terminal(more: { columns?: number; env?: Record<string, string>; tty?: boolean } = {}) {
	const { columns = 60, env = { NO_COLOR: "1" }, tty = true } = more;
	const stderr = Object.assign(new PassThrough(), { columns });
	const interrupted = new AbortController();
	let bytes = "";
	stderr.on("data", (chunk: Buffer) => {
		bytes += chunk.toString();
	});
	const io: Io = {
		stdin: new PassThrough(),
		stdout: new PassThrough(),
		stderr,
		env,
		cwd: "/",
		terminal: { stdin: tty, stdout: tty, stderr: tty },
		signal: interrupted.signal,
	};
	const interrupt = (): void => interrupted.abort();
	return { io, interrupt, bytes: () => bytes, screen: () => screenOf(bytes) };
}

const planOf = () =>
	planRescue(healthyFacts(), plainNetwork, plannedImage, rootLogin, noOptions, 0);

const begin = (view: View, step: Step): void =>
	view.report({ event: "step", step, state: "start" });
const done = (view: View, step: Step, detail: string): void =>
	view.report({ event: "step", step, state: "done", detail });

const hostile = "\u001b]0;x\u0007\u001b[2J\u009b31m\u202e";
const harmless = "\\x1b]0;x\\x07\\x1b[2J\\xc2\\x9b31m\\xe2\\x80\\xae";

const hostileParts = ["\u001b]", "\u001b[2J", "\u0007", "\u009b", "\u202e"];

describe("what the target says drives no terminal", () => {
	test.each([
		[true, { NO_COLOR: "1" }],
		[true, {}],
		[false, {}],
	])("lines for people (terminal: %s, %j)", async (tty, env) => {
		const { io, bytes } = terminal({ columns: 200, env, tty });
		const view = await openView(io, false);
		begin(view, "probe");
		view.report({ event: "remark", step: "probe", text: hostile });
		view.report({ event: "remark", step: "probe", text: `${hostile}\n`, passing: true });
		view.say(hostile);
		done(view, "probe", hostile);
		view.end();
		expect(bytes().split(harmless).length).toBeGreaterThan(3);
		for (const each of hostileParts) expect(bytes()).not.toContain(each);
	});

	test("the plan, in colours", () => {
		const checks = [warning("terminals", `tmux of ${hostile}`, hostile)];
		const plan = { ...planOf(), checks, commandLine: hostile };
		const shown = showPlan(plan, { colour: true, columns: 200 });
		expect(shown.split(harmless)).toHaveLength(4);
		expect(shown).toContain("\u001b[33m!\u001b[0m");
		for (const each of hostileParts) expect(shown).not.toContain(each);
	});

	test("an error, JSON and the log", async () => {
		const error = new EkexecError("failed", "HELPER_ENDED", hostile, { found: `${hostile}; b` });
		expect(showError(error, 200, false)).toBe(
			`ekexec: ${harmless}\n  found     ${harmless}\n            b`,
		);
		const text = jsonText({ event: hostile });
		expect(text).not.toMatch(/\p{Cc}/u);
		expect(JSON.parse(text)).toEqual({ event: hostile });
		const { io } = terminal();
		const folder = await mkdtemp(join(tmpdir(), "ekexec-log-"));
		const log = openLog(join(folder, "log"), io);
		log(hostile);
		log.close();
		expect(await readFile(join(folder, "log"), "utf8")).toContain(harmless);
		await rm(folder, { recursive: true });
	});
});

test.skipIf(!existsSync("/dev/full"))(
	"a log on a full disk says so once and throws nothing",
	() => {
		const { io, bytes } = terminal();
		const log = openLog("/dev/full", io);
		log("one");
		log("two");
		log.close();
		expect(bytes()).toBe("ekexec: the log /dev/full goes on no more: the disk is full (ENOSPC)\n");
	},
);

describe("the view of a terminal", () => {
	beforeEach(
		() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }),
	);
	afterEach(() => void vi.useRealTimers());

	test("a step that is over stays as a line, its detail broken at the columns", async () => {
		const { io, screen } = terminal({ columns: 50 });
		const view = await openView(io, false);
		begin(view, "connect");
		expect(screen()).toEqual(["⠋ 1 Connect   "]);
		done(view, "connect", "root@192.0.2.1:22, host key ssh-ed25519 SHA256:abcdef");
		view.end();
		expect(screen()).toEqual([
			"✔ 1 Connect   root@192.0.2.1:22, host key",
			"              ssh-ed25519 SHA256:abcdef",
			"",
		]);
	});

	test("the step that goes on is one line: progress, time, never longer than the screen", async () => {
		const { io, screen } = terminal({ columns: 60 });
		const view = await openView(io, false);
		begin(view, "stage");
		view.report({ event: "progress", step: "stage", done: 0, total: 80_000_000 });
		vi.advanceTimersByTime(4000);
		view.report({ event: "progress", step: "stage", done: 20_000_000, total: 80_000_000 });
		vi.advanceTimersByTime(100);
		expect(screen()).toHaveLength(1);
		expect(screen()[0]).toMatch(/^. 5 Send {6}25 %, 20\.0 MB of 80\.0 MB, 5\.0 MB/);
		expect(screen()[0]).toMatch(/… {2}4 s$/);
		expect([...(screen()[0] ?? "")].length).toBeLessThan(60);
		done(view, "stage", "77 MiB");
		view.end();
		expect(screen()).toEqual(["✔ 5 Send      77 MiB", ""]);
	});

	test.each([30, 16, 12])("the line that changes fits %i columns", async (columns) => {
		const { io, screen } = terminal({ columns });
		const view = await openView(io, false);
		begin(view, "stage");
		view.report({ event: "progress", step: "stage", done: 0, total: 80_000_000 });
		vi.advanceTimersByTime(4000);
		expect(screen()).toHaveLength(1);
		expect([...(screen()[0] ?? "")].length).toBeLessThan(columns);
		view.end();
	});

	test("what is worth keeping stays above, what passes does not", async () => {
		const { io, screen } = terminal();
		const view = await openView(io, false);
		begin(view, "stage");
		view.report({ event: "remark", step: "stage", text: "half of it", passing: true });
		vi.advanceTimersByTime(100);
		expect(screen()[0]).toContain("half of it");
		view.report({ event: "remark", step: "stage", text: "the connection was lost" });
		done(view, "stage", "77 MiB");
		view.end();
		expect(screen()).toEqual(["              the connection was lost", "✔ 5 Send      77 MiB", ""]);
	});

	test("an interrupt is seen to be heard while it is undone", async () => {
		const { io, screen, interrupt } = terminal();
		const view = await openView(io, false);
		begin(view, "stage");
		interrupt();
		vi.advanceTimersByTime(100);
		expect(screen()[0]).toContain("5 Send      interrupted, being undone");
		begin(view, "prove");
		expect(screen()[0]).toMatch(/9 Prove {5}interrupted$/);
		view.end(new Error("interrupted"));
	});

	test("a step that failed is marked, and no later one is shown", async () => {
		const { io, screen } = terminal();
		const view = await openView(io, false);
		begin(view, "connect");
		view.end(new Error("no"));
		expect(screen()).toEqual(["✖ 1 Connect", ""]);
	});

	test("a question has the terminal to itself", async () => {
		const { io, bytes, screen } = terminal();
		const view: View = await openView(io, false);
		begin(view, "connect");
		let before = "";
		const prompt = besides(view, {
			possible: true,
			async ask() {
				before = bytes();
				vi.advanceTimersByTime(5000);
				expect(bytes()).toBe(before);
				expect(screen()).toEqual([""]);
				return "secret";
			},
		});
		expect(await prompt.ask("password: ")).toBe("secret");
		expect(screen()[0]).toContain("1 Connect");
		view.end();
	});

	test("no colours with NO_COLOR; plain lines on a terminal that can do nothing, and where there is none", async () => {
		const sgr = (parameter: number, text: string): string => `\u001b[${parameter}m${text}\u001b[0m`;
		for (const [env, tty, expected] of [
			[{ NO_COLOR: "1" }, true, "✔ 1 Connect   root"],
			[{}, true, `${sgr(32, "✔")} 1 ${sgr(1, "Connect")}   root`],
			[{ TERM: "dumb" }, true, "connect: root"],
			[{}, false, "connect: root"],
		] as const) {
			const { io, screen } = terminal({ env, tty });
			const view = await openView(io, false);
			begin(view, "connect");
			done(view, "connect", "root");
			view.end();
			expect(screen()).toEqual([expected, ""]);
		}
	});
});

test("an error on a terminal: a sentence, then a line for each thing it knows", () => {
	const error = new EkexecError("failed", "SSH_UNREACHABLE", "no connection to the SSH port", {
		where: "db1:22",
		found:
			"192.0.2.7: connection refused, nothing listens there (ECONNREFUSED); 2001:db8::7: no answer",
		remedy: "Check the address.",
	});
	expect(showError(error, 50, false)).toBe(
		[
			"ekexec: no connection to the SSH port",
			"  where     db1:22",
			"  found     192.0.2.7: connection refused, nothing",
			"            listens there (ECONNREFUSED)",
			"            2001:db8::7: no answer",
			"  to do     Check the address.",
		].join("\n"),
	);
});

test.skipIf(process.platform !== "linux")(
	"a full disk is no bug, though its error names no file (on Linux)",
	async () => {
		const error = await writeFile("/dev/full", "x").catch((error: unknown) => error);
		expect(error).not.toHaveProperty("path");
		expect(asFileError(error)).toMatchObject({
			kind: "failed",
			details: { found: "the disk is full (ENOSPC), at write" },
		});
		expect(asFileError(Object.assign(new Error("x"), { code: "ECONNRESET" }))).toBeUndefined();
	},
);
