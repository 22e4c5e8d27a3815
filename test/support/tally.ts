// Adds up the counts of all test runs since the last tally. Arguments: the exit codes of the steps before it;
// one that is not zero without a failed test to show for it counts as a failure of its own.
import { readFileSync, rmSync } from "node:fs";
import { countsFile } from "./counts.ts";

let passed = 0;
let failed = 0;
try {
	for (const line of readFileSync(countsFile, "utf8").split("\n").filter(Boolean)) {
		const run = JSON.parse(line) as { passed: number; failed: number };
		passed += run.passed;
		failed += run.failed;
	}
	rmSync(countsFile);
} catch (error) {
	console.error(`no counts of a test run were found: ${String(error)}`);
}
const broken = process.argv.slice(2).filter((code) => code !== "0").length;
if (broken > 0 && failed === 0) failed = broken;
if (passed === 0 && failed === 0) failed = 1;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
