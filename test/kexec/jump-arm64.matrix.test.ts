// arm64: Debian's kernel there has kexec_load only, so this is the jump that most boards will make.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CpioEntry } from "../../src/cpio/index.ts";
import { loadSources, planArm64, readLoadFacts, source } from "../../src/kexec/index.ts";
import { debianKernel, type TestKernel } from "../support/kernels.ts";
import { missing } from "../support/programs.ts";
import {
	buildInit,
	helperBytes,
	type Machine,
	sizeOf,
	spliceInitrd,
	spliceKernel,
	startMachine,
	userland,
} from "./support/machine.ts";

const lacking = missing("qemu-system-aarch64", "clang", "ld.lld");
const patience = 400_000;

describe.skipIf(lacking !== "")(`a jump on arm64 ${lacking}`, () => {
	const markers = [randomUUID(), randomUUID()] as const;
	let kernel: TestKernel;
	let init: Uint8Array;
	let machine: Machine;
	beforeAll(async () => {
		kernel = await debianKernel("arm64");
		init = await buildInit("aarch64");
		machine = await startMachine(
			{
				architecture: "arm64",
				memory: 1024,
				kernel: kernel.file,
				cmdline: "console=ttyAMA0 panic=-1 ekexec.port=S0",
				onReboot: "exit",
				serial: ["-device", "pci-serial,chardev=talk"],
			},
			[
				...(userland(
					markers[0],
					{ kind: "file", name: "", content: init },
					{ kind: "file", name: "", content: helperBytes("aarch64") },
				) as CpioEntry<never>[]),
				{ kind: "file", name: "vmlinuz", content: new Uint8Array(readFileSync(kernel.file)) },
			],
		);
	}, patience);
	afterAll(async () => {
		await machine?.stop();
	});

	test("kexec_load with the device tree rewritten", async () => {
		await machine.vm.console.waitFor(`MARKER ${markers[0]}`, { timeout: patience });
		const helper = await machine.talk();
		expect(helper.hello.arch).toBe("aarch64");
		const answers = await helper.probe([source.system(), ...loadSources()], { timeout: patience });
		const initrd = spliceInitrd(
			userland(
				markers[1],
				{ kind: "file", name: "", content: { size: init.length, ref: { path: "/init" } } },
				{
					kind: "file",
					name: "",
					content: { size: helperBytes("aarch64").length, ref: { path: "/helper" } },
				},
			),
		);
		const plan = planArm64(
			{
				kernel: new Uint8Array(readFileSync(kernel.file)),
				initrdSize: initrd.size,
				commandLine: "console=ttyAMA0 panic=-1 ekexec.port=S0",
			},
			readLoadFacts(answers.slice(1)),
		);
		await helper.stage([spliceKernel("/vmlinuz", sizeOf(kernel.file)), initrd, plan.extra], {
			timeout: patience,
		});
		await helper.seal();
		expect(await helper.loadSegments(plan.load)).toEqual({ method: "kexec_load", kexecLoaded: 1 });
		await helper.go();
		await machine.vm.console.waitFor(`MARKER ${markers[1]}`, { timeout: patience });
		// The next kernel talks, too: it is whole.
		const next = await machine.talk();
		expect(
			(await next.probe([source.read("/proc/cmdline")], { timeout: patience }))[0]?.errno,
		).toBe(0);
	}, 900_000);
});
