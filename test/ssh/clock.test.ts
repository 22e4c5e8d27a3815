import { expect, test } from "vitest";
import { Clock } from "../../src/ssh/clock.ts";
import type { Prompt } from "../../src/ssh/index.ts";

test.each(["the login", "whoever asked"])("a question ends with %s", async (by) => {
	const prompt: Prompt = {
		possible: true,
		ask: (_question, { signal } = {}) =>
			new Promise((_, reject) => {
				signal?.addEventListener("abort", () => reject(new Error("taken back")));
			}),
	};
	const clock = new Clock();
	const own = new AbortController();
	const asked = clock.pausedBy(prompt).ask("?", { signal: own.signal });
	if (by === "the login") clock.stop();
	else own.abort();
	await expect(asked).rejects.toThrow("taken back");
});

test("once the login is over nothing is asked but for the line", async () => {
	const prompt: Prompt = {
		possible: true,
		ask: async (_question, { signal } = {}) => (signal?.aborted ? "taken back" : "asked"),
	};
	const clock = new Clock();
	clock.stop();
	expect(await clock.pausedBy(prompt).ask("?")).toBe("taken back");
	expect(await clock.pausedBy(prompt, true).ask("?")).toBe("asked");
});
