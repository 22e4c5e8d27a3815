import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { concat, utf8 } from "../../src/bytes/index.ts";
import { readBzImage, setupHeaderBytes } from "../../src/kexec/bzimage.ts";
import { knowsParameter, readKernelImage, unwrapKernel } from "../../src/kexec/index.ts";
import { readSignature } from "../../src/kexec/pe.ts";
import { runProgram } from "./support/cli.ts";

const fixture = (name: string) =>
	new Uint8Array(readFileSync(new URL(`../../fixtures/kexec/${name}`, import.meta.url)));
const edited = (bytes: Uint8Array, edit: (view: DataView) => void): Uint8Array => {
	const copy = bytes.slice();
	edit(new DataView(copy.buffer));
	return copy;
};

describe("bzImage", () => {
	const head = fixture("bzimage-head");
	test("Debian's header", () => {
		expect(readBzImage(head)).toMatchObject({
			architecture: "x86_64",
			protocol: 0x020f,
			release: expect.stringMatching(/^6\.1\.0-\d+-amd64$/),
			setupSize: 20_480,
			relocatable: true,
			alignment: 0x200000,
			preferredAddress: 0x1000000,
			commandLineSize: 2047,
			initrdMax: 0x7fffffff,
			payload: { offset: 21_196, compression: "none" },
		});
	});
	test("its part for boot_params ends where the header's jump says", () => {
		const bytes = setupHeaderBytes(head);
		expect(bytes.length).toBe(0x202 + (head[0x201] ?? 0) - 0x1f1);
		expect(bytes[0x1fe - 0x1f1]).toBe(0x55);
	});
	test.each([
		[
			"protocol 2.05",
			(view: DataView) => view.setUint16(0x206, 0x0205, true),
			"KERNEL_UNSUPPORTED",
		],
		["a zImage", (view: DataView) => view.setUint8(0x211, 0), "KERNEL_UNSUPPORTED"],
		["setup code beyond the file", (view: DataView) => view.setUint8(0x1f1, 200), "KERNEL_BROKEN"],
	])("%s is refused", (_name, edit, code) => {
		expect(() => readBzImage(edited(head, edit))).toThrow(expect.objectContaining({ code }));
	});
	test("a file cut off within its header is refused", () => {
		expect(() => readBzImage(head.subarray(0, 0x220))).toThrow(
			expect.objectContaining({ code: "BYTES_TRUNCATED" }),
		);
	});
	test("a 32-bit kernel says so", () => {
		const image = readBzImage(edited(head, (view) => view.setUint16(0x236, 0, true)));
		expect(image).toMatchObject({ architecture: "x86", flags: { kernel64: false } });
	});
});

describe("arm64 Image", () => {
	// The head alone is no whole PE file, so its certificate table is taken away.
	const head = edited(fixture("arm64-head"), (view) => {
		view.setUint32(view.getUint32(0x3c, true) + 24 + 112 + 4 * 8, 0, true);
	});
	test("Debian's header", () => {
		expect(readKernelImage(head)).toMatchObject({
			format: "Image",
			architecture: "aarch64",
			endian: "little",
			pageSize: 4,
			textOffset: 0,
			anywhere: true,
			efi: true,
		});
	});
	test.each([
		[0x0n, undefined, false],
		[0x4n, 16, false],
		[0xen, 64, true],
	] as const)("flags %d", (flags, pageSize, anywhere) => {
		const image = readKernelImage(edited(head, (view) => view.setBigUint64(24, flags, true)));
		expect(image).toMatchObject({ anywhere });
		expect("pageSize" in image ? image.pageSize : undefined).toBe(pageSize);
	});
	test("no size, or a mad one, is refused", () => {
		for (const size of [0n, 1n << 40n]) {
			expect(() =>
				readKernelImage(edited(head, (view) => view.setBigUint64(16, size, true))),
			).toThrow(expect.objectContaining({ code: "KERNEL_BROKEN" }));
		}
	});
	test("the version is the banner's, not its format string's", () => {
		const banner = utf8("Linux version %s (%s)\0Linux version 6.9.1-x (me) #1 SMP\n\0");
		expect(readKernelImage(concat([head, banner]))).toMatchObject({
			version: "6.9.1-x (me) #1 SMP",
			release: "6.9.1-x",
		});
	});
});

