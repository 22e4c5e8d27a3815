import { text } from "../../bytes/index.ts";
import type { Evidence } from "./evidence.ts";
import type { BlockDevice, BusDevice, Watchdog } from "./facts.ts";
import type { Mount } from "./proc.ts";

/** Devices of every bus tell their modalias here: PCI, virtio, USB, platform, ACPI, Hyper-V, Xen and the rest. */
export const modaliasPattern = "/sys/bus/*/devices/*/modalias";

/** The driver that a device is bound to. */
export const driverPattern = "/sys/bus/*/devices/*/driver";

/** What one block device is asked for, below /sys/class/block/NAME. */
export const blockPatterns = {
	size: "/sys/class/block/*/size",
	number: "/sys/class/block/*/dev",
	dmUuid: "/sys/class/block/*/dm/uuid",
	mdLevel: "/sys/class/block/*/md/level",
	/** Link into the tree of devices: its components name the buses on the way. */
	link: "/sys/class/block/*",
	driver: "/sys/class/block/*/device/driver",
	/** virtio and nvme sit one device above. */
	parentDriver: "/sys/class/block/*/device/device/driver",
	udev: "/run/udev/data/b*",
} as const;

/** What a hardware watchdog tells (Documentation/ABI/testing/sysfs-class-watchdog), below /sys/class/watchdog/NAME. */
export const watchdogPatterns = {
	state: "/sys/class/watchdog/*/state",
	identity: "/sys/class/watchdog/*/identity",
	timeout: "/sys/class/watchdog/*/timeout",
} as const;

/** Watchdogs that count down, by name. The kernel's own softdog, which ends with its kernel, is none of them. */
export function armedWatchdogs(evidence: Evidence): Watchdog[] {
	return evidence.found("read", watchdogPatterns.state).flatMap(({ path, bytes }) => {
		const beside = (name: string) => evidence.line(path.replace(/state$/, name));
		const identity = beside("identity") ?? "";
		if (text(bytes).trim() !== "active" || identity === "Software Watchdog") return [];
		const timeout = Number(beside("timeout") ?? "");
		return [
			{
				name: path.split("/").at(-2) ?? "",
				identity,
				...(Number.isInteger(timeout) && timeout > 0 ? { timeout } : {}),
			},
		];
	});
}

/** Distinct modaliases, sorted. */
export function modaliases(evidence: Evidence): string[] {
	const found = new Set<string>();
	for (const answer of evidence.found("read", modaliasPattern)) {
		const alias = text(answer.bytes).trim();
		if (alias !== "") found.add(alias);
	}
	return [...found].sort();
}

/** Buses whose devices are found again by their place below /sys/devices; on others, names repeat. */
const namedBuses = /^\/sys\/bus\/(?:pci|sdio|usb|virtio|vmbus|xen)\/devices\/([^/]+)\/modalias$/;

/** Devices of the buses that disks and network cards hang on. */
export function busDevices(evidence: Evidence): Record<string, BusDevice> {
	const devices: [string, BusDevice][] = [];
	for (const { path, bytes } of evidence.found("read", modaliasPattern)) {
		const name = namedBuses.exec(path)?.[1];
		const modalias = text(bytes).trim();
		if (name === undefined || modalias === "") continue;
		const driver = driverName(evidence.link(path.replace(/modalias$/, "driver")));
		devices.push([name, { modalias, ...(driver === undefined ? {} : { driver }) }]);
	}
	return Object.fromEntries(devices.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Names of loaded modules, sorted (proc(5), /proc/modules). */
export function loadedModules(evidence: Evidence): string[] {
	const file = evidence.file("/proc/modules");
	if (!file) return [];
	return text(file)
		.split("\n")
		.flatMap((line) => line.split(" ", 1)[0] || [])
		.sort();
}

/** All block devices that have a size. */
export function blockDevices(evidence: Evidence, mounts: readonly Mount[]): BlockDevice[] {
	const types = new Map<string, string>();
	for (const answer of evidence.found("read", blockPatterns.udev)) {
		const type = /^E:ID_FS_TYPE=(.+)$/m.exec(text(answer.bytes))?.[1];
		// The file's name is b followed by major:minor.
		const number = answer.path.slice(answer.path.lastIndexOf("/") + 2);
		if (type !== undefined) types.set(number, type);
	}
	const devices: BlockDevice[] = [];
	for (const { path, bytes } of evidence.found("read", blockPatterns.size)) {
		const sectors = Number(text(bytes).trim());
		const name = path.split("/")[4] ?? "";
		if (!(sectors > 0) || name === "") continue;
		const below = `/sys/class/block/${name}`;
		const number = evidence.line(`${below}/dev`) ?? "";
		const driver = driverName(evidence.link(`${below}/device/driver`));
		const parent = driverName(evidence.link(`${below}/device/device/driver`));
		const devicePath = diskPath(evidence.link(below));
		const mounted = mounts.filter((mount) => mount.device === number);
		const type = types.get(number) ?? mounted[0]?.type;
		const stack =
			evidence.line(`${below}/dm/uuid`)?.split("-", 1)[0] ?? evidence.line(`${below}/md/level`);
		devices.push({
			name,
			number,
			// A sector of /sys is always 512 bytes, whatever the disk's own (Documentation/ABI/stable/sysfs-block).
			size: sectors * 512,
			mountedAt: mounted.map((mount) => mount.target),
			...(driver === undefined && parent === undefined ? {} : { driver: driver ?? parent ?? "" }),
			...(devicePath === undefined ? {} : { devicePath }),
			...(type === undefined ? {} : { type }),
			...(stack ? { stack } : {}),
		});
	}
	return devices.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What stands between /sys/devices and the disk, of a whole disk that hangs on a real device. */
function diskPath(link: string | undefined): string | undefined {
	return link?.match(/\/devices\/(?!virtual\/)(.+)\/block\/[^/]+$/)?.[1];
}

function driverName(link: string | undefined): string | undefined {
	return link?.slice(link.lastIndexOf("/") + 1);
}

/** File systems that need a module of their own to be mounted: those on disks, whether mounted or only recognised. */
export function filesystems(devices: readonly BlockDevice[]): string[] {
	return [...new Set(devices.flatMap(({ type }) => (type === undefined ? [] : [type])))].sort();
}
