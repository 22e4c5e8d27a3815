import { utf8 } from "../../src/bytes/index.ts";
import { parseAuthorizedKeys } from "../../src/kexec/facts/authorized-keys.ts";
import type { Facts } from "../../src/kexec/facts/facts.ts";
import { emptyNetwork, type Network } from "../../src/network/index.ts";

export const GiB: number = 1024 ** 3;
export const MiB: number = 1024 ** 2;

export const keyBlob = "AAAAC3NzaC1lZDI1NTE5AAAAIKzPl0Yv3vQ4qTzP0m5b9x5m3o0b8Xr0e9l3hY2k1a2b";
export const hostBlob = "AAAAC3NzaC1lZDI1NTE5AAAAIHhhbXBsZWhvc3RrZXlleGFtcGxlaG9zdGtleTEyMzQ1";

/** A healthy Debian host whose root file system turned read-only, logged in to as root by key. */
export function healthyFacts(change: Partial<Facts> = {}): Facts {
	return {
		architecture: "amd64",
		kernelRelease: "6.1.0-1-amd64",
		commandLine: "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet console=tty0 console=ttyS0,115200n8",
		bootId: "11111111-2222-3333-4444-555555555555",
		hostname: "victim",
		time: Date.UTC(2026, 0, 1),
		uptime: 3600,
		user: { uid: 0, name: "root" },
		capabilities: 0x1ff_ffff_ffffn,
		environment: { container: [], xenPv: false, vendor: "QEMU" },
		security: { efi: false, secureBoot: false, lockdown: "none", imaAppraisesKexec: false },
		kexec: { fileLoad: "present", load: "present", disabled: false, loaded: false },
		memory: {
			total: 2 * GiB,
			available: 1.5 * GiB,
			free: GiB,
			swapTotal: 0,
			swapFree: 0,
			vmallocTotal: 32 * 1024 * GiB,
		},
		mounts: [
			{
				source: "/dev/vda1",
				target: "/",
				type: "ext4",
				options: ["rw"],
				superOptions: ["ro"],
				device: "254:1",
			},
		],
		swaps: [],
		modaliases: ["pci:v00001AF4d00001000"],
		busDevices: {
			"0000:00:03.0": {
				modalias: "pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00",
				driver: "virtio-pci",
			},
			"0000:00:04.0": {
				modalias: "pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00",
				driver: "virtio-pci",
			},
			virtio0: { modalias: "virtio:d00000001v00001AF4", driver: "virtio_net" },
			virtio1: { modalias: "virtio:d00000002v00001AF4", driver: "virtio_blk" },
		},
		modules: ["ext4", "virtio_net"],
		blockDevices: [
			{
				name: "vda",
				number: "254:0",
				size: 10 * GiB,
				driver: "virtio_blk",
				devicePath: "pci0000:00/0000:00:04.0/virtio1",
				mountedAt: [],
			},
			{
				name: "vda1",
				number: "254:1",
				size: 10 * GiB,
				driver: "virtio_blk",
				type: "ext4",
				mountedAt: ["/"],
			},
		],
		filesystems: ["ext4"],
		consoles: ["ttyS0", "tty0"],
		terminals: [],
		watchdogs: [],
		systemd: true,
		places: [
			{ path: "/dev/shm", writable: true, executable: true, free: GiB, inMemory: true },
			{ path: "/tmp", writable: false, executable: false, inMemory: false },
		],
		users: [
			{ name: "root", uid: 0, gid: 0, home: "/root", shell: "/bin/bash" },
			{ name: "admin", uid: 1000, gid: 1000, home: "/home/admin", shell: "/bin/bash" },
		],
		ssh: {
			ports: [22],
			hostKeys: [
				{
					path: "/etc/ssh/ssh_host_ed25519_key",
					size: 411,
					mode: 0o600,
					publicKey: { type: "ssh-ed25519", blob: hostBlob },
				},
			],
			authorizedKeys: [keysOf("root", `ssh-ed25519 ${keyBlob} me`)],
			hostCertificates: [],
			certifiedLogins: [],
			denied: [],
			revokedKeys: [],
			connection: {
				client: "192.0.2.9",
				clientPort: 50_000,
				server: "192.0.2.1",
				serverPort: 22,
			},
		},
		unreadable: [],
		...change,
	};
}

/** A file of authorized keys of one user. */
export function keysOf(user: string, content: string): Facts["ssh"]["authorizedKeys"][number] {
	const path =
		user === "root" ? "/root/.ssh/authorized_keys" : `/home/${user}/.ssh/authorized_keys`;
	return { user, path, ...parseAuthorizedKeys(utf8(content)) };
}

/** One NIC with the address and default route that the facts' login came in on. */
export const plainNetwork: Network = {
	...emptyNetwork,
	links: [
		{
			name: "eth0",
			index: 2,
			type: "ether",
			mac: "52:54:00:12:34:56",
			permanentMac: "52:54:00:12:34:56",
			mtu: 1500,
			flags: ["up", "lower_up", "broadcast", "multicast"],
			operState: "up",
			driver: "virtio_net",
			devicePath: "pci0000:00/0000:00:03.0/virtio0",
		},
	],
	addresses: [
		{
			link: "eth0",
			family: 4,
			address: "192.0.2.1",
			prefix: 24,
			scope: "global",
			flags: [],
			origin: "static",
		},
	],
	routes: [
		{
			family: 4,
			type: "unicast",
			destination: "192.0.2.0/24",
			table: 254,
			protocol: "kernel",
			scope: "link",
			link: "eth0",
			preferredSource: "192.0.2.1",
		},
		{
			family: 4,
			type: "local",
			destination: "192.0.2.1/32",
			table: 255,
			protocol: "kernel",
			scope: "host",
			link: "eth0",
		},
		{
			family: 4,
			type: "unicast",
			destination: "0.0.0.0/0",
			table: 254,
			protocol: "static",
			scope: "global",
			link: "eth0",
			gateway: "192.0.2.254",
		},
	],
	rules: [
		{ family: 4, priority: 0, action: "lookup", table: 255 },
		{ family: 4, priority: 32_766, action: "lookup", table: 254 },
		{ family: 4, priority: 32_767, action: "lookup", table: 253 },
	],
};
