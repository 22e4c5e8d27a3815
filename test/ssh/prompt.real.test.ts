import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { missing } from "../support/programs.ts";

const asker = fileURLToPath(new URL("./asker.ts", import.meta.url));
const lacking = missing("script");

/** Runs the asker on a terminal of its own; types each answer once its question is seen. */
function onTerminal(...dialogue: [question: string, keys: string][]): Promise<string> {
	return new Promise((resolve) => {
		const words = [process.execPath, "--import", "tsx", asker];
		const child = spawn("script", ["-qefc", words.join(" "), "/dev/null"], { timeout: 60_000 });
		let seen = "";
		let from = 0;
		child.stdout.setEncoding("utf8").on("data", (text: string) => {
			seen += text;
			const [next] = dialogue;
			if (next === undefined) return;
			const at = seen.indexOf(next[0], from);
			if (at < 0) return;
			from = at + next[0].length;
			dialogue.shift();
			child.stdin.write(next[1]);
		});
		child.once("close", () => resolve(seen.replaceAll("\r", "")));
	});
}

describe.skipIf(lacking)(`questions on a terminal ${lacking}`, () => {
	test("a secret is not shown, what is no secret is; both can be corrected", async () => {
		const seen = await onTerminal(
			["Password: ", "se\u00e4x\x7f\x7fcret\r"],
			["Really? ", "yea\x7fs\r"],
		);
		expect(seen).toContain('first "secret"');
		expect(seen).toContain('second "yes"');
		expect(seen.split("Password: ")[1]?.split("\n")[0]).toBe("");
		expect(seen).toContain("a word before\nReally? yea");
	});

	test("Ctrl-C breaks it off, and the terminal is as it was", async () => {
		const seen = await onTerminal(["Password: ", "abc\x03"]);
		expect(seen).toContain("failed SSH_ABORTED");
		expect(seen).toContain("line by line, with echo: true");
	});
});
