import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packCpio } from "../../src/cpio/index.ts";
import { formatManifest, importImage, importLoose, type Manifest } from "../../src/image/index.ts";
import { find, missing } from "../support/programs.ts";

const lacking = missing("ssh-keygen", "xz");
const run = `#!/bin/sh
set -ex
init="/nix/store/abc-nixos/init"
kernelParams="console=tty0 loglevel=4 nohibernate"
kexec --load ./bzImage
`;

/** The smallest file with a bzImage's setup header (Documentation/arch/x86/boot.rst): protocol 2.15, 64-bit, 6.1.0. */
function bzImage(): Uint8Array {
	const bytes = new Uint8Array(8192);
	const view = new DataView(bytes.buffer);
	view.setUint8(0x1f1, 4);
	view.setUint16(0x1fe, 0xaa55, true);
	view.setUint32(0x202, 0x53726448, true);
	view.setUint16(0x206, 0x020f, true);
	view.setUint16(0x20e, 0x300, true);
	view.setUint8(0x211, 1);
	view.setUint16(0x236, 1, true);
	view.setUint32(0x238, 2047, true);
	bytes.set(Buffer.from("6.1.0-test (someone)\0"), 0x500);
	return bytes;
}

describe.skipIf(lacking)(`images of others ${lacking}`, () => {
	let home = "";
	let cache = "";
	const initrd = gzipSync(
		packCpio([{ kind: "file", name: "init", mode: 0o755, content: "x".repeat(5000) }]),
	);
	const kernel = bzImage();

	beforeAll(async () => {
		home = await mkdtemp(join(tmpdir(), "ekexec-import-"));
		cache = join(home, "cache");
		const kexec = join(home, "nixos/kexec");
		await mkdir(kexec, { recursive: true });
		for (const [name, content] of Object.entries({
			run,
			bzImage: kernel,
			initrd,
			kexec: "ELF",
			ip: "ELF",
		})) {
			await writeFile(join(kexec, name), content);
		}
		for (const [name, flag] of [
			["nixos.tar.gz", "-z"],
			["nixos.tar.xz", "-J"],
			["nixos.tar", ""],
		] as const) {
			const words = [
				"-C",
				join(home, "nixos"),
				"-c",
				...(flag === "" ? [] : [flag]),
				"-f",
				join(home, name),
				"kexec",
			];
			execFileSync("tar", words);
		}
		const store = join(home, "ek/nix/store/abc-image");
		await mkdir(store, { recursive: true });
		await writeFile(join(store, "kernel"), kernel);
		await writeFile(join(store, "initrd"), initrd);
		await writeFile(join(store, "cmdline"), "init=/nix/store/abc/init panic=30\n");
		await writeFile(join(home, "ek/kexec_nixos"), "#!/bin/sh\n");
		execFileSync("tar", [
			"-C",
			join(home, "ek"),
			"-cJf",
			join(home, "ek.tar.xz"),
			"nix",
			"kexec_nixos",
		]);
	});
	afterAll(async () => rm(home, { recursive: true, force: true }));

	test.each(["nixos.tar.gz", "nixos.tar.xz", "nixos.tar"])(
		"%s of nixos-images is taken by its contract",
		async (name) => {
			const image = await importImage(join(home, name), { cache });
			expect(image.manifest).toMatchObject({
				architecture: "amd64",
				adapter: "nixos-images",
				commandLine: "init=/nix/store/abc-nixos/init console=tty0 loglevel=4 nohibernate",
				layers: [{ kind: "initrd", compression: "gzip", size: initrd.length, entries: 1 }],
			});
			expect(image.layers[0]?.unpackedSize).toBeGreaterThan(5000);
			expect(await readFile(image.kernel.path)).toEqual(Buffer.from(kernel));
			expect(await readFile(image.layers[0]?.path ?? "")).toEqual(initrd);
		},
	);

	test("a tarball in the layout of emergency-kexec", async () => {
		const image = await importImage(join(home, "ek.tar.xz"), { cache });
		expect(image.manifest).toMatchObject({
			adapter: "stage1",
			commandLine: "init=/nix/store/abc/init panic=30",
		});
	});

	test("what nix/ makes: a folder with kernel, initrd, cmdline", async () => {
		const folder = join(home, "ek/nix/store/abc-image");
		expect((await importImage(folder, { cache })).manifest.adapter).toBe("stage1");
	});

	test("kernel, initrd and command line one by one", async () => {
		const files = {
			kernel: join(home, "nixos/kexec/bzImage"),
			initrd: join(home, "nixos/kexec/initrd"),
		};
		const image = await importLoose(
			{ ...files, commandLine: "quiet", adapter: "rootfs" },
			{ cache },
		);
		expect(image.manifest).toMatchObject({ adapter: "rootfs", commandLine: "quiet" });
	});

	test("an arm64 kernel in a gzip wrapping is taken out of it", async () => {
		// Documentation/arch/arm64/booting.rst: the header, `ARM\x64` at 56.
		const plain = new Uint8Array(65_536);
		const view = new DataView(plain.buffer);
		view.setBigUint64(16, 65_536n, true);
		view.setUint32(56, 0x644d5241, true);
		const paths = { kernel: join(home, "Image.gz"), initrd: join(home, "loose-initrd") };
		await writeFile(paths.kernel, gzipSync(plain));
		await writeFile(paths.initrd, initrd);
		const image = await importLoose(
			{ ...paths, commandLine: "panic=30", adapter: "stage1" },
			{ cache },
		);
		expect(image.manifest.architecture).toBe("arm64");
		expect(new Uint8Array(await readFile(image.kernel.path))).toEqual(plain);
	});

	test("a folder whose ekexec.json is no JSON is refused", async () => {
		const folder = await mkdtemp(join(home, "folder-"));
		for (const [name, content] of Object.entries({
			kernel,
			initrd,
			cmdline: "a",
			"ekexec.json": "{",
		}))
			await writeFile(join(folder, name), content);
		await expect(importImage(folder, { cache })).rejects.toMatchObject({ code: "IMAGE_FORMAT" });
	});

	test("an ekexec image as a tarball", async () => {
		const folder = join(home, "own");
		await mkdir(join(folder, "layers"), { recursive: true });
		await writeFile(join(folder, "kernel"), kernel);
		await writeFile(join(folder, "layers/base.cpio.gz"), initrd);
		const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
		const manifest: Manifest = {
			format: "ekexec-image/1",
			name: "rescue",
			architecture: "amd64",
			kernel: { release: "6.1", file: "kernel", size: kernel.length, sha256: digest(kernel) },
			commandLine: "panic=30",
			adapter: "rootfs",
			layers: [
				{
					name: "base",
					kind: "base",
					file: "layers/base.cpio.gz",
					size: initrd.length,
					sha256: digest(initrd),
					compression: "gzip",
					unpackedSize: 6000,
					memorySize: 8192,
					entries: 1,
				},
			],
			packages: [],
			source: {},
		};
		await writeFile(join(folder, "manifest.json"), formatManifest(manifest));
		execFileSync("tar", ["-C", home, "-czf", join(home, "own.tar.gz"), "own"]);
		expect((await importImage(join(home, "own.tar.gz"), { cache })).manifest).toEqual(manifest);
	});

	test("a command line that would have to be computed is refused, and nothing of it runs", async () => {
		const bad = join(home, "bad/kexec");
		await mkdir(bad, { recursive: true });
		const marker = join(home, "ran");
		await writeFile(join(bad, "run"), `init="/x"\nkernelParams="$(touch ${marker})"\n`);
		await writeFile(join(bad, "bzImage"), kernel);
		await writeFile(join(bad, "initrd"), initrd);
		execFileSync("tar", ["-C", join(home, "bad"), "-cf", join(home, "bad.tar"), "kexec"]);
		await expect(importImage(join(home, "bad.tar"), { cache })).rejects.toMatchObject({
			code: "IMAGE_FORMAT",
			details: { field: "kernelParams" },
		});
		expect(await readdir(home)).not.toContain("ran");
	});

	describe("trust", () => {
		const sign = (name: string, ...words: string[]) =>
			execFileSync(
				find("ssh-keygen") ?? "ssh-keygen",
				["-q", "-Y", "sign", ...words, join(home, name)],
				{
					stdio: "ignore",
				},
			);
		beforeAll(() => {
			for (const [name, type] of [
				["ed", "ed25519"],
				["rsa", "rsa"],
				["other", "ed25519"],
			] as const) {
				execFileSync(find("ssh-keygen") ?? "ssh-keygen", [
					"-q",
					"-t",
					type,
					"-N",
					"",
					"-f",
					join(home, name),
				]);
			}
		});

		test.each(["ed", "rsa"])("a signature by ssh-keygen -Y with key %s", async (key) => {
			await rm(join(home, "nixos.tar.gz.sig"), { force: true });
			sign("nixos.tar.gz", "-f", join(home, key), "-n", "file");
			const signature = join(home, "nixos.tar.gz.sig");
			const signer = join(home, `${key}.pub`);
			const path = join(home, "nixos.tar.gz");
			expect((await importImage(path, { cache, signature, signer })).manifest.name).toBe(
				"nixos-images",
			);
			// The key itself may be given in place of a file with it.
			await importImage(path, { cache, signature, signer: await readFile(signer, "utf8") });
			await expect(
				importImage(path, { cache, signature, signer: join(home, "other.pub") }),
			).rejects.toMatchObject({ code: "IMAGE_SIGNATURE" });
			await expect(
				importImage(join(home, "nixos.tar.xz"), { cache: join(home, "empty"), signature, signer }),
			).rejects.toMatchObject({ code: "IMAGE_SIGNATURE" });
			// Nothing was unpacked before the check.
			expect(await readdir(home)).not.toContain("empty");
		});

		test("a signature for another purpose", async () => {
			await rm(join(home, "nixos.tar.sig"), { force: true });
			sign("nixos.tar", "-f", join(home, "ed"), "-n", "git");
			await expect(
				importImage(join(home, "nixos.tar"), {
					cache,
					signature: join(home, "nixos.tar.sig"),
					signer: join(home, "ed.pub"),
				}),
			).rejects.toMatchObject({ code: "IMAGE_SIGNATURE", details: { found: "git" } });
		});

		test("a digest that differs", async () => {
			await expect(
				importImage(join(home, "nixos.tar"), { cache, sha256: "0".repeat(64) }),
			).rejects.toMatchObject({ code: "IMAGE_DAMAGED" });
		});

		test("a signature without its signer proves nothing", async () => {
			await expect(
				importImage(join(home, "nixos.tar"), { cache, signature: join(home, "ed.pub") }),
			).rejects.toMatchObject({ code: "IMAGE_UNSIGNED" });
		});
	});
});
