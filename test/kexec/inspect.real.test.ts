// What we read in Debian's kernels is what file(1) reads in them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { concat, equal, utf8 } from "../../src/bytes/index.ts";
import { knowsParameter, readKernelImage, unwrapKernel } from "../../src/kexec/index.ts";
import { debianKernel } from "../support/kernels.ts";
import { missing } from "../support/programs.ts";
import { runProgram } from "./support/cli.ts";

const lacking = missing("file");

describe.skipIf(lacking !== "")(`kexec inspect beside file ${lacking}`, () => {
	const files: Record<string, string> = {};
	beforeAll(async () => {
		for (const arch of ["amd64", "arm64"] as const) files[arch] = (await debianKernel(arch)).file;
	}, 600_000);
	const inspect = async (file: string) =>
		JSON.parse(await runProgram(["kexec", "inspect", "--json", file]));
	const told = (file: string) => execFileSync("file", ["-b", file], { encoding: "utf8" }).trim();

	test("amd64", async () => {
		const file = files.amd64 ?? "";
		const image = await inspect(file);
		expect(told(file)).toContain(
			`Linux kernel x86 boot executable ${image.format}, version ${image.version}`,
		);
		expect(image).toMatchObject({
			architecture: "x86_64",
			relocatable: true,
			flags: { kernel64: true, above4G: true },
			efi: true,
			signature: {
				names: ["Debian Secure Boot CA", expect.stringContaining("Debian Secure Boot Signer")],
			},
		});
		expect(image.release).toMatch(/^6\.1\.\d+-\d+-amd64$/);
		expect(image.payload.offset + image.payload.size).toBeLessThanOrEqual(
			readFileSync(file).length,
		);
		const rows = await runProgram(["kexec", "inspect", file]);
		expect(rows).toMatch(/^version {11}6\.1\./m);
		expect(rows).toMatch(/^signature {9}by Debian Secure Boot CA/m);
	});

	test("arm64", async () => {
		const file = files.arm64 ?? "";
		const image = await inspect(file);
		expect(told(file)).toBe(
			`Linux kernel ARM64 boot executable ${image.format}, ${image.endian}-endian, ${image.pageSize}K pages`,
		);
		expect(image.release).toMatch(/^6\.1\.\d+-\d+-arm64$/);
	});

	test("both know the parameter that lifts the limit of the initramfs, and none that is no parameter", async () => {
		for (const file of Object.values(files)) {
			const kernel = new Uint8Array(readFileSync(file));
			expect(await knowsParameter(kernel, "initramfs_options")).toBe(true);
			expect(await knowsParameter(kernel, "initramfs_opinions")).toBe(false);
		}
	});

	test("a gzipped and an EFI zboot arm64 kernel are named and unwrapped", async () => {
		const plain = new Uint8Array(readFileSync(files.arm64 ?? ""));
		const gzip = new Uint8Array(gzipSync(plain, { level: 1 }));
		expect(readKernelImage(gzip)).toEqual({ format: "gzip", efi: false });
		expect(equal(await unwrapKernel(gzip), plain)).toBe(true);
		const head = new Uint8Array(64);
		head.set(utf8("MZ"));
		head.set(utf8("zimg"), 4);
		new DataView(head.buffer).setUint32(8, 64, true);
		new DataView(head.buffer).setUint32(12, gzip.length, true);
		head.set(utf8("gzip"), 24);
		const zboot = concat([head, gzip]);
		expect(readKernelImage(zboot)).toMatchObject({ format: "zboot", compression: "gzip" });
		expect(equal(await unwrapKernel(zboot), plain)).toBe(true);
		expect(equal(await unwrapKernel(plain), plain)).toBe(true);
	});
});
