import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, describe, expect, test } from "vitest";
import { dialCommand } from "../../src/ssh/dial.ts";
import { noPrompt, type Prompt } from "../../src/ssh/index.ts";
import { find, missing } from "../support/programs.ts";
import { scratch } from "./sshd.ts";

const shells = ["sh", "fish", "zsh", "tcsh"] as const;
const lacking = missing("fish", "zsh", "tcsh");
const place = scratch();
afterAll(() => place.remove());

describe.skipIf(lacking).each(shells)(`a ProxyCommand in %s ${lacking}`, (shell) => {
	const env = { ...process.env, SHELL: shell === "sh" ? "/bin/sh" : find(shell) };
	const run = (name: string, source: string, words = "") => {
		const script = join(place.path, `${shell}-${name}.cjs`);
		writeFileSync(script, source);
		return dialCommand(`${process.execPath} ${script} ${words}`, env, noPrompt, () => {});
	};

	test("has its words as they stand, and its own words are told", async () => {
		const source = "console.log(process.argv.slice(2).join()); console.error('so it is');";
		const line = run("words", source, `"a  b" 'c"d' -x`);
		expect(await text(line.stream)).toBe('a  b,c"d,-x\n');
		expect(await line.talk()).toBe("so it is");
	});

	test("is not reached by Ctrl-C: what was begun is undone over it", async () => {
		// proc_pid_stat(5): pgrp and session, behind the name and two more.
		const source = `const stat = require("node:fs").readFileSync("/proc/self/stat", "latin1");
			const [, , group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
			console.log(+group === process.pid, +session === process.pid);`;
		expect(await text(run("group", source).stream)).toBe("true true\n");
	});

	test("ends with the line, and so does what it has started", async () => {
		const source = `const child = require("node:child_process").spawn("sleep", ["600"]);
			console.log(child.pid); setInterval(() => {}, 1000);`;
		const { stream } = run("ends", source);
		const pid = await new Promise<number>((resolve) =>
			stream.once("data", (chunk) => resolve(Number(chunk))),
		);
		stream.on("error", () => {}).destroy();
		// Gone, or waiting for whoever adopted it to look.
		const state = () => {
			try {
				return /\) (.)/.exec(readFileSync(`/proc/${pid}/stat`, "latin1"))?.[1] ?? "gone";
			} catch {
				return "gone";
			}
		};
		await expect.poll(state, { timeout: 20_000 }).toMatch(/Z|gone/);
	});
});

test("a ProxyCommand has the operator's screen, asks through us, and ends with this process", async () => {
	const prompt: Prompt = { possible: true, ask: async () => "" };
	const source = "console.log(process.env.DISPLAY, process.env.SSH_ASKPASS_REQUIRE, process.ppid);";
	const script = join(place.path, "screen.cjs");
	writeFileSync(script, `${source} setInterval(() => {}, 1000);`);
	const said = async (display: object) => {
		const { SSH_ASKPASS_REQUIRE: _force, DISPLAY: _display, ...rest } = process.env;
		const env = { ...rest, ...display, SHELL: "/bin/sh" };
		const before = process.listenerCount("exit");
		const { stream } = dialCommand(`${process.execPath} ${script}`, env, prompt, () => {});
		expect(process.listenerCount("exit")).toBe(before + 1);
		const words = await new Promise((resolve) =>
			stream.once("data", (data) => resolve(String(data))),
		);
		const closed = new Promise((resolve) => stream.once("close", resolve));
		stream.on("error", () => {}).destroy();
		await closed;
		expect(process.listenerCount("exit")).toBe(before);
		return words;
	};
	expect(await said({ DISPLAY: ":7" })).toBe(`:7 undefined ${process.pid}\n`);
	expect(await said({})).toBe(`:none undefined ${process.pid}\n`);
});
