import type { SshConnection } from "../../network/index.ts";
import type { AuthorizedKey, UnusableLine } from "./authorized-keys.ts";
import type { PrincipalLine } from "./authorized-principals.ts";
import type { Memory, Mount, Swap, User } from "./proc.ts";

/** A fact that could not be had, and why, in words. */
export interface Unreadable {
	readonly what: string;
	readonly why: string;
}

/** Whether a system call is there: `refused` when the kernel knows it but would not let this user use it. */
export type CallState = "present" | "absent" | "refused";

/** A hardware watchdog that resets the machine unless somebody keeps it from it. */
export interface Watchdog {
	/** `watchdog0`. */
	readonly name: string;
	/** What its driver calls it; may be empty. */
	readonly identity: string;
	/** Seconds it waits, where its driver tells. */
	readonly timeout?: number;
}

/** What stands between a target and kexec. */
export interface KexecFacts {
	/** kexec_file_load(2). */
	readonly fileLoad: CallState;
	/** kexec_load(2). */
	readonly load: CallState;
	/** /proc/sys/kernel/kexec_load_disabled. */
	readonly disabled: boolean;
	/** /proc/sys/kernel/kexec_load_limit_reboot: loads that are left; absent where unlimited. */
	readonly loadsLeft?: number;
	/** /sys/kernel/kexec_loaded: somebody has already loaded a kernel. */
	readonly loaded: boolean;
	/** `CONFIG_KEXEC*` options where the configuration can be read; without the prefix `CONFIG_`. */
	readonly config?: Readonly<Record<string, string>>;
}

/** What guards the integrity of the running kernel. */
export interface SecurityFacts {
	readonly efi: boolean;
	/** UEFI Secure Boot; absent where it cannot be told. */
	readonly secureBoot?: boolean;
	/** `none`, `integrity` or `confidentiality`; absent where the kernel knows no lockdown. */
	readonly lockdown?: string;
	/** Whether an IMA policy appraises kexec images. */
	readonly imaAppraisesKexec: boolean;
}

/** Where the target runs. */
export interface EnvironmentFacts {
	/** Signs that this is a container: each a reason. Empty: a real or virtual machine. */
	readonly container: readonly string[];
	readonly xenPv: boolean;
	/** `QEMU`, `VMware, Inc.`…, from DMI. */
	readonly vendor?: string;
	readonly product?: string;
}

/** A device that a driver serves. */
export interface BusDevice {
	readonly modalias: string;
	/** Driver that it is bound to now. */
	readonly driver?: string;
}

/** A block device and what is known of it. */
export interface BlockDevice {
	readonly name: string;
	/** `major:minor`. */
	readonly number: string;
	/** Bytes. */
	readonly size: number;
	/** Kernel driver of the nearest device with one. */
	readonly driver?: string;
	/** Place of a whole disk in sysfs, below /sys/devices, without its own name; absent on virtual ones. */
	readonly devicePath?: string;
	/** File system or other signature, as udev recorded it. */
	readonly type?: string;
	readonly mountedAt: readonly string[];
	/** dm-crypt, LVM or MD on top or beneath, by /sys/block/x/{dm/uuid,md/level}. */
	readonly stack?: string;
}

/** A place that might hold the helper. */
export interface Place {
	readonly path: string;
	readonly writable: boolean;
	readonly executable: boolean;
	/** Bytes free there; absent where unknown. */
	readonly free?: number;
	/** Whether it lies in memory (tmpfs or ramfs). */
	readonly inMemory: boolean;
}

/** A private host key of the target's sshd; its content stays there. */
export interface HostKeyFile {
	readonly path: string;
	/** Bytes of the private key. */
	readonly size: number;
	/** Permission bits of the private key. */
	readonly mode: number;
	/** `type blob` of the public key beside it, where that can be read. */
	readonly publicKey?: { readonly type: string; readonly blob: string };
	/** Why it cannot be carried: it cannot be read, or is no key that sshd would load. */
	readonly trouble?: string;
}

/** A certificate that sshd shows for one of its host keys (HostCertificate), as its file has it: type, blob in base64. */
export interface HostCertificate {
	readonly path: string;
	readonly type: string;
	readonly blob: string;
}

/** One file of authorized keys, and whose logins it opens. */
export interface AuthorizedKeysFile {
	readonly user: string;
	readonly path: string;
	readonly keys: readonly AuthorizedKey[];
	readonly unusable: readonly UnusableLine[];
	/** Why sshd takes none of them (StrictModes): who else can write the file. */
	readonly distrusted?: string;
}

/** A file of TrustedUserCAKeys, and the keys that sshd finds in it, blobs in base64. */
export interface AuthoritiesFile {
	readonly path: string;
	readonly keys: readonly { readonly type: string; readonly blob: string }[];
}

