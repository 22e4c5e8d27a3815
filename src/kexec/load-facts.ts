// What kexec_load needs to know of a target; kexec_file_load finds all of it out by itself.
import { text } from "../bytes/index.ts";
import type { Answer, Item, Source } from "./contract.ts";
import { type MemoryRange, readFirmwareMap, readIomem } from "./memory-map.ts";
import { source } from "./sources.ts";

/** What a target must tell before kexec_load can be prepared. */
export interface LoadFacts {
	/** The firmware's memory map; empty on machines without one (arm64). */
	readonly firmware: readonly MemoryRange[];
	/** /proc/iomem: memory as the running kernel sees it. Empty without privileges. */
	readonly iomem: {
		readonly outer: readonly MemoryRange[];
		readonly inner: readonly MemoryRange[];
	};
	/** struct boot_params of the running kernel (x86), if it shows it. */
	readonly bootParams?: Uint8Array;
	/** Physical address of the ACPI root pointer, where it is known. */
	readonly rsdp?: bigint;
	readonly efi?: EfiFacts;
	/** Whether the running kernel uses five levels of page tables (x86). */
	readonly fiveLevels?: boolean;
	/** Bytes of a page of the running kernel. */
	readonly pageSize?: number;
	/** The flattened device tree the running kernel was started with (arm64). */
	readonly fdt?: Uint8Array;
}

/** EFI tables of a target whose firmware has set its virtual map already: the next kernel must take it over. */
export interface EfiFacts {
	readonly vendor: bigint;
	/** Table of the runtime services; kernels since 5.8 do not show it, and kernels since 5.7 do not want it. */
	readonly services?: bigint;
	readonly tables: bigint;
	readonly smbios: bigint;
	readonly runtime: readonly EfiMemory[];
}

/** An entry of /sys/firmware/efi/runtime-map. */
export interface EfiMemory {
	readonly type: bigint;
	readonly physical: bigint;
	readonly virtual: bigint;
	readonly pages: bigint;
	readonly attribute: bigint;
}

/** Sources for {@link readLoadFacts}, in its order. */
export function loadSources(): Source[] {
	const small = { cap: 64, items: 4096 };
	return [
		source.read("/sys/firmware/memmap/*/*", small),
		source.read("/proc/iomem", { cap: 1_048_576 }),
		source.read("/sys/kernel/boot_params/data"),
		source.read("/sys/firmware/efi/systab"),
		source.read("/sys/firmware/efi/fw_vendor"),
		source.read("/sys/firmware/efi/config_table"),
		source.read("/sys/firmware/efi/runtime-map/*/*", small),
		// Boards with large device trees have some hundred kB.
		source.read("/sys/firmware/fdt", { cap: 4_194_304 }),
		source.read("/sys/firmware/efi/runtime", small),
		// The first processor tells: a kernel that does not use five levels strikes the flag out.
		source.read("/proc/cpuinfo", { cap: 8192 }),
		source.read("/proc/self/auxv", { cap: 4096 }),
	];
}

/** Makes the facts from the answers to {@link loadSources}. */
export function readLoadFacts(answers: readonly Answer[]): LoadFacts {
	const [memmap, iomem, bootParams, systab, vendor, tables, runtime, fdt, services, cpus, auxv] =
		answers;
	const table = wordsOf(contentOf(systab));
	const params = contentOf(bootParams);
	const tree = contentOf(fdt);
	const rsdp = rsdpOf(params, table);
	const pageSize = pageSizeOf(contentOf(auxv));
	const pointers = { vendor, tables, services };
	const efi = efiOf(pointers, table, runtime);
	const flags = /^flags\s*:(.*)$/m.exec(text(cpus?.items[0]?.bytes ?? new Uint8Array()))?.[1];
	return {
		firmware: memmap === undefined ? [] : readFirmwareMap(memmap),
		iomem: readIomem(text(contentOf(iomem) ?? new Uint8Array())),
		...(params === undefined ? {} : { bootParams: params }),
		...(rsdp === undefined ? {} : { rsdp }),
		...(efi === undefined ? {} : { efi }),
		...(flags === undefined ? {} : { fiveLevels: flags.split(/\s+/).includes("la57") }),
		...(pageSize === undefined ? {} : { pageSize }),
		...(tree === undefined ? {} : { fdt: tree }),
	};
}

