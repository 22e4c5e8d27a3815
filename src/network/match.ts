import type { Link } from "./model.ts";

/** How udev and networkd recognise a network card of the host: the [Match] section of its units. */
export interface LinkMatch {
	/** Name in the rescue system. */
	readonly name: string;
	readonly permanentMac?: string;
	/** ID_PATH of udev. */
	readonly path?: string;
	readonly driver?: string;
	/** Only where nothing else tells it apart: the name that the rescue kernel gives. */
	readonly originalName?: string;
}

/**
 * By permanent MAC. Cards without one, and cards that share it (the two faces of a Hyper-V card, copied
 * virtual machines), also by path and driver.
 */
export function matchesOf(
	carried: readonly Link[],
	all: readonly Link[],
	oldNames: ReadonlyMap<string, string>,
): readonly LinkMatch[] {
	return carried.map((link) => {
		const mac = link.permanentMac;
		const path = idPath(link.devicePath);
		const sharing = all.filter((other) => other.permanentMac === mac).length;
		if (mac !== undefined && sharing === 1) return { name: link.name, permanentMac: mac };
		const match = {
			name: link.name,
			...(mac === undefined ? {} : { permanentMac: mac }),
			...(path === undefined ? {} : { path }),
			...(link.driver === undefined ? {} : { driver: link.driver }),
		};
		const telling = mac !== undefined || path !== undefined;
		return telling ? match : { ...match, originalName: oldNames.get(link.name) ?? link.name };
	});
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
