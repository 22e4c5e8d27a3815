// Asks two questions on its terminal and tells what it got: run by prompt.real.test.ts.
import { execFileSync } from "node:child_process";
import { terminalPrompt } from "../../src/ssh/index.ts";

const prompt = terminalPrompt();
try {
	console.log("first", JSON.stringify(await prompt.ask("Password: ")));
	const second = await prompt.ask("Really? ", { echo: true, preface: "a word before" });
	console.log("second", JSON.stringify(second));
} catch (error) {
	console.log("failed", (error as { code?: string }).code);
}
const modes = execFileSync("stty", ["-a"], { stdio: ["inherit", "pipe", "inherit"] }).toString();
console.log(
	`line by line, with echo: ${/(?:^|\s)icanon\b/m.test(modes) && /(?:^|\s)echo\b/m.test(modes)}`,
);