/** AT_PAGESZ of the auxiliary vector (include/uapi/linux/auxvec.h). */
function pageSizeOf(auxv: Uint8Array | undefined): number | undefined {
	if (auxv === undefined) return undefined;
	const view = new DataView(auxv.buffer, auxv.byteOffset, auxv.byteLength);
	for (let at = 0; at + 16 <= auxv.length; at += 16)
		if (view.getBigUint64(at, true) === 6n) return Number(view.getBigUint64(at + 8, true));
	return undefined;
}

function contentOf(answer: Answer | undefined): Uint8Array | undefined {
	const item = answer?.items[0];
	return item === undefined || item.errno !== 0 || item.state !== "whole" ? undefined : item.bytes;
}

/** `NAME=0x…` lines. */
function wordsOf(bytes: Uint8Array | undefined): ReadonlyMap<string, bigint> {
	const words = new Map<string, bigint>();
	for (const line of text(bytes ?? new Uint8Array()).split("\n")) {
		const match = line.match(/^(\w+)=(0x[0-9a-f]+)$/i);
		if (match?.[1] !== undefined && match[2] !== undefined) words.set(match[1], BigInt(match[2]));
	}
	return words;
}

/** acpi_rsdp_addr of struct boot_params, else what EFI says. On a BIOS machine the kernel finds it by itself. */
function rsdpOf(
	params: Uint8Array | undefined,
	table: ReadonlyMap<string, bigint>,
): bigint | undefined {
	if (params !== undefined && params.length >= 0x78) {
		const own = new DataView(params.buffer, params.byteOffset).getBigUint64(0x70, true);
		if (own !== 0n) return own;
	}
	return table.get("ACPI20") ?? table.get("ACPI");
}

function efiOf(
	pointers: Record<"vendor" | "tables" | "services", Answer | undefined>,
	systab: ReadonlyMap<string, bigint>,
	runtime: Answer | undefined,
): EfiFacts | undefined {
	const address = (answer: Answer | undefined) => {
		const match = text(contentOf(answer) ?? new Uint8Array()).match(/0x[0-9a-f]+/i);
		return match === null ? undefined : BigInt(match[0]);
	};
	const vendor = address(pointers.vendor);
	const tables = address(pointers.tables);
	const services = address(pointers.services);
	const entries = runtime === undefined ? [] : runtimeMap(runtime.items);
	if (vendor === undefined || tables === undefined || entries.length === 0) return undefined;
	return {
		vendor,
		tables,
		// It takes the place of the first version's entry in the table, and of no other (efi_reuse_config).
		smbios: systab.get("SMBIOS") ?? 0n,
		runtime: entries,
		...(services === undefined ? {} : { services }),
	};
}

function runtimeMap(items: readonly Item[]): EfiMemory[] {
	const found = new Map<number, Record<string, bigint>>();
	for (const item of items) {
		const match = text(item.path).match(/\/runtime-map\/(\d+)\/(\w+)$/);
		const value = text(item.bytes).trim();
		if (match?.[2] === undefined || !/^(0x[0-9a-f]+|\d+)$/i.test(value)) continue;
		const entry = found.get(Number(match[1])) ?? {};
		entry[match[2]] = BigInt(value);
		found.set(Number(match[1]), entry);
	}
	const entries = [...found].sort(([a], [b]) => a - b);
	return entries.map(([, entry]) => ({
		type: entry.type ?? 0n,
		physical: entry.phys_addr ?? 0n,
		virtual: entry.virt_addr ?? 0n,
		pages: entry.num_pages ?? 0n,
		attribute: entry.attribute ?? 0n,
	}));
}
