import { describe, expect, test } from "vitest";
import { budgetMemory, checkMemory } from "../../src/rescue/memory.ts";
import { rootSpace } from "../../src/rescue/root-space.ts";
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

describe("what the kernel can unpack into", () => {
	const memory = 1000 * MiB;
	const half = memory / 2;
	test.each([
		["quiet", half, half],
		["initramfs_options=size=90%", half, 900 * MiB],
		["initramfs_options=nr_inodes=0,size=700m", half, 700 * MiB],
		["initramfs_options=size=90% initramfs-options=size=80%", half, 800 * MiB],
		["initramfs_options=size=0", half, Infinity],
		["initramfs_options=mode=0755", half, half],
		["root=", half, half],
		["root=fstab", Infinity, Infinity],
		["rootfstype=ramfs", Infinity, Infinity],
		["root=/dev/sda1 rootfstype=tmpfs", half, half],
	])("%s", (line, bytes, withOptions) => {
		expect(rootSpace(line, memory)).toEqual({ bytes, withOptions });
	});

	const total = 300 * MiB;
	const facts = healthyFacts({
		memory: { total, available: total, free: total, swapTotal: 0, swapFree: 0, vmallocTotal: 0 },
	});
	const verdict = (line: string, knows?: boolean) => {
		const budget = budgetMemory(facts, sizes, "kexec_load");
		return checkMemory(budget, rootSpace(line, total - sizes.initrd), knows);
	};
	const lifted = "initramfs_options=size=100%";

	test("a kernel that knows the option, and one that has no limit", () => {
		expect(verdict(lifted, true)).toMatchObject({ verdict: "ok" });
		expect(verdict("rootfstype=ramfs", false)).toMatchObject({ verdict: "ok" });
	});

	test("too little, whether nobody asked for more or the kernel does not know how", () => {
		const found = expect.stringContaining("140 MiB, of which its kernel's root takes 132 MiB");
		expect(verdict("quiet", true)).toMatchObject({
			verdict: "refusal",
			found,
			remedy: expect.stringContaining(lifted),
		});
		expect(verdict(lifted, false)).toMatchObject({
			verdict: "refusal",
			found,
			remedy: expect.stringContaining("rootfstype=ramfs"),
		});
		expect(verdict("quiet")).toMatchObject({ verdict: "refusal" });
	});

	test("a kernel that cannot be asked: a warning", () => {
		expect(verdict(lifted)).toMatchObject({
			verdict: "warning",
			remedy: expect.stringContaining("rootfstype=ramfs"),
		});
	});
});

test.each(["kexec_file_load", "kexec_load"] as const)(
	"%s: the kernel refuses segments of more than half of the memory, all of them together",
	(method) => {
		const memory = (total: number) =>
			healthyFacts({
				memory: {
					total: total * MiB,
					available: 1024 * MiB,
					free: 0,
					swapTotal: 0,
					swapFree: 0,
					vmallocTotal: 0,
				},
			});
		const heavy = { ...sizes, initrd: 100 * MiB };
		const verdict = (total: number) => checkMemory(budgetMemory(memory(total), heavy, method));
		expect(verdict(2 * (100 + 56))).toMatchObject({ verdict: "refusal" });
		expect(verdict(2 * (100 + 56)).found).toContain("336 MiB");
		expect(verdict(2 * (100 + 56) + 40)).toMatchObject({ verdict: "ok" });
		expect(verdict(400)).toMatchObject({ verdict: "ok" });
		expect(
			checkMemory(budgetMemory(memory(400), { ...heavy, initrd: 150 * MiB }, method)).found,
		).toMatch(/^kernel and initrd take 206 MiB/);
	},
);