describe("signatures", () => {
	const signed = fixture("bzimage-head");
	test("a certificate table beyond the file is refused, none is none, no PE is undefined", () => {
		expect(() => readSignature(signed)).toThrow(expect.objectContaining({ code: "KERNEL_BROKEN" }));
		const at = new DataView(signed.buffer).getUint32(0x3c, true) + 24 + 112 + 4 * 8;
		expect(readSignature(edited(signed, (view) => view.setUint32(at, 0, true)))).toBe("none");
		expect(readSignature(utf8("no program"))).toBeUndefined();
	});
	test("names come in their order, each once", () => {
		const name = (text: string) =>
			concat([Uint8Array.of(6, 3, 0x55, 4, 3, 0x0c, text.length), utf8(text)]);
		const table = concat([
			name("Authority"),
			name("Signer"),
			name("Authority"),
			Uint8Array.of(6, 3, 0x55, 4, 3),
		]);
		const at = new DataView(signed.buffer).getUint32(0x3c, true) + 24 + 112 + 4 * 8;
		const whole = edited(concat([signed, table]), (view) => {
			view.setUint32(at, signed.length, true);
			view.setUint32(at + 4, table.length, true);
		});
		expect(readSignature(whole)).toMatchObject({ names: ["Authority", "Signer"] });
		expect(readKernelImage(whole)).toMatchObject({
			efi: true,
			signature: { names: ["Authority", "Signer"] },
		});
	});
});

test("kexec inspect names a file that it cannot read, or that is none", async () => {
	await expect(runProgram(["kexec", "inspect", "/nonexistent/vmlinuz"])).rejects.toMatchObject({
		code: "CLI_FILE",
		exitCode: 2,
	});
	const here = fileURLToPath(import.meta.url);
	await expect(runProgram(["kexec", "inspect", here])).rejects.toMatchObject({
		code: "KERNEL_UNKNOWN",
		exitCode: 1,
	});
});

describe("wrappings", () => {
	const zboot = (kind: string, offset: number, size: number) => {
		const head = new Uint8Array(64);
		head.set(utf8("MZ\0\0zimg"));
		new DataView(head.buffer).setUint32(8, offset, true);
		new DataView(head.buffer).setUint32(12, size, true);
		head.set(utf8(kind), 24);
		return head;
	};
	test("zboot names its compression and where its payload lies", () => {
		expect(readKernelImage(zboot("zstd22", 60, 4))).toMatchObject({
			format: "zboot",
			compression: "zstd22",
			payload: { offset: 60, size: 4 },
		});
		expect(() => readKernelImage(zboot("gzip", 60, 5))).toThrow(
			expect.objectContaining({ code: "KERNEL_BROKEN" }),
		);
	});
	test("what cannot be unwrapped is refused by name", async () => {
		await expect(unwrapKernel(zboot("lzo", 60, 4))).rejects.toMatchObject({
			code: "KERNEL_UNSUPPORTED",
		});
	});
	test("the parameters of the kernel inside are known, one that cannot be read tells none", async () => {
		const content = concat([new Uint8Array(300_000), utf8("\0root=\0rootfstype=\0")]);
		const wrapped = new Uint8Array(gzipSync(content));
		expect(await knowsParameter(wrapped, "rootfstype")).toBe(true);
		expect(await knowsParameter(wrapped, "rootfs")).toBe(false);
		expect(await knowsParameter(wrapped, "fstype")).toBe(false);
		expect(await knowsParameter(zboot("lzo", 60, 4), "root")).toBeUndefined();
		expect(await knowsParameter(wrapped.subarray(0, 30), "root")).toBeUndefined();
	});
	test("anything else is no kernel", () => {
		for (const bytes of [utf8(""), utf8("\x7fELF"), utf8("MZ")]) {
			expect(() => readKernelImage(bytes)).toThrow(
				expect.objectContaining({ code: "KERNEL_UNKNOWN" }),
			);
		}
	});
});
