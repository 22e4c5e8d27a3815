// Configuration of the rescue system: what maintainer scripts, presets and sysusers would have made, and what a
// rescue needs. Everything here is a file that some program reads; nothing is run by a shell.
import type { RecipeFile } from "../recipe.ts";

/** Name, id, home. */
const users: readonly (readonly [string, number, number, string, string])[] = [
	["root", 0, 0, "/root", "/usr/bin/bash"],
	["daemon", 1, 1, "/usr/sbin", "/usr/sbin/nologin"],
	["systemd-network", 998, 998, "/", "/usr/sbin/nologin"],
	["sshd", 997, 65534, "/run/sshd", "/usr/sbin/nologin"],
	["tcpdump", 996, 996, "/", "/usr/sbin/nologin"],
	["nobody", 65534, 65534, "/nonexistent", "/usr/sbin/nologin"],
];

/** The groups that Debian's base-passwd and the rules of udev name. */
const groups: readonly (readonly [string, number])[] = [
	["root", 0],
	["daemon", 1],
	["adm", 4],
	["tty", 5],
	["disk", 6],
	["lp", 7],
	["man", 12],
	["kmem", 15],
	["dialout", 20],
	["cdrom", 24],
	["floppy", 25],
	["tape", 26],
	["sudo", 27],
	["audio", 29],
	["dip", 30],
	["shadow", 42],
	["utmp", 43],
	["video", 44],
	["plugdev", 46],
	["staff", 50],
	["users", 100],
	["tcpdump", 996],
	["systemd-network", 998],
	["systemd-journal", 999],
	["input", 995],
	["sgx", 994],
	["kvm", 993],
	["render", 992],
	["clock", 991],
	["nogroup", 65534],
];

/** A login has no profile to read, so its environment comes from whoever starts it: sshd and agetty. */
const environment: readonly (readonly [string, string])[] = [
	["LANG", "C.UTF-8"],
	["EDITOR", "vim"],
	["PAGER", "less"],
	["LESS", "-FRX"],
	["SYSTEMD_PAGER", ""],
	["PS1", "[emergency \\\\w]# "],
];

const consoleLogin = (baud: string): string => `[Unit]
After=ekexec-greeting.service

[Service]
ExecStart=
ExecStart=-/usr/sbin/agetty --skip-login --nohostname --noclear --issue-file=/etc/issue:/run/ekexec/greeting --login-program=/usr/bin/bash ${baud}- \${TERM}
Environment=HOME=/root USER=root LOGNAME=root SHELL=/usr/bin/bash
Environment=PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin
${environment.map(([name, value]) => `Environment="${name}=${value}"\n`).join("")}UnsetEnvironment=
WorkingDirectory=/root
RestartSec=1
`;

const greeting = `
  This is the ekexec rescue system, running from memory.
  The machine's own system was replaced by it; its disks were not touched and nothing of them is mounted.

`;

const nextSteps = `
  Look          lsblk -f  ·  blkid  ·  dmesg -T  ·  smartctl -a /dev/DISK  ·  journalctl -b
  Check         e2fsck -fn  ·  xfs_repair -n  ·  btrfs check --readonly  ·  cat /proc/mdstat  ·  lvs -a
  Open          mdadm --assemble --scan  ·  vgchange -ay  ·  cryptsetup open /dev/PART NAME
  Enter         mount /dev/PART /mnt && arch-chroot /mnt
                (LVM in there waits for udev: in a second login, mount --mkdir -B /run/udev /mnt/run/udev)
  Save          ddrescue /dev/DISK /mnt/disk.img /mnt/disk.map  ·  rsync -aHAXS SOURCE HOST:PATH
  Leave         umount -R /mnt && reboot        (a disk hangs: reboot -ff)

`;

