import { execFile, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { packCpio } from "../../src/cpio/index.ts";
import { type Image, identityEntries } from "../../src/image/index.ts";
import { startVm, type Vm, type VmOptions } from "../../src/vm/index.ts";
import { find } from "../support/programs.ts";

const run = promisify(execFile);

/** Every tool of the recipe, with the words that make it tell its version (or usage) and succeed. */
const tools = [
	..."arch-chroot -h|bash --version|blkid --version|btrfs --version|bzip2 --help|cfdisk --version".split(
		"|",
	),
	..."cryptsetup --version|curl --version|ddrescue --version|dmidecode --version|dmsetup --version".split(
		"|",
	),
	..."e2fsck -V|ethtool --version|fdisk --version|file --version|gdisk -h|genfstab -h".split("|"),
	..."ip -V|journalctl --version|less --version|lsblk --version|lsof -v|lspci --version|lsusb --version".split(
		"|",
	),
	..."lvm version|mdadm --version|mkfs.btrfs --version|mkfs.ext4 -V|mkfs.fat --help|mkfs.xfs -V".split(
		"|",
	),
	..."modprobe --version|nano --version|networkctl --version|ntfs-3g --version|ntfsfix --version".split(
		"|",
	),
	..."nvme version|parted --version|photorec /version|ping -V|rsync --version|sgdisk --version".split(
		"|",
	),
	..."smartctl --version|ss -V|ssh -V|strace --version|systemctl --version|tar --version".split(
		"|",
	),
	..."tcpdump --version|testdisk /version|thin_check --version|tmux -V|top -V|udevadm --version".split(
		"|",
	),
	..."vim --version|xfs_repair -V|xz --version|zstd --version|awk -W version|less --version".split(
		"|",
	),
];

/** What people's terminals call themselves, and what runs within them. */
const terminals =
	"alacritty|ansi|dumb|linux|putty-256color|rxvt-unicode-256color|screen|screen-256color|tmux|tmux-256color|vt100|vt102|vt220|xterm|xterm-256color|xterm-kitty".split(
		"|",
	);

const each = (words: string): string =>
	`${words} </dev/null >/dev/null 2>/tmp/why || { echo "${words}: $?"; cat /tmp/why; }`;

/** A command line that runs {@link tools} and looks up {@link terminals}, and says nothing but what failed. */
export const everyTool: string = [...tools, ...terminals.map((name) => `tput -T ${name} longname`)]
	.map(each)
	.join("; ");

export interface RescueVm {
	readonly vm: Vm;
	/** Runs a command line in the machine and gives what it printed; stderr joins in. */
	ssh(command: string): Promise<string>;
	/**
	 * Runs a command line on a terminal of the machine, types `keys` once it shows `shows`, and gives all that it drew.
	 * Rejects where it does not end well.
	 */
	terminal(command: string, shows: string, keys: string): Promise<string>;
	/** The machine's host key as ssh-keyscan would show it. */
	readonly hostKey: string;
	readonly nonce: string;
}

/** Boots an image with an identity made here, and returns once its sshd has let us in. */
export async function bootRescue(
	image: Image,
	home: string,
	options: Omit<VmOptions, "kernel" | "initrd" | "cmdline">,
	layers: readonly string[] = image.layers.map((layer) => layer.name),
): Promise<RescueVm> {
	for (const name of ["host", "me"]) {
		const words = ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", join(home, name)];
		await run(find("ssh-keygen") ?? "ssh-keygen", words);
	}
	const nonce = "0123456789abcdef";
	const identity = packCpio(
		identityEntries<never>("rootfs", {
			hostKeys: [
				{
					type: "ed25519",
					private: await readFile(join(home, "host")),
					public: await readFile(join(home, "host.pub")),
				},
			],
			authorizedKeys: await readFile(join(home, "me.pub")),
			network: [
				{
					name: "10-test.network",
					content: "[Match]\nDriver=virtio_net\n\n[Network]\nDHCP=ipv4\n",
				},
			],
			nonce,
			about: "  In place of web1.example.org.",
		}),
	);
	const parts: Uint8Array[] = [];
	for (const layer of image.layers) {
		if (layers.includes(layer.name)) parts.push(await readFile(layer.path));
	}
	const size = parts.reduce((sum, part) => sum + part.length, 0);
	parts.push(new Uint8Array((4 - (size % 4)) % 4), identity);
	const initrd = join(home, "initrd");
	await writeFile(initrd, Buffer.concat(parts));
	// The last console is the one that tests read.
	const console = image.manifest.architecture === "arm64" ? "ttyAMA0" : "ttyS0";
	const vm = await startVm({
		...options,
		architecture: image.manifest.architecture,
		kernel: image.kernel.path,
		initrd,
		// Under emulation on a busy host the timer may seem not to tick when the kernel looks.
		cmdline: `${image.manifest.commandLine} no_timer_check console=${console}`,
		nics: [{ backend: { forward: [{ port: 22 }] } }, ...(options.nics ?? [])],
		onReboot: "exit",
	});
	const port = await vm.forwarded(22);
	const hostKey = (await readFile(join(home, "host.pub"), "utf8")).split(" ").slice(0, 2).join(" ");
	const known = join(home, "known_hosts");
	await writeFile(known, `[127.0.0.1]:${port} ${hostKey}\n`);
	const program = find("ssh") ?? "ssh";
	const login = [
		...["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"],
		...["-o", `UserKnownHostsFile=${known}`, "-o", "ConnectTimeout=30", "-o", "LogLevel=ERROR"],
		...["-i", join(home, "me"), "-p", String(port), "root@127.0.0.1"],
	];
	const ssh = async (command: string, timeout = 240_000): Promise<string> => {
		const { stdout, stderr } = await run(program, [...login, command], {
			timeout,
			maxBuffer: 64 << 20,
		});
		return stdout + stderr;
	};
	const terminal = (command: string, shows: string, keys: string): Promise<string> =>
		new Promise((resolve, reject) => {
			const env = { ...process.env, TERM: "xterm-256color" };
			const child = spawn(program, ["-tt", ...login, command], { env, timeout: 120_000 });
			let drawn = "";
			let typed = false;
			child.stdout.setEncoding("utf8").on("data", (text: string) => {
				drawn += text;
				if (typed || !drawn.includes(shows)) return;
				typed = true;
				child.stdin.write(keys);
			});
			child.on("error", reject);
			child.on("close", (code) => {
				if (code === 0) resolve(drawn);
				else reject(new Error(`${command} ended with ${code}: ${drawn}`));
			});
		});
	try {
		// Once a shell has the console, systemd may keep the rest of its start to itself.
		const up = /Reached target.*multi-user\.target|\[emergency [^\]]*\]# /;
		await vm.console.waitFor(up, { timeout: 600_000 });
		for (let left = 20; ; left--) {
			try {
				await ssh("true");
				break;
			} catch (error) {
				if (left === 0) throw error;
				await new Promise((resolve) => setTimeout(resolve, 2000));
			}
		}
	} catch (error) {
		await vm.stop();
		throw error;
	}
	return { vm, ssh: (command) => ssh(command), terminal, hostKey, nonce };
}
