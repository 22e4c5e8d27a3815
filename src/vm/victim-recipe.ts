import type { Recipe, RecipeFile } from "../image/index.ts";

/** Releases that a victim can be made of. */
export type VictimSuite = "bookworm" | "trixie";

/** Addresses of a victim on QEMU's own network, from the ranges for documentation (RFC 5737, RFC 3849). */
export const victimNetwork = {
	mac: "52:54:00:76:69:63",
	address: "192.0.2.15",
	prefix: 24,
	gateway: "192.0.2.2",
	nameserver: "192.0.2.3",
	address6: "2001:db8:1::15",
	gateway6: "2001:db8:1::2",
} as const;

/** Password of every user of a victim but root, who has none: it is no secret, the machine is thrown away. */
export const victimPassword = "victim";
/** The same by crypt(5), SHA-512. */
const hashed =
	"$6$ekexecvictim$qUgG3ewU2CKO788WUvXyO/wpmureA4xAIFIEVZPPss9QzDc89iUV31PWaVJ28lDWywcIpYU4BYUeYeJ43Gc/6.";

/**
 * What ext4 does when it finds an error. From Linux 6.5 on (until 6.14) remount-ro shuts the file system down so that
 * nothing can be opened any more, sshd's own programs included: there a victim goes on, and is made read-only by
 * the emergency remount of SysRq.
 */
export function errorBehaviour(suite: VictimSuite): "remount-ro" | "continue" {
	return suite === "bookworm" ? "remount-ro" : "continue";
}

interface VictimUser {
	readonly name: string;
	readonly uid: number;
	readonly home: string;
	readonly shell: string;
	/** What sudo lets the user do. */
	readonly sudo?: "NOPASSWD" | "PASSWD";
}

/** One user for each way of logging in that is to work. */
export const victimUsers: readonly VictimUser[] = [
	{ name: "root", uid: 0, home: "/root", shell: "/bin/bash" },
	{ name: "admin", uid: 1000, home: "/home/admin", shell: "/bin/bash", sudo: "NOPASSWD" },
	{ name: "carol", uid: 1001, home: "/home/carol", shell: "/bin/bash", sudo: "PASSWD" },
	{ name: "fisher", uid: 1002, home: "/home/fisher", shell: "/usr/bin/fish", sudo: "NOPASSWD" },
	{ name: "ashley", uid: 1003, home: "/home/ashley", shell: "/usr/bin/ash", sudo: "NOPASSWD" },
];

const systemUsers: readonly (readonly [string, number, number, string])[] = [
	["daemon", 1, 1, "/usr/sbin"],
	["messagebus", 990, 990, "/nonexistent"],
	["systemd-network", 998, 998, "/"],
	["sshd", 997, 65534, "/run/sshd"],
	["nobody", 65534, 65534, "/nonexistent"],
];

const groups: readonly (readonly [string, number])[] = [
	["root", 0],
	["daemon", 1],
	["adm", 4],
	["tty", 5],
	["disk", 6],
	["lp", 7],
	["kmem", 15],
	["dialout", 20],
	["cdrom", 24],
	["tape", 26],
	["sudo", 27],
	["audio", 29],
	["shadow", 42],
	["utmp", 43],
	["video", 44],
	["users", 100],
	["messagebus", 990],
	["clock", 991],
	["render", 992],
	["kvm", 993],
	["sgx", 994],
	["input", 995],
	["systemd-network", 998],
	["systemd-journal", 999],
	["nogroup", 65534],
	...victimUsers.filter(({ uid }) => uid > 0).map(({ name, uid }) => [name, uid] as const),
];

const pam =
	"auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_unix.so\n";

