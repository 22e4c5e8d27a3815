// The physical memory of a target, as its firmware and its kernel tell it.
import { text } from "../bytes/index.ts";
import type { Answer } from "./contract.ts";

/** A stretch of physical memory; `end` is the first address behind it. */
export interface MemoryRange {
	readonly start: bigint;
	readonly end: bigint;
	/** As Linux names it: `System RAM`, `Reserved`, `ACPI Tables`… */
	readonly kind: string;
}

/** The map the firmware gave to the kernel: the three files of each folder of /sys/firmware/memmap. */
export function readFirmwareMap(answer: Answer): MemoryRange[] {
	const found = new Map<string, { start?: bigint; end?: bigint; kind?: string }>();
	for (const item of answer.items) {
		const match = text(item.path).match(/\/memmap\/(\d+)\/(start|end|type)$/);
		if (match?.[1] === undefined || item.errno !== 0) continue;
		const range = found.get(match[1]) ?? {};
		const value = text(item.bytes).trim();
		if (match[2] === "type") range.kind = value;
		else if (/^0x[0-9a-f]+$/i.test(value))
			range[match[2] === "start" ? "start" : "end"] = BigInt(value);
		found.set(match[1], range);
	}
	const ranges: MemoryRange[] = [];
	for (const { start, end, kind } of found.values()) {
		// sysfs tells the last address of a range.
		if (start !== undefined && end !== undefined && kind !== undefined)
			ranges.push({ start, end: end + 1n, kind });
	}
	return sorted(ranges);
}

/**
 * The outermost lines of /proc/iomem, and those within them apart. Without privileges all addresses in it are zero:
 * then both are empty.
 */
export function readIomem(content: string): {
	readonly outer: MemoryRange[];
	readonly inner: MemoryRange[];
} {
	const outer: MemoryRange[] = [];
	const inner: MemoryRange[] = [];
	for (const line of content.split("\n")) {
		const match = line.match(/^( *)([0-9a-f]+)-([0-9a-f]+) : (.*)$/);
		if (!match) continue;
		const range = {
			start: BigInt(`0x${match[2]}`),
			end: BigInt(`0x${match[3]}`) + 1n,
			kind: match[4] ?? "",
		};
		if (range.end === 1n) continue;
		(match[1] === "" ? outer : inner).push(range);
	}
	return { outer: sorted(outer), inner: sorted(inner) };
}

function sorted(ranges: MemoryRange[]): MemoryRange[] {
	return ranges.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
}

/** `ranges` without what `holes` cover. */
export function subtract(
	ranges: readonly MemoryRange[],
	holes: readonly MemoryRange[],
): MemoryRange[] {
	let rest = [...ranges];
	for (const hole of holes) {
		rest = rest.flatMap((range) => {
			if (hole.end <= range.start || hole.start >= range.end) return [range];
			const parts: MemoryRange[] = [];
			if (hole.start > range.start) parts.push({ ...range, end: hole.start });
			if (hole.end < range.end) parts.push({ ...range, start: hole.end });
			return parts;
		});
	}
	return rest;
}

const up = (value: bigint, alignment: bigint) => ((value + alignment - 1n) / alignment) * alignment;
const down = (value: bigint, alignment: bigint) => (value / alignment) * alignment;

/** Lowest aligned address with `size` bytes free within [min, max). */
export function findLow(
	free: readonly MemoryRange[],
	size: bigint,
	alignment: bigint,
	min: bigint,
	max: bigint,
): bigint | undefined {
	for (const range of free) {
		const start = up(range.start > min ? range.start : min, alignment);
		const end = range.end < max ? range.end : max;
		if (start + size <= end) return start;
	}
	return undefined;
}

/** Highest aligned address with `size` bytes free within [min, max). */
export function findHigh(
	free: readonly MemoryRange[],
	size: bigint,
	alignment: bigint,
	min: bigint,
	max: bigint,
): bigint | undefined {
	for (const range of [...free].reverse()) {
		const end = range.end < max ? range.end : max;
		const start = down(end - size, alignment);
		if (start >= range.start && start >= min && start + size <= end) return start;
	}
	return undefined;
}
