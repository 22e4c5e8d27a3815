import { EkexecError } from "../bytes/index.ts";
import { type Decoded, decodeDump } from "../netlink/index.ts";
import type { NetworkCode } from "./error.ts";

/** The dumps a snapshot is made of. `bridgeVlans`: RTM_GETLINK of family AF_BRIDGE with RTEXT_FILTER_BRVLAN_COMPRESSED. */
export const dumpNames = [
	"links",
	"bridgeVlans",
	"addresses",
	"routes",
	"rules",
	"nexthops",
	"neighbours",
] as const;
export type DumpName = (typeof dumpNames)[number];

/**
 * What was read of a host, wherever it came from: the machine at hand, a helper on the target, a test. Bytes,
 * as the kernel and the files had them; everything else follows from them.
 */
export interface RawNetwork {
	/** The whole answer to each dump request, NLMSG_DONE included. Absent: the kernel does not know the request. */
	readonly dumps: Readonly<Partial<Record<DumpName, Uint8Array>>>;
	/** Contents of {@link networkFiles} that are there, by path. */
	readonly files: ReadonlyMap<string, Uint8Array>;
	/** Bodies of {@link networkSymlinks} that are there, by path. */
	readonly symlinks: ReadonlyMap<string, string>;
	/** Permanent MACs by interface, where the kernel (before 5.6) tells them by ethtool only. */
	readonly permanentMacs?: ReadonlyMap<string, string>;
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
];

/** Largest file read: lease databases grow, and the end is what counts; none that matters is near this. */
export const networkFileCap: number = 256 * 1024;

/** Decodes all dumps. Throws what `decodeDump` throws; `NETWORK_SNAPSHOT` without links. */
export function decodeRaw(raw: RawNetwork, where = "host"): Decoded {
	if (raw.dumps.links === undefined) {
		throw new EkexecError<NetworkCode>("check", "NETWORK_SNAPSHOT", "no dump of the links", {
			where,
		});
	}
	const all: Decoded = decodeDump(raw.dumps.links, { where: `${where}, links` });
	for (const name of dumpNames) {
		const bytes = raw.dumps[name];
		if (bytes === undefined || name === "links") continue;
		const part = decodeDump(bytes, { where: `${where}, ${name}` });
		all.interrupted ||= part.interrupted;
		all.bridgeLinks = all.bridgeLinks.concat(part.bridgeLinks);
		all.addresses = all.addresses.concat(part.addresses);
		all.routes = all.routes.concat(part.routes);
		all.rules = all.rules.concat(part.rules);
		all.nexthops = all.nexthops.concat(part.nexthops);
		all.neighbours = all.neighbours.concat(part.neighbours);
		all.others = all.others.concat(part.others);
	}
	return all;
}
