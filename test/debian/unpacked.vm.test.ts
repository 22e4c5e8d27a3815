import { spawn } from "node:child_process";
import { describe, expect, onTestFinished, test } from "vitest";
import { unpackPackages } from "../../src/debian/index.ts";
import { testCache as cache, noMirror } from "../support/mirror.ts";

const lacking = await noMirror();
const fits = process.platform === "linux" && process.arch === "x64";
/** A kernel under plain emulation on a busy machine takes a while to its first line. */
const patience = 240_000;

describe.skipIf(lacking || !fits)(`QEMU out of the cache (on Linux, x86-64) ${lacking}`, () => {
	test("boots a kernel of Debian's, with its own loader, libraries and firmware", async () => {
		const exclude = ["perl*", "python3*", "debconf*", "dpkg", "adduser", "qemu-system-gui"];
		const qemu = await unpackPackages(["qemu-system-x86"], { cache, exclude });
		const kernel = await unpackPackages(["linux-image-cloud-amd64"], {
			cache,
			exclude: [...exclude, "initramfs-tools", "linux-initramfs-tool", "kmod", "linux-base"],
			// The kernel alone; its modules would be a hundred times as much to write.
			drop: ["**", "!boot/**"],
		});
		const image = kernel.packages.find(({ name }) => /^linux-image-\d/.test(name));
		const release = image?.name.replace("linux-image-", "");
		const firmware = ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"];
		const [command = "", ...words] = await qemu.run(
			"qemu-system-x86_64",
			...firmware.flatMap((folder) => ["-L", qemu.path(folder)]),
			...[
				"-accel",
				"tcg",
				"-m",
				"256",
				"-nodefaults",
				"-nographic",
				"-no-reboot",
				"-serial",
				"stdio",
			],
			...["-kernel", kernel.path(`boot/vmlinuz-${release}`), "-append", "console=ttyS0 panic=-1"],
		);
		const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"] });
		onTestFinished(() => void child.kill("SIGKILL"));
		let serial = "";
		let talk = "";
		child.stderr.on("data", (chunk: Buffer) => {
			talk += chunk.toString();
		});
		await new Promise<void>((resolve, reject) => {
			const late = () =>
				reject(new Error(`no kernel within ${patience} ms: ${talk}${serial.slice(-2000)}`));
			const timer = setTimeout(late, patience);
			child.stdout.on("data", (chunk: Buffer) => {
				serial += chunk.toString();
				// Without any initrd it ends as it must: it cannot mount a root.
				if (serial.includes("Kernel panic - not syncing: VFS")) resolve();
			});
			child.on("close", (code) =>
				reject(new Error(`QEMU ended with ${code}: ${talk}${serial.slice(-2000)}`)),
			);
			child.on("error", reject);
			onTestFinished(() => clearTimeout(timer));
		});
		expect(serial).toContain(`Linux version ${release}`);
		expect(talk).toBe("");
	});
});
