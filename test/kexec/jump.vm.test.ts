// Real kernels, real jumps: each marker lies in one initrd only, so that only the kernel that got it can print it.
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { utf8 } from "../../src/bytes/index.ts";
import type { CpioEntry } from "../../src/cpio/index.ts";
import {
	complaintOf,
	decodeSystem,
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

const lacking = missing("qemu-system-x86_64", "clang", "ld.lld", "mkfs.ext4");
/** A kernel boots in some seconds here; this is for a machine with much else to do. */
const patience = 240_000;

describe.skipIf(lacking !== "")(`jumps on x86-64 ${lacking}`, () => {
	const markers = [randomUUID(), randomUUID(), randomUUID(), randomUUID()] as const;
	const modules = ["loop", "crc16", "crc32c_generic", "mbcache", "jbd2", "ext4"];
	let kernel: TestKernel;
	let init: Uint8Array;
	let machine: Machine;

	beforeAll(async () => {
		kernel = await debianKernel("amd64", modules);
		init = await buildInit("x86_64");
		const entries: CpioEntry<never>[] = [
			...(userland(
				markers[0],
				{ kind: "file", name: "", content: init },
				{ kind: "file", name: "", content: helperBytes("x86_64") },
			) as CpioEntry<never>[]),
			{ kind: "file", name: "vmlinuz", content: new Uint8Array(readFileSync(kernel.file)) },
			{ kind: "file", name: "root.ext4", content: brokenRoot() },
			{ kind: "directory", name: "modules" },
			...kernel.modules.map(
				(file, index): CpioEntry<never> => ({
					kind: "file",
					name: `modules/${index}.ko`,
					content: new Uint8Array(readFileSync(file)),
				}),
			),
		];
		machine = await startMachine(
			{
				memory: 512,
				kernel: kernel.file,
				cmdline: "console=ttyS0 panic=-1",
				onReboot: "exit",
				serial: ["-serial", "chardev:talk"],
			},
			entries,
		);
	});
	afterAll(async () => {
		await machine?.stop();
	});

	/** What the next kernel gets of the present one's files, the marker apart. */
	const inherit = (marker: string): CpioEntry<{ path: string }>[] => {
		const from = (path: string, size: number) => ({ size, ref: { path } });
		return [
			...userland(
				marker,
				{ kind: "file", name: "", content: from("/init", init.length) },
				{ kind: "file", name: "", content: from("/helper", helperBytes("x86_64").length) },
			),
			{ kind: "file", name: "vmlinuz", content: from("/vmlinuz", sizeOf(kernel.file)) },
			{ kind: "file", name: "root.ext4", content: from("/root.ext4", rootSize) },
			{ kind: "directory", name: "modules" },
			...kernel.modules.map((file, index) => ({
				kind: "file" as const,
				name: `modules/${index}.ko`,
				content: from(`/modules/${index}.ko`, sizeOf(file)),
			})),
		];
	};

	test("kexec_file_load jumps, after the kernel alone was tried and an abort left nothing", async () => {
		await machine.vm.console.waitFor(`MARKER ${markers[0]}`, { timeout: patience });
		const helper = await machine.talk();
		const files = [
			spliceKernel("/vmlinuz", sizeOf(kernel.file)),
			spliceInitrd(inherit(markers[1])),
		];
		await helper.stage(files, { timeout: patience });
		await helper.tryKernel("console=ttyS0");
		expect(loadedOf(await helper.probe([source.read("/sys/kernel/kexec_loaded")]))).toBe("0");
		await helper.seal();
		const commandLine = "console=ttyS0 panic=-1 ekexec.deny=kexec_file_load";
		expect(await helper.loadFile({ commandLine })).toEqual({
			method: "kexec_file_load",
			kexecLoaded: 1,
		});
		expect(await helper.unload()).toBe(0);
		expect(await helper.loadFile({ commandLine })).toEqual({
			method: "kexec_file_load",
			kexecLoaded: 1,
		});
		await helper.go();
		await machine.vm.console.waitFor(`MARKER ${markers[1]}`, { timeout: patience });
	});

	test("kexec_load jumps where the kernel has no kexec_file_load", async () => {
		const helper = await machine.talk();
		const [system, ...rest] = await helper.probe([source.system(), ...loadSources()]);
		expect(decodeSystem(system?.items[0]?.bytes ?? new Uint8Array())).toMatchObject({
			kexec_file_load: 38,
			kexec_load: 22,
		});
		const initrd = spliceInitrd(inherit(markers[2]));
		const commandLine = "console=ttyS0 panic=-1 ekexec.root=broken";
		const plan = planX86(
			{ kernel: new Uint8Array(readFileSync(kernel.file)), initrdSize: initrd.size, commandLine },
			readLoadFacts(rest),
		);
		const files = [spliceKernel("/vmlinuz", sizeOf(kernel.file)), initrd, plan.extra];
		await helper.stage(files, { timeout: patience });
		await helper.seal();
		const refused = await helper.loadFile({ commandLine }).catch((error: unknown) => error);
		expect(complaintOf(refused)).toMatchObject({ code: "LOAD", at: "kexec_file_load", errno: 38 });
		expect(await helper.loadSegments(plan.load)).toEqual({ method: "kexec_load", kexecLoaded: 1 });
		await helper.go();
		await machine.vm.console.waitFor(`MARKER ${markers[2]}`, { timeout: patience });
	});

	test("a target whose root answers everything by EIO is left all the same", async () => {
		await machine.vm.console.waitFor("ROOT write -5 read -5", { timeout: patience });
		const helper = await machine.talk();
		const secret = spliceInitrd([
			{ kind: "file", name: "key", content: { size: 7, ref: { path: "/secret" } } },
		]);
		const kernelFile = spliceKernel("/run/vmlinuz", sizeOf(kernel.file));
		const initrd = spliceInitrd(
			userland(
				markers[3],
				{ kind: "file", name: "", content: init },
				{
					kind: "file",
					name: "",
					content: { size: helperBytes("x86_64").length, ref: { path: "/run/helper" } },
				},
			),
		);
		const failed = await helper
			.stage([{ ...secret, file: 3 }], { timeout: patience })
			.catch((error: unknown) => error);
		expect(complaintOf(failed)).toMatchObject({ code: "SPLICE", errno: 5, part: 1 });
		await helper.stage([kernelFile, initrd], { timeout: patience });
		await helper.seal();
		await helper.loadFile({ commandLine: "console=ttyS0 panic=-1" });
		await helper.go();
		await machine.vm.console.waitFor(`MARKER ${markers[3]}`, { timeout: patience });
		expect(machine.vm.console.text).not.toContain("TROUBLE");
	});
});

function loadedOf(answers: readonly { items: readonly { bytes: Uint8Array }[] }[]): string {
	return String.fromCharCode(answers[0]?.items[0]?.bytes[0] ?? 0);
}

const rootSize = 4 * 1024 * 1024;

/** A small ext4 with the mount points that a chroot needs and a file that will not be readable. */
function brokenRoot(): Uint8Array {
	const folder = mkdtempSync(join(tmpdir(), "ekexec-ext4-"));
	try {
		const tree = join(folder, "tree");
		execFileSync("mkdir", ["-p", ...["proc", "sys", "dev", "run"].map((name) => join(tree, name))]);
		writeFileSync(join(tree, "secret"), utf8("secret\n"));
		const image = join(folder, "image");
		execFileSync("mkfs.ext4", ["-q", "-d", tree, image, "4M"], { stdio: "ignore" });
		return new Uint8Array(readFileSync(image));
	} finally {
		rmSync(folder, { recursive: true });
	}
}
