// The memory of an x86 machine: what of it the next kernel is told, and what of it a load may use.
import { Cursor, struct, u32, u64 } from "../bytes/index.ts";
import type { LoadFacts } from "./load-facts.ts";
import { type MemoryRange, subtract } from "./memory-map.ts";

/** Types of the memory map by the names in sysfs and /proc/iomem (arch/x86/kernel/e820.c). */
const types: Readonly<Record<string, number>> = {
	"system ram": 1,
	reserved: 2,
	"acpi tables": 3,
	"acpi non-volatile storage": 4,
	"unusable memory": 5,
	"persistent memory": 7,
	"persistent memory (legacy)": 12,
	"soft reserved": 0xefffffff,
};
const typeOf = (range: MemoryRange): number | undefined => types[range.kind.toLowerCase()];
const isRam = (range: MemoryRange): boolean => typeOf(range) === types["system ram"];

const entry = struct("boot_e820_entry", { address: u64, size: u64, type: u32 });

/** Entries of the memory map within struct boot_params (Documentation/arch/x86/zero-page.rst). */
const within = { count: 0x1e8, table: 0x2d0, most: 128 } as const;

/** The map as struct boot_e820_entry, one each. */
export function e820Of(map: readonly MemoryRange[]): Uint8Array[] {
	return map.map((range) =>
		// A kind that is not known is not memory to be used.
		entry.write({ address: range.start, size: range.end - range.start, type: typeOf(range) ?? 2 }),
	);
}

/**
 * The memory map for the next kernel: the firmware's, else what can be gathered of it from /proc/iomem. There the
 * windows of PCI and the registers of devices stand beside the memory: named reserved, they would be denied to the
 * devices of the next kernel (arch/x86/kernel/resource.c).
 */
export function memoryMap(facts: LoadFacts): MemoryRange[] {
	if (facts.firmware.length > 0) return withoutPlugged(facts.firmware, facts.bootParams);
	const { outer, inner } = facts.iomem;
	const held = inner.filter((range) => typeOf(range) !== undefined && !isRam(range));
	const map = outer.filter((range) => typeOf(range) !== undefined);
	return [...subtract(map, held), ...held].sort((a, b) => (a.start < b.start ? -1 : 1));
}

/**
 * sysfs tells memory that was plugged in later like the firmware's own, though a hypervisor may stand behind a part
 * of it only. kexec_file_load hands over the map of the start; so does this, as far as the boot loader's map shows it.
 * The next kernel finds the rest as this one did.
 */
function withoutPlugged(
	map: readonly MemoryRange[],
	bootParams: Uint8Array | undefined,
): MemoryRange[] {
	const count = bootParams?.[within.count] ?? 0;
	// A full table goes on elsewhere.
	if (bootParams === undefined || count === 0 || count >= within.most) return [...map];
	if (bootParams.length < within.table + count * entry.size) return [...map];
	const cursor = new Cursor(bootParams, { where: "boot_params" });
	const start: MemoryRange[] = [];
	for (let i = 0; i < count; i++) {
		cursor.seek(within.table + i * entry.size);
		const { address, size, type } = entry.read(cursor);
		if (type === types["system ram"])
			start.push({ start: address, end: address + size, kind: "System RAM" });
	}
	const ram = map.filter(isRam);
	const plugged = subtract(ram, start);
	// Maps that have nothing to do with each other: not what this is about.
	if (subtract(ram, plugged).length === 0) return [...map];
	return [...subtract(ram, plugged), ...map.filter((range) => !isRam(range))].sort((a, b) =>
		a.start < b.start ? -1 : 1,
	);
}

/** Memory that the new kernel and its data may lie in. */
export function usable(map: readonly MemoryRange[], facts: LoadFacts): MemoryRange[] {
	let free = subtract(
		map.filter(isRam),
		map.filter((range) => !isRam(range)),
	);
	const seen = facts.iomem.outer.filter(isRam);
	if (seen.length > 0) {
		// What the running kernel took out of the firmware's memory (mem=, its own reservations) stays out.
		const everything: MemoryRange = { start: 0n, end: 1n << 63n, kind: "" };
		free = subtract(free, subtract([everything], seen));
	}
	return subtract(
		free,
		facts.iomem.inner.filter((range) => /^reserved$/i.test(range.kind)),
	);
}
