import { blockPatterns, modaliasPattern } from "./devices.ts";
import type { SourceKind } from "./evidence.ts";
import { containerMarks, secureBootVariable } from "./system.ts";

/** A source to ask the helper for; what is left out has the defaults of {@link sourceDefaults}. */
export interface SourceRequest {
	readonly kind: SourceKind;
	/** Path, or pattern with `*` and `?` within a component. */
	readonly argument: string;
	/** Bytes at most. */
	readonly cap?: number;
	/** Answers at most. */
	readonly items?: number;
	/** Milliseconds until the source counts as dead. */
	readonly deadline?: number;
}

/**
 * A file of text that people or programs write on a host is far below 256 kB. 4 s is long for a living disk that
 * spins up and short for somebody who waits.
 */
export const sourceDefaults = { cap: 262_144, items: 4096, deadline: 4000 } as const;

const read = (argument: string, more: Partial<SourceRequest> = {}): SourceRequest => ({
	kind: "read",
	argument,
	...more,
});
const ask = (kind: SourceKind, ...paths: readonly string[]): SourceRequest[] =>
	paths.map((argument) => ({ kind, argument }));

/** Where the helper may be put, the best first: memory before disks, the user's own places last. */
export const places = ["/dev/shm", "/run", "/tmp", "/var/tmp", "/root"] as const;

/** Main file of sshd and where the files it includes usually are. */
export const sshdConfig = "/etc/ssh/sshd_config";
export const usualIncludes = "/etc/ssh/sshd_config.d/*";

/** Kernel configurations that are megabytes of text, and lists of routes of memory on hosts with many banks. */
const large = { cap: 4 * 1024 * 1024 } as const;

/** Everything about the machine that needs no other answer first. */
export function firstSources(): SourceRequest[] {
	return [
		...ask("system", ""),
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
		].map((path) => read(path)),
		read("/proc/config.gz", large),
		read("/proc/self/mountinfo", large),
		read("/proc/modules", large),
		read("/proc/iomem", large),
		read("/sys/firmware/memmap/*/*", { cap: 64 }),
		// Hosts with many users have long tables; a directory of people is not in these files.
		read("/etc/passwd", large),
		read("/etc/group", large),
		read(modaliasPattern, { cap: 1024, items: 16_384 }),
		read(blockPatterns.size, { cap: 32 }),
		read(blockPatterns.number, { cap: 32 }),
		read(blockPatterns.dmUuid, { cap: 256 }),
		read(blockPatterns.mdLevel, { cap: 32 }),
		read(blockPatterns.udev, { cap: 16_384 }),
		...ask("readlink", blockPatterns.driver, blockPatterns.parentDriver),
		...ask("stat", "/sys/firmware/efi", "/proc/vz", "/proc/bc", ...containerMarks),
		...ask("stat", "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/run/systemd/system"),
		...ask("statfs", ...places),
		...ask("place", ...places),
	];
}