const sshService = (start: string): string => `[Unit]
Description=OpenSSH server
# Without an identity there is no key to show and nobody to let in.
ConditionPathExistsGlob=/etc/ssh/ssh_host_*_key
After=systemd-sysctl.service ekexec-greeting.service
StartLimitIntervalSec=0

[Service]
${start}
ExecReload=/usr/bin/kill -HUP $MAINPID
KillMode=process
Restart=always
RestartSec=1
RuntimeDirectory=sshd
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes

[Install]
WantedBy=multi-user.target
`;

/** Everything below is one table: path, then what stands there. */
export const configuration: readonly RecipeFile[] = [
	// The root of the tree. Where base-files has these links already they are the same.
	{ path: "bin", link: "usr/bin" },
	{ path: "sbin", link: "usr/sbin" },
	{ path: "lib", link: "usr/lib" },
	{ path: "init", link: "usr/lib/systemd/systemd" },
	{ path: "usr/sbin/init", link: "../lib/systemd/systemd" },
	{ path: "dev", directory: true },
	{ path: "mnt", directory: true },
	{ path: "proc", directory: true },
	{ path: "root", directory: true, mode: 0o700 },
	{ path: "root/.ssh", directory: true, mode: 0o700 },
	{ path: "run", directory: true },
	{ path: "sys", directory: true },
	{ path: "tmp", directory: true, mode: 0o1777 },
	{ path: "usr/local/bin", directory: true },
	{ path: "usr/local/sbin", directory: true },
	{ path: "var/lib", directory: true },
	{ path: "var/log", directory: true },
	{ path: "var/tmp", directory: true, mode: 0o1777 },
	{ path: "var/run", link: "../run" },
	{ path: "var/lock", link: "../run/lock" },

	// Choices that update-alternatives would have recorded.
	{ path: "usr/bin/sh", link: "bash" },
	{ path: "usr/bin/awk", link: "mawk" },
	{ path: "usr/bin/which", link: "which.debianutils" },
	{ path: "usr/bin/vim", link: "vim.tiny" },
	{ path: "usr/bin/vi", link: "vim.tiny" },
	{ path: "usr/bin/view", link: "vim.tiny" },
	{ path: "usr/bin/vimdiff", link: "vim.tiny" },
	{ path: "usr/bin/editor", link: "vim.tiny" },
	{ path: "usr/bin/pager", link: "less" },

	// People and names.
	{
		path: "etc/passwd",
		content: users.map(([n, u, g, home, shell]) => `${n}:x:${u}:${g}::${home}:${shell}\n`).join(""),
	},
	{ path: "etc/group", content: groups.map(([name, id]) => `${name}:x:${id}:\n`).join("") },
	// No password fits "*", yet to sshd it is no locked account as "!" would be.
	{
		path: "etc/shadow",
		content: users.map(([name]) => `${name}:*:19000:0:99999:7:::\n`).join(""),
		mode: 0o600,
	},
	{ path: "etc/gshadow", content: groups.map(([name]) => `${name}:*::\n`).join(""), mode: 0o600 },
	{ path: "etc/shells", content: "/bin/sh\n/bin/bash\n/usr/bin/bash\n" },
	{
		path: "etc/nsswitch.conf",
		content:
			"passwd: files\ngroup: files\nshadow: files\ngshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\nethers: files\nrpc: files\n",
	},
	{ path: "etc/hostname", content: "emergency\n" },
	{
		path: "etc/hosts",
		content: "127.0.0.1 localhost\n127.0.1.1 emergency\n::1 localhost ip6-localhost ip6-loopback\n",
	},
	// Empty, and not missing: a machine without the file takes its start for the first one and applies presets.
	{ path: "etc/machine-id", content: "", mode: 0o444 },
	{ path: "etc/resolv.conf", content: "" },
	{ path: "etc/mtab", link: "../proc/self/mounts" },
	{ path: "etc/os-release", link: "../usr/lib/os-release" },
	{ path: "etc/inputrc", content: "set bell-style none\nset show-all-if-ambiguous on\n" },
	// kitty and ghostty call themselves by other names than Debian does.
	{ path: "usr/share/terminfo/x/xterm-kitty", link: "../k/kitty" },
	{
		path: "usr/share/terminfo/x/xterm-ghostty",
		link: "../g/ghostty",
		when: { package: "ncurses-term", from: "6.5" },
	},
	{
		path: "etc/vim/vimrc",
		content: "runtime! defaults.vim\nset mouse= background=dark nobackup\n",
	},
	{
		path: "etc/tmux.conf",
		content: 'set -g default-terminal "screen-256color"\nset -g history-limit 20000\n',
	},

	// The kernel's settings. Overcommit: a check of a large file system maps far more than it touches.
	{
		path: "etc/sysctl.d/90-ekexec.conf",
		content: `vm.overcommit_memory = 1
vm.swappiness = 100
kernel.panic = 30
kernel.sysrq = 1
kernel.printk = 4 4 1 7
`,
	},
	// Unpacked into a tmpfs that may take half of the memory; what is left of it belongs to the person at work.
	{ path: "etc/fstab", content: "rootfs / tmpfs size=90%,nr_inodes=0 0 0\n" },

	// PID 1: no long wait for a service that hangs on a dead disk; the hardware watchdog catches what hangs for good.
	{
		path: "etc/systemd/system.conf.d/ekexec.conf",
		content: `[Manager]
CrashReboot=yes
DefaultTimeoutStartSec=90s
DefaultTimeoutStopSec=10s
RuntimeWatchdogSec=60s
RebootWatchdogSec=2min
StatusUnitFormat=name
`,
	},
	{
		// Behind Debian's syslog.conf, which forwards.
		path: "etc/systemd/journald.conf.d/zz-ekexec.conf",
		content:
			"[Journal]\nStorage=volatile\nSeal=no\nRuntimeMaxUse=16M\nForwardToSyslog=no\nAudit=no\n",
	},
	{ path: "etc/systemd/system/default.target", link: "/usr/lib/systemd/system/multi-user.target" },

	// sshd: keys only. Host keys, ports and the keys that may log in come with the identity. Each connection that is not
	// logged in yet takes 2 MB, so only so many may wait. There is no language but C.UTF-8: the operator's is not taken.
	{
		path: "etc/ssh/sshd_config",
		content: `Include /etc/ssh/sshd_config.d/*.conf
PermitRootLogin prohibit-password
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
AuthorizedKeysFile .ssh/authorized_keys
PrintMotd yes
PrintLastLog no
X11Forwarding no
TCPKeepAlive yes
ClientAliveInterval 30
ClientAliveCountMax 6
LoginGraceTime 60
MaxStartups 10:30:30
AcceptEnv COLORTERM
SetEnv ${environment.map(([name, value]) => `"${name}=${value}"`).join(" ")}
Subsystem sftp internal-sftp
`,
	},
	// The operator's program reconnects many times while the machine comes up; that is no attack.
	{
		path: "etc/ssh/sshd_config.d/50-penalties.conf",
		content: "PerSourcePenalties no\n",
		when: { package: "openssh-server", from: "1:9.8" },
	},
	// Since 9.8 sshd says itself that it listens. Nothing here waits for that.
	{
		path: "etc/systemd/system/ssh.service",
		content: sshService("Type=exec\nExecStart=/usr/sbin/sshd -D"),
	},
	{
		path: "etc/systemd/system/ssh.service",
		content: sshService("Type=notify\nExecStart=/usr/sbin/sshd -D"),
		when: { package: "openssh-server", from: "1:9.8" },
	},

	// Where memory ends, what a person started goes first. sshd and journald see to that themselves.
	{
		path: "etc/systemd/system/systemd-networkd.service.d/ekexec.conf",
		content: "[Service]\nOOMScoreAdjust=-900\n",
	},
	// Network: what the identity says. Without one, DHCP on every NIC; an identity masks this file.
	{
		path: "etc/systemd/network/89-ekexec-default.network",
		content: `[Match]
Type=ether
Kind=!*

[Network]
DHCP=yes
LinkLocalAddressing=ipv6
LLDP=no
`,
	},
	// Consoles: a shell for whoever stands at the machine. It holds no password of its own to ask for.
	{ path: "etc/systemd/system/getty@.service.d/ekexec.conf", content: consoleLogin("") },
	{
		path: "etc/systemd/system/serial-getty@.service.d/ekexec.conf",
		content: consoleLogin("--keep-baud 115200,57600,38400,9600 "),
	},
	{
		path: "etc/issue",
		content: "\\e{bold}ekexec rescue system\\e{reset}  \\n  \\l  kernel \\r\n",
	},

	// The greeting, told anew when a disk comes and every minute: it says which are here and how long the system is up.
	{
		path: "usr/lib/udev/rules.d/99-ekexec.rules",
		content:
			'ACTION=="add", SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", KERNEL!="loop*|ram*|zram*|dm-*", TAG+="systemd", ENV{SYSTEMD_WANTS}+="ekexec-greeting.service"\n',
	},
	{ path: "usr/lib/tmpfiles.d/ekexec.conf", content: "d /run/ekexec 0755 root root\n" },
	{ path: "etc/ekexec/greeting", content: greeting },
	{ path: "etc/ekexec/next-steps", content: nextSteps },
	{ path: "etc/motd", link: "../run/ekexec/greeting" },
	{
		path: "etc/systemd/system/ekexec-greeting.service",
		content: `[Unit]
Description=Greeting of the rescue system
# A shelf of disks is no crash loop.
StartLimitIntervalSec=0

[Service]
Type=oneshot
Environment=LANG=C.UTF-8
LogLevelMax=warning
TimeoutStartSec=20s
StandardOutput=append:/run/ekexec/greeting.new
ExecStartPre=/usr/bin/rm -f /run/ekexec/greeting.new
ExecStart=/usr/bin/cat /etc/ekexec/greeting
ExecStart=-/usr/bin/cat /etc/ekexec/identity
ExecStart=-/usr/bin/uptime
ExecStart=-/usr/sbin/ip -brief address
ExecStart=-/usr/bin/lsblk --noheadings --exclude 7 --output NAME,SIZE,TYPE,FSTYPE,LABEL,MODEL
ExecStart=/usr/bin/cat /etc/ekexec/next-steps
ExecStartPost=/usr/bin/mv /run/ekexec/greeting.new /run/ekexec/greeting
`,
	},
	{
		path: "etc/systemd/system/ekexec-greeting.timer",
		content: `[Unit]
Description=Greeting of the rescue system, every minute

[Timer]
OnActiveSec=10s
OnUnitActiveSec=1min
AccuracySec=1s
`,
	},

	// Swap in compressed memory: the files of the image that nobody touches shrink to a third.
	{
		path: "etc/systemd/system/ekexec-zram.service",
		content: `[Unit]
Description=Swap in compressed memory
DefaultDependencies=no
After=systemd-modules-load.service systemd-udevd.service
Before=shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/modprobe zram num_devices=1
ExecStart=/usr/sbin/zramctl --algorithm zstd --size 1G /dev/zram0
ExecStart=/usr/sbin/mkswap --quiet /dev/zram0
ExecStart=/usr/sbin/swapon --priority 100 /dev/zram0
`,
	},

	// Arrays and volume groups are found and shown, never started: the person decides.
	{ path: "etc/mdadm/mdadm.conf", content: "HOMEHOST <ignore>\n" },
	{
		path: "etc/lvm/lvm.conf",
		content: `devices {
	use_devicesfile = 0
}
global {
	event_activation = 0
	use_lvmpolld = 0
}
activation {
	monitoring = 0
	udev_sync = 1
}
backup {
	backup = 0
	archive = 0
}
`,
	},
];
