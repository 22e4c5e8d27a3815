import { appendFileSync, mkdirSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";
import { countsFile } from "./counts.ts";

/**
 * Counts what ran, prints `N passed, N failed` last, and keeps the counts for `npm run test:tally`.
 * With CI=true a test that was skipped for want of a program counts as failed: what the run was meant to show, it did
 * not show. What the kernel at hand cannot do is another matter: no package brings it, and virtual machines with Debian's
 * kernel run the same. Such a skip says "this kernel" in its name or note, and stays a skip.
 */
export default class CountingReporter implements Reporter {
	onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
		let passed = 0;
		let failed = errors.length;
		const skipped: string[] = [];
		const beyondKernel: string[] = [];
		for (const module of modules) {
			failed += module.errors().length;
			for (const test of module.children.allTests()) {
				const result = test.result();
				const { state } = result;
				if (state === "passed") passed += 1;
				else if (state === "failed") failed += 1;
				else {
					const note = "note" in result ? (result.note ?? "") : "";
					const told = `${module.relativeModuleId}: ${test.fullName} ${note}`.trim();
					(/this kernel/.test(told) ? beyondKernel : skipped).push(told);
				}
			}
			for (const suite of module.children.allSuites()) failed += suite.errors().length;
		}
		const ci = process.env.CI === "true";
		for (const name of skipped) console.log(`${ci ? "FAILED (skipped)" : "skipped"}: ${name}`);
		for (const name of beyondKernel) console.log(`skipped: ${name}`);
		if (ci) failed += skipped.length;
		const left = beyondKernel.length + (ci ? 0 : skipped.length);
		const rest = left > 0 ? `, ${left} skipped` : "";
		mkdirSync(new URL(".", countsFile), { recursive: true });
		appendFileSync(countsFile, `${JSON.stringify({ passed, failed })}\n`);
		if (ci && skipped.length > 0) process.exitCode = 1;
		console.log(`${passed} passed, ${failed} failed${rest}`);
	}
}
