import { expect, test } from "vitest";
import { budgetMemory } from "../../src/rescue/memory.ts";
import { healthyFacts, MiB } from "../support/facts.ts";

const sizes = {
	kernel: 12 * MiB,
	kernelMemory: 56 * MiB,
	initrd: 36 * MiB,
	unpacked: 140 * MiB,
};

test.each([
	["kexec_file_load: a reading copy of both, and the segments", "kexec_file_load", 48 + 56 + 36],
	["kexec_load: the segments, the kernel's as large as it needs to start", "kexec_load", 56 + 36],
] as const)("%s", (_name, method, loading) => {
	expect(budgetMemory(healthyFacts(), sizes, method)).toMatchObject({
		staged: 48 * MiB,
		loading: loading * MiB,
		beforeJump: (48 + loading + 24) * MiB,
	});
});
