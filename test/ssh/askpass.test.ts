import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Askpass, startAskpass } from "../../src/ssh/askpass.ts";
import { noPrompt, type Prompt } from "../../src/ssh/index.ts";

let askpass: Askpass;
afterEach(() => askpass.close());

const asked: { question: string; echo: boolean | undefined }[] = [];
const faults: Error[] = [];
const warnings: string[] = [];
/** Takes questions up by `prompt`, with a note of each. */
function start(ask: (signal: AbortSignal | undefined) => Promise<string>): void {
	for (const list of [asked, faults, warnings]) list.length = 0;
	const prompt: Prompt = {
		possible: true,
		ask: (question, options = {}) => {
			asked.push({ question, echo: options.echo });
			return ask(options.signal);
		},
	};
	askpass = startAskpass({
		prompt,
		warn: (line) => warnings.push(line),
		onFault: (error) => faults.push(error),
	});
}

/** What ssh does with a question. */
function question(words: string, kind?: string) {
	const env = { ...process.env, ...askpass.env, ...(kind && { SSH_ASKPASS_PROMPT: kind }) };
	const child = spawn(askpass.env.SSH_ASKPASS ?? "", [words], { env });
	let said = "";
	child.stdout.on("data", (chunk) => {
		said += String(chunk);
	});
	const ended = new Promise<{ said: string; code: number | null }>((resolve) => {
		child.once("close", (code) => resolve({ said, code }));
	});
	return { child, ended };
}

test("a secret, and a question about a host key", async () => {
	start(async () => 'ph"rase é');
	expect(await question("Enter\npassphrase: ").ended).toEqual({ said: 'ph"rase é\n', code: 0 });
	await question("Continue (yes/no/[fingerprint])? ").ended;
	expect(asked).toEqual([
		{ question: "Enter\npassphrase: ", echo: false },
		{ question: "Continue (yes/no/[fingerprint])? ", echo: true },
	]);
});

test("a server's words do not drive the terminal", async () => {
	start(async () => "");
	await question("\x1b]0;title\x07Password: ").ended;
	expect(asked[0]?.question).toBe("\\x1b]0;title\\x07Password: ");
});

test("a key that waits to be touched is told of, and nothing is asked", async () => {
	start(async () => "never");
	expect((await question("Confirm user presence for key x", "none").ended).said).toBe("\n");
	expect(warnings).toEqual(["Confirm user presence for key x"]);
	expect(asked).toEqual([]);
});

test.each([
	["yes", 0],
	["no", 1],
	["", 1],
])("a confirmation answered with %j", async (answer, code) => {
	start(async () => answer);
	expect((await question("Allow it?", "confirm").ended).code).toBe(code);
	expect(asked).toEqual([{ question: "Allow it? (yes/no) ", echo: true }]);
});

test.each(["ssh", "close"])("a question that nobody waits for is taken back: %s", async (by) => {
	let open: () => void = () => {};
	const opened = new Promise<void>((resolve) => {
		open = resolve;
	});
	let taken: () => void = () => {};
	const back = new Promise<void>((resolve) => {
		taken = resolve;
	});
	start((signal) => {
		open();
		return new Promise((_, reject) => {
			signal?.addEventListener("abort", () => {
				taken();
				reject(signal.reason);
			});
		});
	});
	const { child, ended } = question("Password: ");
	await opened;
	if (by === "ssh") child.kill();
	else askpass.close();
	await back;
	await ended;
	expect(faults).toEqual([]);
	if (by === "close") expect(existsSync(dirname(askpass.env.SSH_ASKPASS ?? ""))).toBe(false);
});

test("whoever breaks off is no answer", async () => {
	start(() => Promise.reject(new Error("broken off")));
	expect(await question("Password: ").ended).toEqual({ said: "", code: 1 });
	expect(faults).toMatchObject([{ message: "broken off" }]);
});

test("where nobody can be asked, ssh does not try", () => {
	askpass = startAskpass({ prompt: noPrompt, warn: () => {}, onFault: () => {} });
	expect(askpass.env).toEqual({});
});