/** What an administrator would have written, and what maintainer scripts would have made. */
function configuration(suite: VictimSuite, publicKey: string): readonly RecipeFile[] {
	const { mac, address, prefix, gateway, nameserver, address6, gateway6 } = victimNetwork;
	const people = victimUsers.map(
		({ name, uid, home, shell }) => `${name}:x:${uid}:${uid}::${home}:${shell}\n`,
	);
	const others = systemUsers.map(
		([name, uid, gid, home]) => `${name}:x:${uid}:${gid}::${home}:/usr/sbin/nologin\n`,
	);
	const sudoers = victimUsers
		.filter(({ sudo }) => sudo !== undefined)
		.map(({ name, sudo }) => `${name} ALL=(ALL:ALL) ${sudo}: ALL\n`);
	return [
		{ path: "bin", link: "usr/bin" },
		{ path: "sbin", link: "usr/sbin" },
		{ path: "lib", link: "usr/lib" },
		{ path: "lib64", link: "usr/lib64" },
		{ path: "init", link: "usr/lib/systemd/systemd" },
		{ path: "usr/sbin/init", link: "../lib/systemd/systemd" },
		...["dev", "mnt", "proc", "run", "sys", "var/lib", "var/log", "var/lib/sudo"].map(
			(path): RecipeFile => ({ path, directory: true }),
		),
		{ path: "tmp", directory: true, mode: 0o1777 },
		{ path: "var/tmp", directory: true, mode: 0o1777 },
		{ path: "var/run", link: "../run" },
		{ path: "usr/bin/sh", link: "bash" },
		{ path: "usr/bin/ash", link: "busybox" },
		{ path: "usr/bin/awk", link: "mawk" },
		{ path: "etc/passwd", content: [...people, ...others].join("") },
		{ path: "etc/group", content: groups.map(([name, gid]) => `${name}:x:${gid}:\n`).join("") },
		{
			path: "etc/shadow",
			content: [
				...victimUsers.map(
					({ name, uid }) => `${name}:${uid === 0 ? "*" : hashed}:19000:0:99999:7:::\n`,
				),
				...systemUsers.map(([name]) => `${name}:*:19000:0:99999:7:::\n`),
			].join(""),
			mode: 0o600,
		},
		{ path: "etc/shells", content: "/bin/bash\n/usr/bin/fish\n/usr/bin/ash\n" },
		{ path: "etc/sudoers.d/victim", content: sudoers.join(""), mode: 0o440 },
		...victimUsers.flatMap(({ home }): RecipeFile[] => [
			{ path: home.slice(1), directory: true, mode: 0o755 },
			{ path: `${home.slice(1)}/.ssh`, directory: true, mode: 0o755 },
			{ path: `${home.slice(1)}/.ssh/authorized_keys`, content: `${publicKey}\n`, mode: 0o644 },
		]),
		...["sshd", "sudo", "sudo-i", "login", "su", "other"].map(
			(name): RecipeFile => ({ path: `etc/pam.d/${name}`, content: pam }),
		),
		{
			path: "etc/nsswitch.conf",
			content: "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
		},
		{ path: "etc/hostname", content: "victim\n" },
		{ path: "etc/hosts", content: "127.0.0.1 localhost\n127.0.1.1 victim\n" },
		{ path: "etc/machine-id", content: "0123456789abcdef0123456789abcdef\n", mode: 0o444 },
		{ path: "etc/resolv.conf", content: `nameserver ${nameserver}\nsearch example.com\n` },
		{ path: "etc/os-release", link: "../usr/lib/os-release" },
		{ path: "etc/fstab", content: `/dev/vda / ext4 errors=${errorBehaviour(suite)} 0 1\n` },
		{
			path: "etc/systemd/network/10-victim.network",
			content: `[Match]
MACAddress=${mac}

[Network]
Address=${address}/${prefix}
Gateway=${gateway}
Address=${address6}/64
Gateway=${gateway6}
IPv6AcceptRA=no

[Route]
Destination=198.51.100.0/24
Gateway=${gateway}
Metric=50
MTUBytes=1400
`,
		},
		{
			path: "etc/ssh/sshd_config",
			content: `Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin prohibit-password
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM yes
UseDNS no
MaxStartups 30:30:100
Subsystem sftp /usr/lib/openssh/sftp-server
`,
		},
		{
			path: "etc/ssh/sshd_config.d/penalties.conf",
			content: "PerSourcePenalties no\n",
			when: { package: "openssh-server", from: "1:9.8" },
		},
		{
			path: "etc/systemd/system/ssh.service",
			content: `[Unit]
Description=OpenSSH server
After=host-keys.service
Requires=host-keys.service

[Service]
Type=notify
ExecStart=/usr/sbin/sshd -D
KillMode=process
Restart=always
RestartSec=1
RuntimeDirectory=sshd
RuntimeDirectoryPreserve=yes
`,
		},
		{
			path: "etc/systemd/system/host-keys.service",
			content: `[Unit]
Description=Host keys of the OpenSSH server
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -C victim -N "" -f /etc/ssh/ssh_host_ed25519_key
ExecStart=/usr/bin/ssh-keygen -q -t ecdsa -C victim -N "" -f /etc/ssh/ssh_host_ecdsa_key
# A server has had its keys for long: they survive when it is broken and reset a moment after its first boot.
ExecStart=/usr/bin/sync
`,
		},
		{
			path: "etc/systemd/system/default.target",
			link: "/usr/lib/systemd/system/multi-user.target",
		},
	];
}

