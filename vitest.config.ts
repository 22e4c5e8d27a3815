import { defineConfig } from "vitest/config";

const minutes = (n: number) => n * 60_000;

/**
 * Four kinds of test, told apart by the file's name.
 * unit: pure or small files, no other program. real: beside other programs. vm: QEMU. matrix: the long rest, for CI.
 */
const project = (name: string, include: string[], exclude: string[], timeout: number) => ({
	test: {
		name,
		include,
		exclude,
		testTimeout: timeout,
		hookTimeout: timeout,
		...(name === "unit" ? {} : { globalSetup: ["test/support/programs.setup.ts"] }),
	},
});

export default defineConfig({
	test: {
		reporters: ["default", "./test/support/reporter.ts"],
		maxWorkers: 2,
		projects: [
			project("unit", ["test/**/*.test.ts"], ["test/**/*.{real,vm,matrix}.test.ts"], 20_000),
			project("real", ["test/**/*.real.test.ts"], [], minutes(2)),
			project("vm", ["test/**/*.vm.test.ts"], [], minutes(10)),
			project("matrix", ["test/**/*.matrix.test.ts"], [], minutes(15)),
		],
	},
});
