import type { Link } from "./model.ts";

/** How udev and networkd recognise a network card of the host: the [Match] section of its units. */
export interface LinkMatch {
	/** Name in the rescue system. */
	readonly name: string;
	readonly permanentMac?: string;
	/** ID_PATH of udev. */
	readonly path?: string;
	/** As ethtool tells it, which is what systemd compares. */
	readonly driver?: string;
	/** Only where nothing else tells it apart: its name on the host, which the rescue system may give to another card. */
	readonly originalName?: string;
}

/**
 * By permanent MAC. Cards without one, and cards that share it (copied virtual machines, fast paths), also by path,
 * and by driver where that is what differs.
 */
export function matchesOf(
	carried: readonly Link[],
	all: readonly Link[],
	oldNames: ReadonlyMap<string, string>,
): readonly LinkMatch[] {
	return carried.map((link) => {
		const { name, permanentMac } = link;
		const originalName = oldNames.get(name) ?? name;
		const others = all.filter((other) => other.name !== originalName);
		const isShared = others.some((other) => other.permanentMac === permanentMac);
		if (permanentMac !== undefined && !isShared) return { name, permanentMac };
		const path = idPath(link.devicePath);
		const driver = faceDriver(link, originalName, others);
		const match = {
			name,
			...(permanentMac === undefined ? {} : { permanentMac }),
			...(path === undefined ? {} : { path }),
			...(driver === undefined ? {} : { driver }),
		};
		const fits = (other: Link) =>
			(permanentMac === undefined || permanentMac === other.permanentMac) &&
			(path === undefined || path === idPath(other.devicePath)) &&
			(driver === undefined || driver === other.driver);
		const telling = permanentMac !== undefined || path !== undefined;
		return telling && !others.some(fits) ? match : { ...match, originalName };
	});
}

/**
 * The driver of a card with a fast path, which no other face of that card has. Only there: the driver that sysfs
 * knows is often not the one of ethtool (mlx4_core and mlx4_en). A net_failover stands on the very device of its
 * virtio_net (drivers/net/net_failover.c), so that sysfs tells the same of both.
 */
function faceDriver(link: Link, name: string, others: readonly Link[]): string | undefined {
	if (link.driver === "hv_netvsc") return link.driver;
	const { devicePath } = link;
	const isFailover = others.some(
		(other) => other.master === name && devicePath !== undefined && other.devicePath === devicePath,
	);
	return isFailover ? "net_failover" : undefined;
}

/**
 * What udev's path_id builtin calls ID_PATH, for the buses where network cards of servers sit: PCI (virtio on
 * top is skipped) and platform devices. Elsewhere undefined: a wrong path would match nothing.
 */
export function idPath(devicePath: string | undefined): string | undefined {
	if (devicePath === undefined) return undefined;
	const parts = devicePath.split("/").filter((part) => part !== "");
	const known =
		/^(pci[0-9a-f]{4}:[0-9a-f]{2}|[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|virtio\d+)$/;
	if (parts[0]?.startsWith("pci") === true && parts.every((part) => known.test(part))) {
		const pci = parts.findLast((part) => /^[0-9a-f]{4}:/.test(part));
		return pci === undefined ? undefined : `pci-${pci}`;
	}
	return parts.length === 2 && parts[0] === "platform" && /^[\w.:-]+$/.test(parts[1] ?? "")
		? `platform-${parts[1]}`
		: undefined;
}