/** Whom certificates of the authorities of sshd's own configuration (TrustedUserCAKeys) let in as one user. */
export interface CertifiedLogin {
	readonly user: string;
	/** The same object for all users whose configuration names the same file. */
	readonly authorities: AuthoritiesFile;
	/** AuthorizedPrincipalsFile. Where neither it nor {@link command} is configured, the user's own name counts. */
	readonly principals?: {
		readonly path: string;
		/** None where the file is not there. */
		readonly lines: readonly PrincipalLine[];
		/** Why sshd takes none of them (StrictModes), or why they could not be read. */
		readonly distrusted?: string;
	};
	/** A program gives names (AuthorizedPrincipalsCommand): they cannot be copied. */
	readonly command?: string;
}

/** A file of keys that let nobody in, whatever else speaks for them (RevokedKeys): a list, or a KRL of ssh-keygen(1). */
export interface RevokedKeysFile {
	readonly path: string;
	/** Absent: it is not there, or could not be read whole. Where sshd cannot read it, it takes no public key at all. */
	readonly content?: Uint8Array;
}

/** How sshd of the target lets people in, as far as the rescue system must do the same. */
export interface SshFacts {
	/** Ports it listens on, by configuration. */
	readonly ports: readonly number[];
	readonly hostKeys: readonly HostKeyFile[];
	readonly hostCertificates: readonly HostCertificate[];
	readonly authorizedKeys: readonly AuthorizedKeysFile[];
	readonly certifiedLogins: readonly CertifiedLogin[];
	/** Users of those whose keys are wanted whom the configuration lets nobody be by a key, and why. */
	readonly denied: readonly { readonly user: string; readonly reason: string }[];
	/** Mostly none or one; the first is that for root. */
	readonly revokedKeys: readonly RevokedKeysFile[];
	/** A program gives keys (AuthorizedKeysCommand): its keys cannot be copied. */
	readonly keysCommand?: string;
	/** SSH_CONNECTION: addresses and ports of this very login. */
	readonly connection?: SshConnection;
}

/** Everything the plan is made from. Sizes in bytes, times in milliseconds since 1970. */
export interface Facts {
	/** Debian's name where ekexec knows the architecture (`amd64`, `arm64`), else the kernel's own. */
	readonly architecture: string;
	readonly kernelRelease: string;
	readonly commandLine: string;
	readonly bootId: string;
	readonly hostname: string;
	readonly machineId?: string;
	/** PRETTY_NAME of os-release. */
	readonly system?: string;
	/** Clock of the target. */
	readonly time: number;
	/** Seconds since it booted. */
	readonly uptime: number;
	readonly user: { readonly uid: number; readonly name?: string };
	/** Effective capabilities, bit n for capability n (linux/capability.h). */
	readonly capabilities: bigint;
	readonly environment: EnvironmentFacts;
	readonly security: SecurityFacts;
	readonly kexec: KexecFacts;
	readonly memory?: Memory;
	readonly mounts: readonly Mount[];
	readonly swaps: readonly Swap[];
	/** Distinct modaliases of all devices of all buses, sorted. */
	readonly modaliases: readonly string[];
	/** Devices of the buses that disks and network cards hang on (PCI, virtio, USB, SDIO, VMBus, Xen), by name. */
	readonly busDevices: Readonly<Record<string, BusDevice>>;
	/** Modules now loaded, sorted. */
	readonly modules: readonly string[];
	readonly blockDevices: readonly BlockDevice[];
	/** File systems in use or recognised on a disk, sorted. */
	readonly filesystems: readonly string[];
	/** Kernel consoles, the preferred one first. */
	readonly consoles: readonly string[];
	/** Sessions of tmux and screen, which live on without a login: `tmux of uid 0`, sorted. */
	readonly terminals: readonly string[];
	/** Hardware watchdogs that count down. */
	readonly watchdogs: readonly Watchdog[];
	/** Whether systemd runs the system, so that it can be asked for an orderly kexec. */
	readonly systemd: boolean;
	readonly places: readonly Place[];
	readonly users: readonly User[];
	readonly ssh: SshFacts;
	/** Set when this already is a rescue system of ekexec: its nonce. */
	readonly rescueNonce?: string;
	/** What could not be read, and why. */
	readonly unreadable: readonly Unreadable[];
}

/** Whether the helper ran with a capability (number by linux/capability.h). */
export function hasCapability(facts: Facts, capability: number): boolean {
	return (facts.capabilities / 2n ** BigInt(capability)) % 2n === 1n;
}

/** CAP_SYS_BOOT: reboot(2), kexec_load(2), kexec_file_load(2). */
export const capSysBoot = 22;
