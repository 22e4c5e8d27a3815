// UEFI by kexec_load: the next kernel must find ACPI, and the firmware's services where the old one had put them.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { text } from "../../src/bytes/index.ts";
import type { CpioEntry } from "../../src/cpio/index.ts";
import {
	type HelperClient,
	loadSources,
	planX86,
	readLoadFacts,
	source,
} from "../../src/kexec/index.ts";
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

const firmware = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const lacking = missing("qemu-system-x86_64", "clang", "ld.lld", firmware);
const patience = 400_000;

describe.skipIf(lacking !== "")(`a jump under UEFI ${lacking}`, () => {
	const markers = [randomUUID(), randomUUID()] as const;
	let kernel: TestKernel;
	let init: Uint8Array;
	let machine: Machine;
	const helper = helperBytes("x86_64");
	beforeAll(async () => {
		kernel = await debianKernel("amd64");
		init = await buildInit("x86_64");
		machine = await startMachine(
			{
				memory: 768,
				kernel: kernel.file,
				cmdline: "console=ttyS0 panic=-1",
				onReboot: "exit",
				serial: [
					...["-serial", "chardev:talk"],
					...["-drive", `if=pflash,format=raw,readonly=on,file=${firmware}`],
				],
			},
			[
				...(userland(
					markers[0],
					{ kind: "file", name: "", content: init },
					{ kind: "file", name: "", content: helper },
				) as CpioEntry<never>[]),
				{ kind: "file", name: "vmlinuz", content: new Uint8Array(readFileSync(kernel.file)) },
			],
		);
	}, patience);
	afterAll(async () => {
		await machine?.stop();
	});

	/** What a kernel knows of its firmware: where the runtime services lie, and the ACPI tables. */
	const firmwareOf = async (client: HelperClient) => {
		const [map, acpi] = await client.probe(
			[
				source.read("/sys/firmware/efi/runtime-map/*/*"),
				source.names("/sys/firmware/acpi/tables/*"),
			],
			{ timeout: patience },
		);
		return {
			map: map?.items.map((item) => `${text(item.path)} ${text(item.bytes).trim()}`).sort(),
			acpi: acpi?.items.map((item) => text(item.path)).sort(),
		};
	};

	test("kexec_load hands EFI's runtime map and the ACPI tables over", async () => {
		await machine.vm.console.waitFor(`MARKER ${markers[0]}`, { timeout: patience });
		const client = await machine.talk();
		const before = await firmwareOf(client);
		expect(before.map?.length).toBeGreaterThan(0);
		expect(before.acpi).toContain("/sys/firmware/acpi/tables/DSDT");
		const facts = readLoadFacts(await client.probe(loadSources(), { timeout: patience }));
		expect(facts.efi?.runtime.length).toBeGreaterThan(0);
		const initrd = spliceInitrd(
			userland(
				markers[1],
				{ kind: "file", name: "", content: { size: init.length, ref: { path: "/init" } } },
				{ kind: "file", name: "", content: { size: helper.length, ref: { path: "/helper" } } },
			),
		);
		const plan = planX86(
			{
				kernel: new Uint8Array(readFileSync(kernel.file)),
				initrdSize: initrd.size,
				commandLine: "console=ttyS0 panic=-1",
			},
			facts,
		);
		const files = [spliceKernel("/vmlinuz", sizeOf(kernel.file)), initrd, plan.extra];
		await client.stage(files, { timeout: patience });
		await client.seal();
		await client.loadSegments(plan.load);
		await client.go();
		await machine.vm.console.waitFor(`MARKER ${markers[1]}`, { timeout: patience });
		expect(await firmwareOf(await machine.talk())).toEqual(before);
	}, 900_000);
});