/**
 * A small server as Debian would install it: systemd, networkd with fixed addresses, sshd, sudo, several login shells.
 * The same tree serves as its initramfs (by /etc/initrd-release) and, on a disk, as its system.
 */
export function victimRecipe(suite: VictimSuite, publicKey: string): Recipe {
	return {
		name: "victim",
		suite,
		packages: [
			"base-files",
			"bash",
			"busybox",
			"coreutils",
			"dmsetup",
			"e2fsprogs",
			"fish",
			"hostname",
			"iproute2",
			"kmod",
			"libc-bin",
			"libpam-modules",
			"mawk",
			"mount",
			"ncurses-base",
			"openssh-client",
			"openssh-server",
			"openssh-sftp-server",
			"procps",
			"sed",
			"sudo",
			"systemd",
			"systemd-sysv",
			"udev",
			"util-linux",
		],
		exclude: [
			"adduser",
			"base-passwd",
			"bc",
			"cdebconf",
			"dbus*",
			"debconf",
			"debconf-2.0",
			"default-dbus-*",
			"dpkg",
			"gcc-*-base",
			"groff-base",
			"init-system-helpers",
			"initramfs-tools*",
			"libdebconfclient0",
			"libpam-runtime",
			"libpam-systemd",
			"libperl*",
			"libpython3*",
			"linux-*",
			"login*",
			"lsb-base",
			"lynx*",
			"man-db",
			"media-types",
			"openssl",
			"openssl-provider-legacy",
			"passwd",
			"perl*",
			"python3*",
			"runit-helper",
			"sensible-utils",
			"systemd-cryptsetup",
			"systemd-timesyncd",
			"sysvinit-utils",
			"tzdata*",
			"ucf",
			"usrmerge",
			"usr-is-merged",
			"xsel*",
		],
		drop: [
			"boot/**",
			"etc/{apparmor.d,apt,cron.d,cron.daily,init.d,logcheck,logrotate.d,profile.d,rc*.d}/**",
			"usr/{games,include,src}/**",
			"usr/lib/*/{gconv,tc}/**",
			"usr/lib/systemd/{boot,catalog,user}/**",
			"usr/share/{bash-completion,bug,doc-base,info,lintian,zoneinfo,zsh}/**",
		],
		keepLibraries: [
			"usr/lib/*/security/*",
			"usr/lib/*/libnss_*",
			"usr/lib/*/libcryptsetup.so*",
			"usr/lib/*/libkmod.so*",
			"usr/lib/*/libblkid.so*",
			"usr/lib/*/libmount.so*",
			"usr/lib/*/libfdisk.so*",
			"usr/lib/*/libseccomp.so*",
			"usr/lib/*/systemd/*",
			"usr/libexec/sudo/*",
			"usr/lib/sudo/*",
			"usr/lib/*/libgcc_s.so*",
		],
		join: [],
		files: configuration(suite, publicKey),
		enable: [
			{ unit: "ssh.service", by: "multi-user.target" },
			{ unit: "host-keys.service", by: "multi-user.target" },
			{ unit: "systemd-networkd.service", by: "multi-user.target" },
		],
		mask: [
			"getty.target",
			"systemd-firstboot.service",
			"systemd-hwdb-update.service",
			"systemd-pstore.service",
			"systemd-resolved.service",
			"systemd-networkd-wait-online.service",
			"systemd-update-utmp.service",
			"systemd-vconsole-setup.service",
		],
		// no_timer_check: under emulation on a busy host the timer may seem not to tick when a kernel looks, which then panics.
		// The rescue system takes the word over, since it tells what the machine is like.
		commandLine: {
			amd64: "console=ttyS0 root=/dev/vda rootfstype=ext4 rw quiet net.ifnames=1 no_timer_check",
			arm64: "console=ttyAMA0 root=/dev/vda rootfstype=ext4 rw quiet net.ifnames=1",
		},
		modules: {
			generic: [
				"fs/{ext4,jbd2,btrfs,nls}/**",
				"fs/mbcache",
				"drivers/{block/virtio_blk,char/hw_random/virtio-rng,virtio/**}",
				"drivers/net/{virtio_net,net_failover,dummy,bonding/**}",
				"drivers/md/{dm-mod,dm-flakey}",
				"net/{8021q/**,802/**,core/failover}",
				"{lib,crypto}/**",
				"!crypto/{tcrypt,ansi_cprng}",
			],
			core: ["virtio_pci", "virtio_blk", "virtio_net", "ext4", "crc32c_generic"],
			filesystems: {},
		},
		firmware: { packages: [], keep: [] },
	};
}
