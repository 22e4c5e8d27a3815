import { appendFileSync, mkdirSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { countsFile } from "./counts.ts";

/**
 * Counts what ran, prints `N passed, N failed` last, and keeps the counts for `npm run test:tally`.
 * With CI=true a skipped test counts as failed: what the run was meant to show, it did not show.
 */
export default class CountingReporter implements Reporter {
	onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
		let passed = 0;
		let failed = errors.length;
		const skipped: string[] = [];
		for (const module of modules) {
			failed += module.errors().length;
			for (const test of module.children.allTests()) {
				const { state } = test.result();
				if (state === "passed") passed += 1;
				else if (state === "failed") failed += 1;
				else skipped.push(`${module.relativeModuleId}: ${test.fullName}`);
			}
			for (const suite of module.children.allSuites()) failed += suite.errors().length;
		}
		const ci = process.env.CI === "true";
		for (const name of skipped) console.log(`${ci ? "FAILED (skipped)" : "skipped"}: ${name}`);
		if (ci) failed += skipped.length;
		const rest = !ci && skipped.length > 0 ? `, ${skipped.length} skipped` : "";
		mkdirSync(new URL(".", countsFile), { recursive: true });
		appendFileSync(countsFile, `${JSON.stringify({ passed, failed })}\n`);
		if (ci && skipped.length > 0) process.exitCode = 1;
		console.log(`${passed} passed, ${failed} failed${rest}`);
	}
}
