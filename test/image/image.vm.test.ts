import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildImage, type Image, type ImageTarget, inspectImage } from "../../src/image/index.ts";
import { missing } from "../support/programs.ts";
import { bootRescue, everyTool, type RescueVm } from "./rescue-vm.ts";

const lacking = missing("qemu-system-x86_64", "ssh", "ssh-keygen");

/** What the devices below tell of themselves, as the machine's /sys has it. */
const target: ImageTarget = {
	modaliases: [
		"pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00",
		"pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00",
		"pci:v00008086d000010D3sv00008086sd00000000bc02sc00i00",
		"pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02",
		"pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01",
		"pci:v00001000d00000060sv00001028sd00001F15bc01sc04i00",
		"pci:v000015ADd000007B0sv000015ADsd000007B0bc02sc00i00",
	],
	filesystems: ["ext4", "xfs", "btrfs"],
};

describe.skipIf(lacking)(`an image for one machine, booted with 512 MB ${lacking}`, () => {
	let home = "";
	let image: Image;
	let rescue: RescueVm;

	beforeAll(async () => {
		home = await mkdtemp(join(tmpdir(), "ekexec-boot-"));
		// A quick level: what is tested is what is inside.
		const packing = { codec: "xz", level: 0 } as const;
		image = (await buildImage({ target, packing, out: join(home, "image") })).image;
		const disks = await Promise.all(
			(["nvme", "ahci", "megasas"] as const).map(async (model) => {
				const file = join(home, `${model}.raw`);
				await writeFile(file, "");
				await truncate(file, 320 << 20);
				return { file, format: "raw" as const, model };
			}),
		);
		rescue = await bootRescue(image, home, {
			memory: 512,
			cpus: 2,
			drives: disks,
			nics: ["e1000e", "vmxnet3"].map((model) => ({ model, backend: "user,restrict=on" })),
		});
	}, 900_000);
	afterAll(async () => {
		await rescue?.vm.stop();
		await rm(home, { recursive: true, force: true });
	});

	test("no unit failed, and nothing waits", async () => {
		const said = await rescue.ssh(
			"systemctl --failed --no-legend --plain; systemctl is-system-running --wait",
		);
		expect(said.trim()).toBe("running");
	});

	test("it is the one we made", async () => {
		expect(await rescue.ssh("cat /etc/ekexec/nonce")).toBe(`${rescue.nonce}\n`);
		expect(await rescue.ssh("hostname; uname -r")).toBe(
			`emergency\n${image.manifest.kernel.release}\n`,
		);
	});

	test("every tool of the recipe runs", async () => {
		expect(await rescue.ssh(everyTool)).toBe("");
	});

	test("udev loads the driver of every device", async () => {
		const loaded = (await rescue.ssh("cut -d' ' -f1 /proc/modules")).split("\n");
		for (const name of ["virtio_net", "e1000e", "nvme", "ahci", "megaraid_sas", "vmxnet3"]) {
			expect(loaded).toContain(name);
		}
		const disks = (await rescue.ssh("lsblk --noheadings --nodeps --output NAME,SIZE")).trim();
		expect(disks.match(/\b320M\b/g)).toHaveLength(3);
	});

	test("depmod of the machine agrees with our tables", async () => {
		const sorted = (text: string) =>
			text
				.split("\n")
				.filter((line) => line !== "" && !line.startsWith("#"))
				.map((line) => (line.includes(".ko:") ? line.split(" ").sort().join(" ") : line))
				.sort();
		const folder = "/lib/modules/$(uname -r)";
		const theirs = await rescue.ssh("depmod -n");
		const text = theirs
			.split("\n")
			.filter((line) => !line.includes("\0"))
			.join("\n");
		const names = ["dep", "alias", "softdep", "symbols", "devname"].map(
			(n) => `${folder}/modules.${n}`,
		);
		expect(sorted(await rescue.ssh(`cat ${names.join(" ")}`))).toEqual(sorted(text));
	});

	test("the network is the identity's, sshd takes keys only, memory is left", async () => {
		expect(await rescue.ssh("networkctl list --no-legend --no-pager")).toMatch(
			/routable\s+configured/,
		);
		expect(
			await rescue.ssh("sshd -T | grep -E '^(acceptenv|passwordauthentication|usepam|port) '"),
		).toBe("port 22\nusepam no\npasswordauthentication no\nacceptenv COLORTERM\n");
		expect(
			Number(await rescue.ssh("sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo")),
		).toBeGreaterThan(64_000);
		expect(await rescue.ssh("swapon --noheadings --show=NAME")).toBe("/dev/zram0\n");
	});

	test("a program that draws the whole screen does so over ssh", async () => {
		expect(await rescue.terminal("nano -v /etc/hosts", "GNU nano", "\x18")).toContain(
			"ip6-loopback",
		);
	});

	test("whoever stands at the screen has a shell there", async () => {
		expect(await rescue.ssh("systemctl is-active getty@tty1")).toBe("active\n");
		// It comes after all else, and takes the place of agetty's process.
		const shell = "for i in $(seq 150); do ps -t tty1 -o comm= | grep bash && break; sleep 1; done";
		expect(await rescue.ssh(shell)).toBe("bash\n");
	});

	test("where memory ends, what a person started goes before the network", async () => {
		const of = (unit: string) => `/proc/$(systemctl show -P MainPID ${unit})/oom_score_adj`;
		expect(
			await rescue.ssh(`cat /proc/self/oom_score_adj ${of("systemd-networkd")} ${of("ssh")}`),
		).toBe("0\n-900\n-1000\n");
	});

	test("a mounted XFS tells about itself, and LVM has no daemon to ask", async () => {
		const disk = "/dev/nvme0n1";
		const said = await rescue.ssh(
			`mkfs.xfs -q ${disk} && mount ${disk} /mnt && xfs_info /mnt; umount /mnt; wipefs -qa ${disk}`,
		);
		expect(said).toMatch(/^meta-data=\/dev\/nvme0n1 /);
		expect(await rescue.ssh("lvmconfig global/use_lvmpolld; command -v logger")).toBe(
			"use_lvmpolld=0\n/usr/bin/logger\n",
		);
	});

	test("the greeting tells what this is, for how long, and which disks are here", async () => {
		// Told anew when a disk comes, which takes a moment on a busy host.
		const greeting = await rescue.ssh(
			"for i in $(seq 150); do grep -q nvme0n1 /etc/motd && break; sleep 1; done; cat /etc/motd",
		);
		for (const part of [/ekexec rescue system/, /In place of web1/, / up /, /nvme0n1/, /reboot/]) {
			expect(greeting).toMatch(part);
		}
	});

	test("the list of contents names what is there", async () => {
		const { files, modules } = await inspectImage(image);
		expect(
			files.some((file) => file.path === "usr/sbin/sshd" && file.package === "openssh-server"),
		).toBe(true);
		expect(modules).toContain("megaraid_sas");
		expect(modules).not.toContain("mlx5_core");
	});
});
