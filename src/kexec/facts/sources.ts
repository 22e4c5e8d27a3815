import type { Source } from "../contract.ts";
import { literalPath, source } from "../sources.ts";
import { blockPatterns, driverPattern, modaliasPattern, watchdogPatterns } from "./devices.ts";
import { containerMarks, secureBootVariable, terminalPatterns } from "./system.ts";

/** What people or programs write on a host is far below this; kernel configurations and tables of users are not. */
const usual = { cap: 262_144 } as const;
const large = { cap: 4 * 1024 * 1024 } as const;

/** Where the helper may be put, the best first: memory before disks, the user's own places last. */
export const places = ["/dev/shm", "/run", "/tmp", "/var/tmp", "/root"] as const;

/** Main file of sshd and where the files it includes usually are. */
export const sshdConfig = "/etc/ssh/sshd_config";
export const usualIncludes = "/etc/ssh/sshd_config.d/*";

/** Reads files by pattern, as far as text that belongs to a host goes. */
export function readText(pattern: string): Source {
	return source.read(pattern, usual);
}

/** Reads one file whose name may hold anything. */
export function readPath(path: string): Source {
	return source.read(literalPath(path), usual);
}

export function readLarge(path: string): Source {
	return source.read(literalPath(path), large);
}

/** Everything about the machine that needs no other answer first. */
export function firstSources(): Source[] {
	return [
		source.system(),
		...[
			"/proc/cmdline",
			"/proc/sys/kernel/osrelease",
			"/proc/sys/kernel/hostname",
			"/proc/sys/kernel/random/boot_id",
			"/proc/sys/kernel/kexec_load_disabled",
			"/proc/sys/kernel/kexec_load_limit_reboot",
			"/sys/kernel/kexec_loaded",
			"/proc/self/status",
			"/proc/self/environ",
			"/proc/self/uid_map",
			"/proc/1/environ",
			"/proc/uptime",
			"/proc/meminfo",
			"/proc/swaps",
			"/proc/consoles",
			"/proc/filesystems",
			"/etc/machine-id",
			"/etc/os-release",
			"/usr/lib/os-release",
			"/etc/ekexec/nonce",
			"/sys/hypervisor/type",
			"/sys/hypervisor/guest_type",
			"/sys/class/dmi/id/sys_vendor",
			"/sys/class/dmi/id/product_name",
			"/sys/kernel/security/lockdown",
			"/sys/kernel/security/ima/policy",
			secureBootVariable,
			sshdConfig,
			usualIncludes,
		].map(readText),
		readLarge("/proc/config.gz"),
		readLarge("/proc/self/mountinfo"),
		readLarge("/proc/modules"),
		// Hosts with many users have long tables; a directory of people is not in these files.
		readLarge("/etc/passwd"),
		readLarge("/etc/group"),
		source.read(modaliasPattern, { cap: 1024, items: 16_384 }),
		source.readlink(driverPattern, { cap: 1024, items: 16_384 }),
		source.read(blockPatterns.size, { cap: 32 }),
		source.read(blockPatterns.number, { cap: 32 }),
		source.read(blockPatterns.dmUuid, { cap: 256 }),
		source.read(blockPatterns.mdLevel, { cap: 32 }),
		source.read(blockPatterns.udev, { cap: 16_384 }),
		source.readlink(blockPatterns.link),
		source.readlink(blockPatterns.driver),
		source.readlink(blockPatterns.parentDriver),
		...Object.values(watchdogPatterns).map((pattern) => source.read(pattern, { cap: 256 })),
		...["/sys/firmware/efi", "/proc/vz", "/proc/bc", "/run/systemd/system", ...containerMarks].map(
			(path) => source.stat(path),
		),
		...Object.values(terminalPatterns).map((pattern) => source.stat(pattern)),
		...places.flatMap((path) => [source.statfs(path), source.place(path)]),
	];
}
