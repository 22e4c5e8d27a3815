import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Programs (or files, by their paths) that tests compare with or run, and the Debian package that holds each. */
export const packages = {
	cpio: "cpio",
	mkinitramfs: "initramfs-tools-core",
	lsinitramfs: "initramfs-tools-core",
	dracut: "dracut-core",
	bsdcpio: "libarchive-tools",
	xz: "xz-utils",
	zstd: "zstd",
	gzip: "gzip",
	bzip2: "bzip2",
	lz4: "lz4",
	ip: "iproute2",
	bridge: "iproute2",
	unshare: "util-linux",
	nsenter: "util-linux",
	depmod: "kmod",
	modinfo: "kmod",
	sshd: "openssh-server",
	dropbear: "dropbear-bin",
	ssh: "openssh-client",
	"ssh-keygen": "openssh-client",
	"ssh-agent": "openssh-client",
	fish: "fish",
	busybox: "busybox-static",
	tcsh: "tcsh",
	zsh: "zsh",
	doas: "opendoas",
	useradd: "passwd",
	script: "bsdutils",
	"qemu-system-x86_64": "qemu-system-x86",
	"qemu-system-aarch64": "qemu-system-arm",
	"qemu-aarch64": "qemu-user",
	"qemu-img": "qemu-utils",
	"/usr/share/OVMF/OVMF_CODE_4M.fd": "ovmf",
	clang: "clang",
	"ld.lld": "lld",
	file: "file",
	strings: "binutils",
	"mkfs.ext4": "e2fsprogs",
	strace: "strace",
	prlimit: "util-linux",
	setpriv: "util-linux",
	sudo: "sudo",
	mmdebstrap: "mmdebstrap",
	modprobe: "kmod",
	"nix-instantiate": "nix-bin",
	dpkg: "dpkg",
	"dpkg-deb": "dpkg",
	openssl: "openssl",
	readelf: "binutils",
} as const satisfies Readonly<Record<string, string>>;

export type Program = keyof typeof packages;

/** Path of a program, or undefined where the machine lacks it. The administrator's folders count, too. */
export function find(program: Program): string | undefined {
	const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
	const file = program.startsWith("/");
	for (const folder of file ? ["/"] : folders) {
		const path = join(folder, program);
		try {
			accessSync(path, file ? constants.R_OK : constants.X_OK);
			return path;
		} catch {
			// Next folder.
		}
	}
	return undefined;
}

/** Those of the programs that are missing: the reason for a skip, in words. Empty: nothing is missing. */
export function missing(...programs: Program[]): string {
	const lacking = programs.filter((program) => find(program) === undefined);
	return lacking.length === 0 ? "" : `not on this machine: ${lacking.join(", ")}`;
}

/** As root on a Debian system: installs the packages of all missing programs. Elsewhere does nothing. */
export function installMissing(): void {
	const wanted = (Object.keys(packages) as Program[]).filter((p) => find(p) === undefined);
	if (wanted.length === 0 || process.getuid?.() !== 0) return;
	const names = [...new Set(wanted.map((program) => packages[program]))];
	const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
	try {
		execFileSync("apt-get", ["-qq", "update"], { env, stdio: "ignore", timeout: 300_000 });
		const install = ["-qq", "-y", "--no-install-recommends", "install", ...names];
		execFileSync("apt-get", install, { env, stdio: "ignore", timeout: 900_000 });
	} catch (error) {
		console.error(`could not install ${names.join(" ")}: ${String(error)}`);
	}
}
