import { writeFile } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EkexecError } from "../../src/bytes/index.ts";
import type { Io } from "../../src/cli/command.ts";
import { besides } from "../../src/cli/connect.ts";
import { openView } from "../../src/cli/open-view.ts";
import { asFileError, showError } from "../../src/cli/show-error.ts";
import type { View } from "../../src/cli/view.ts";
import type { Step } from "../../src/rescue/index.ts";

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

const begin = (view: View, step: Step): void =>
	view.report({ event: "step", step, state: "start" });
const done = (view: View, step: Step, detail: string): void =>
	view.report({ event: "step", step, state: "done", detail });

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
			details: { found: "no space left (ENOSPC), at write" },
		});
		expect(asFileError(Object.assign(new Error("x"), { code: "ECONNRESET" }))).toBeUndefined();
	},
);
