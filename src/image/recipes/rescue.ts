import type { Recipe } from "../recipe.ts";
import { configuration } from "./configuration.ts";
import { dropped } from "./dropped.ts";
import { firmware } from "./firmware.ts";
import { modules } from "./modules.ts";

/**
 * The rescue system: systemd, networkd and sshd, and what people need to bring a broken disk, array or file system
 * back. Some 105 MB of files; nothing that only an installation or a maintainer script would use.
 */
export const rescue: Recipe = {
	name: "rescue",
	suite: "trixie",
	packages: [
		// The system.
		"base-files",
		"bash",
		// Of it logger alone: LVM calls it where it resizes a file system with its volume.
		"bsdutils",
		"coreutils",
		"debianutils",
		"diffutils",
		"findutils",
		"grep",
		"hostname",
		"kmod",
		"libc-bin",
		"mawk",
		"mount",
		"ncurses-base",
		"ncurses-bin",
		"netbase",
		"openssh-client",
		"openssh-server",
		"openssh-sftp-server",
		"procps",
		"psmisc",
		"sed",
		"systemd",
		"systemd-sysv",
		"tar",
		"udev",
		"util-linux",
		// File systems, volumes, disks.
		"btrfs-progs",
		"cryptsetup-bin",
		"dmsetup",
		"dosfstools",
		"e2fsprogs",
		"fdisk",
		"gddrescue",
		"gdisk",
		"lvm2",
		"mdadm",
		"ntfs-3g",
		"nvme-cli",
		"parted",
		"smartmontools",
		"testdisk",
		"thin-provisioning-tools",
		"xfsprogs",
		// Hands and eyes.
		"arch-install-scripts",
		"bzip2",
		"ca-certificates",
		"curl",
		"ethtool",
		"file",
		"gzip",
		"iproute2",
		"iputils-ping",
		"less",
		"lsof",
		"nano",
		"ncurses-term",
		"pciutils",
		"rsync",
		"strace",
		"tcpdump",
		"tmux",
		"usbutils",
		"vim-tiny",
		"xz-utils",
		"zstd",
	],
	packagesOf: { amd64: ["dmidecode"], arm64: ["dmidecode"] },
	exclude: [
		// Only maintainer scripts, or tools nobody misses here, need these.
		"adduser",
		"base-passwd",
		"cdebconf",
		"debconf",
		"debconf-2.0",
		"dpkg",
		"gcc-*-base",
		"init-system-helpers",
		"libdebconfclient0",
		"libtext-*-perl",
		"lsb-base",
		"media-types",
		"openssl",
		"openssl-provider-legacy",
		"perl*",
		"libperl*",
		"readline-common",
		"runit-helper",
		"sensible-utils",
		"sysvinit-utils",
		"tzdata*",
		"ucf",
		"uuid-runtime",
		"initramfs-tools*",
		"linux-*",
		// Python for mdadm's and nvme's side scripts, ICU for xfs_scrub's unicode names.
		"python3*",
		"libpython3*",
		"libicu*",
		// Nobody logs in through PAM; nothing talks over D-Bus.
		"dbus*",
		"default-dbus-*",
		"libpam-modules*",
		"libpam-runtime",
		"libpam-systemd",
		"login",
		"login.defs",
		"passwd",
		"libsemanage*",
		"libsepol2",
		// dmeventd repeats the whole of LVM as a library.
		"dmeventd",
		"liblvm2cmd*",
		"systemd-timesyncd",
		"systemd-cryptsetup",
	],
	drop: dropped,
	keepLibraries: [
		"usr/lib/*/libnss_{files,dns,compat}.so.*",
		// systemd opens what it may need only when it does.
		"usr/lib/*/libkmod.so.*",
		"usr/lib/*/libblkid.so.*",
		"usr/lib/*/libmount.so.*",
		"usr/lib/*/libseccomp.so.*",
		"usr/lib/*/libapparmor.so.*",
		"usr/lib/*/libselinux.so.*",
		"usr/lib/*/libacl.so.*",
		"usr/lib/*/liblzma.so.*",
		"usr/lib/*/libzstd.so.*",
		"usr/lib/*/libgcc_s.so.*",
		"usr/lib/*/security/**",
		"usr/lib/*/cryptsetup/**",
		"usr/lib/*/device-mapper/**",
		"usr/lib/*/gconv/**",
	],
	standIns: [
		// curl: no streams of Flash (librtmp, which brings GnuTLS), no directories, no sftp (there is sftp itself), names in ASCII.
		{ library: "usr/lib/*/librtmp.so.*", answers: { all: 0 } },
		{ library: "usr/lib/*/{libldap.so.*,libldap-*.so.*}", answers: { all: -1 } },
		{ library: "usr/lib/*/{liblber.so.*,liblber-*.so.*}", answers: { all: -1 } },
		{ library: "usr/lib/*/libssh2.so.*", answers: { all: 0 } },
		{ library: "usr/lib/*/libpsl.so.*", answers: { all: 0 } },
		{ library: "usr/lib/*/libidn2.so.*", answers: { all: -1, named: { idn2_check_version: 0 } } },
		// ssh and sshd: no Kerberos, and no record of logins in a database that is gone with the power.
		{ library: "usr/lib/*/libgssapi_krb5.so.*", answers: { all: -1 } },
		{ library: "usr/lib/*/libkrb5.so.*", answers: { all: -1 } },
		{ library: "usr/lib/*/libwtmpdb.so.*", answers: { all: -1 } },
		// tcpdump cannot listen to D-Bus, ip cannot load BPF programs.
		{ library: "usr/lib/*/libdbus-1.so.*", answers: { all: 0 } },
		{ library: "usr/lib/*/libbpf.so.*", answers: { all: 0 } },
		{ library: "usr/lib/*/libelf-*.so", answers: { all: 0 } },
		// lsof and ss ask no portmapper, strace shows no stacks.
		{ library: "usr/lib/*/libtirpc.so.*", answers: { all: 0 } },
		{ library: "usr/lib/*/{libunwind.so.*,libunwind-*.so.*}", answers: { all: 0 } },
		// No sessions and no journal to ask: agetty, w, lvm and tmux take that (-ENOSYS) for a system without systemd.
		// Older sshd asks whether systemd gave it sockets, and is content with none.
		{
			library: "usr/lib/*/libsystemd.so.*",
			answers: { all: -38, named: { sd_listen_fds: 0, sd_notify: 0 } },
		},
		// Seals of the journal, which is gone with the power. Newer systemd opens it only for them.
		{ library: "usr/lib/*/libgcrypt.so.*", answers: { all: -1 } },
		// nvme reaches no drive by way of a board's management controller; tmux is in no list of logins.
		{ library: "usr/lib/*/libnvme-mi.so.*", answers: { all: -1 } },
		{ library: "usr/lib/*/libutempter.so.*", answers: { all: 0 } },
		// tmux allocates as everyone else does.
		{ library: "usr/lib/*/libjemalloc.so.*", answers: {} },
	],
	join: [
		{ path: "etc/ssl/certs/ca-certificates.crt", from: "usr/share/ca-certificates/mozilla/*.crt" },
	],
	files: configuration,
	enable: [
		// The screen of the machine: logind, which would start a login there, is not in the image.
		{ unit: "getty@tty1.service", by: "getty.target" },
		{ unit: "ssh.service", by: "multi-user.target" },
		{ unit: "systemd-networkd.service", by: "multi-user.target" },
		{ unit: "systemd-networkd.socket", by: "sockets.target" },
		{ unit: "ekexec-greeting.service", by: "multi-user.target" },
		{ unit: "ekexec-greeting.timer", by: "timers.target" },
		{ unit: "ekexec-zram.service", by: "swap.target" },
	],
	mask: ["tmp.mount"],
	// initramfs_options: the kernel's own tmpfs for the initramfs takes half of the memory unless told (Linux 6.18, and
	// the stable kernels of Debian 12 and 13); /etc/fstab sets it to less once there is a system.
	commandLine: {
		amd64:
			"console=ttyS0,115200n8 console=tty0 panic=30 nomodeset md_mod.start_ro=1 raid=noautodetect initramfs_options=size=100% systemd.gpt_auto=0",
		arm64:
			"panic=30 md_mod.start_ro=1 raid=noautodetect initramfs_options=size=100% systemd.gpt_auto=0",
	},
	modules,
	firmware,
};
