import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { importImage, importLoose } from "../../src/image/index.ts";
import { commandLineOfRun } from "../../src/image/nixos.ts";
import { tar } from "../debian/make.ts";

let home = "";
beforeEach(async () => {
	home = await mkdtemp(join(tmpdir(), "ekexec-import-"));
	onTestFinished(() => rm(home, { recursive: true, force: true }));
});

const imported = (path: string) => importImage(path, { cache: join(home, "cache") });

describe("a tarball that is none", () => {
	const whole = () => tar([{ name: "kexec/run", content: 'init="/init"\nkernelParams=""\n' }]);

	test.each([
		["cut within a header", async () => (await whole()).subarray(0, 300), "no whole tarball"],
		["cut within a file", async () => (await whole()).subarray(0, 520), "no whole tarball"],
		["of other bytes", async () => new Uint8Array(2048).fill(65), "no whole tarball"],
		[
			"with a file twice",
			() => tar(["a", "b"].map((content) => ({ name: "kexec/run", content }))),
			"twice",
		],
		[
			"with a name that every object knows",
			() => tar([{ name: "kexec/constructor", content: "x" }]),
			"no image that ekexec knows",
		],
	])("%s is refused", async (_name, make, says) => {
		const path = join(home, "image.tar");
		await writeFile(path, await make());
		await expect(imported(path)).rejects.toMatchObject({
			code: "IMAGE_FORMAT",
			summary: expect.stringContaining(says),
		});
	});
});

test.each([
	["", "JSON"],
	["{", "JSON"],
	["[]", "an object"],
	['{"adapter":1}', "rootfs"],
])("a folder whose ekexec.json holds %j is refused", async (about, expected) => {
	const folder = join(home, "loose");
	await mkdir(folder);
	for (const name of ["kernel", "initrd", "cmdline"]) await writeFile(join(folder, name), "x");
	await writeFile(join(folder, "ekexec.json"), about);
	await expect(imported(folder)).rejects.toMatchObject({
		code: "IMAGE_FORMAT",
		details: { expected: expect.stringContaining(expected) },
	});
});

test("a folder of a kernel and an initrd is nothing that a signature could be of", async () => {
	const folder = join(home, "loose");
	await mkdir(folder);
	for (const name of ["kernel", "initrd", "cmdline"]) await writeFile(join(folder, name), "x");
	for (const options of [{ signature: join(folder, "cmdline") }, { sha256: "ab".repeat(32) }]) {
		await expect(importImage(folder, { ...options, cache: home })).rejects.toMatchObject({
			code: "IMAGE_UNSIGNED",
		});
	}
});

test("a file that changes while it is copied is not kept under its former digest", async () => {
	const kernel = join(home, "kernel");
	await writeFile(kernel, "x");
	// Says something else each time.
	const initrd = "/proc/sys/kernel/random/uuid";
	const loose = { kernel, initrd, commandLine: "", adapter: "stage1" } as const;
	await expect(importLoose(loose, { cache: home })).rejects.toMatchObject({
		code: "IMAGE_DAMAGED",
		details: { where: initrd },
	});
});

describe("the run script of nixos-images", () => {
	test("words with and without quotes, blanks and line ends around", () => {
		expect(commandLineOfRun("\n\tinit='/i'\r\n  kernelParams=quiet  \n", "run")).toBe(
			"init=/i quiet",
		);
	});
	test("a megabyte of empty lines comes to an end", () => {
		expect(() => commandLineOfRun("\n".repeat(1024 * 1024), "run")).toThrow(
			expect.objectContaining({ code: "IMAGE_FORMAT" }),
		);
	});
});
