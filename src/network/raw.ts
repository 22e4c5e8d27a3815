import type { RawSnapshot } from "../netlink/index.ts";

/**
 * What was read of a host, wherever it came from: the machine at hand, a helper on the target, a test. Bytes,
 * as the kernel and the files had them; everything else follows from them.
 */
export interface RawNetwork {
	/** The answers to the dump requests of `ekexec/netlink`. Links are a must. */
	readonly dumps: RawSnapshot;
	/** Contents of {@link networkFiles} that are there, by path. */
	readonly files: ReadonlyMap<string, Uint8Array>;
	/** Bodies of {@link networkSymlinks} that are there, by path. */
	readonly symlinks: ReadonlyMap<string, string>;
	/** Dumps that should be there and are not, in words. */
	readonly failures?: readonly string[];
}

/** Files that a snapshot looks at. `*` stands for any name without a slash. */
export const networkFiles: readonly string[] = [
	"/proc/sys/kernel/hostname",
	"/etc/hostname",
	"/etc/resolv.conf",
	"/run/systemd/resolve/resolv.conf",
	"/run/systemd/netif/leases/*",
	"/run/systemd/netif/links/*",
	"/run/NetworkManager/resolv.conf",
	"/run/NetworkManager/no-stub-resolv.conf",
	"/var/lib/NetworkManager/*.lease",
	"/var/lib/dhcp/*.leases",
	"/var/lib/dhclient/*.lease",
	"/var/lib/dhclient/*.leases",
	"/var/lib/dhcpcd/*.lease",
	"/run/dhcpcd/hook-state/resolv.conf/*",
	"/run/resolvconf/interface/*",
	"/run/resolvconf/interfaces/*",
	"/sys/class/net/*/addr_assign_type",
];

/** Symbolic links that a snapshot looks at. */
export const networkSymlinks: readonly string[] = [
	"/sys/class/net/*",
	"/sys/class/net/*/device/driver",
	"/sys/class/net/*/device/physfn",
	"/sys/class/net/*/phy80211",
];

/** Largest file read: lease databases grow, and the end is what counts; none that matters is near this. */
export const networkFileCap: number = 256 * 1024;
