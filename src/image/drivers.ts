import { utf8 } from "../bytes/index.ts";
import {
	AliasTable,
	builtinAliases,
	type KernelFiles,
	moduleName,
	type PlacedModule,
} from "../debian/index.ts";
import { readListed } from "./listed.ts";
import type { Image } from "./open.ts";

/**
 * Buses on which disks and network cards hang, and whose devices say by their modalias which driver they want
 * (MODULE_DEVICE_TABLE, scripts/mod/file2alias.c).
 */
export const driverBuses = ["pci", "sdio", "usb", "virtio", "vmbus", "xen"] as const;
const ofDriverBus = new RegExp(`^(?:${driverBuses.join("|")}):`);

/** What one driver of an image serves. */
export interface Driver {
	readonly module: string;
	/**
	 * Patterns of modaliases, on {@link driverBuses}. Empty for what is built into the kernel: until Linux 6.18 nothing
	 * but its name is known of it (modules.builtin).
	 */
	readonly aliases: readonly string[];
	/** Whether it may ask for files below `/lib/firmware`. */
	readonly firmware: boolean;
}

/** Drivers of an image: its modules, and what is built into its kernel. */
export function driversOf(modules: readonly PlacedModule[], kernel: KernelFiles): Driver[] {
	const drivers = new Map<string, Driver>();
	for (const path of kernel.builtin.split("\n")) {
		if (!path.startsWith("kernel/drivers/")) continue;
		const module = moduleName(path);
		drivers.set(module, { module, aliases: [], firmware: false });
	}
	for (const { module, alias } of builtinAliases(kernel.builtinModinfo ?? new Uint8Array(0))) {
		if (!ofDriverBus.test(alias)) continue;
		const aliases = [...(drivers.get(module)?.aliases ?? []), alias];
		drivers.set(module, { module, aliases, firmware: false });
	}
	for (const { name, aliases, firmware } of modules) {
		const served = aliases.filter((alias) => ofDriverBus.test(alias));
		if (served.length === 0) continue;
		drivers.set(name, { module: name, aliases: served, firmware: firmware.length > 0 });
	}
	return [...drivers.values()].sort((a, b) => (a.module < b.module ? -1 : 1));
}

/** `drivers.json`: one driver a line. */
export function formatDrivers(drivers: readonly Driver[]): Uint8Array {
	const lines = drivers.map((driver) => JSON.stringify(driver));
	return utf8(`{"drivers":[\n${lines.join(",\n")}\n]}\n`);
}

/** Finds the drivers of an image for a device. */
export interface DriverTable {
	/** Names of the modules that serve a modalias, sorted. */
	find(modalias: string): readonly string[];
	/** Whether there is a driver of this name, built in or a module; `-` and `_` count as the same. */
	has(driver: string): boolean;
	/** Whether a module may ask for firmware. */
	wantsFirmware(module: string): boolean;
}

const maxDrivers = 100_000;
const maxAliases = 1_000_000;

/** Reads what the image says of its drivers; undefined for images whose maker said nothing. */
export async function readDrivers(image: Image): Promise<DriverTable | undefined> {
	const file = image.manifest.drivers;
	if (file === undefined) return undefined;
	const list = await readListed(image, file);
	const drivers = list
		.get("drivers")
		.items(maxDrivers)
		.map((item) => ({
			module: item.get("module").string(),
			aliases: item.get("aliases").strings(maxAliases, /^[\x21-\x7e]{1,512}$/, "an alias"),
			firmware: item.get("firmware").value === true,
		}));
	return driverTable(drivers);
}

export function driverTable(drivers: readonly Driver[]): DriverTable {
	const byName = new Map(drivers.map((driver) => [driver.module, driver]));
	const table = new AliasTable(
		drivers.flatMap(({ module, aliases }) => aliases.map((alias) => ({ alias, module }))),
	);
	return {
		find: (modalias) => table.find(modalias),
		has: (driver) => byName.has(driver.replaceAll("-", "_")),
		wantsFirmware: (module) => byName.get(module)?.firmware === true,
	};
}
