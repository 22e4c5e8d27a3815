import { readFileSync } from "node:fs";
import type { LoadPlan, MemoryRange } from "../../../src/kexec/index.ts";

export const MiB: number = 1024 * 1024;

/** A file of fixtures/kexec. */
export function fixture(name: string): Uint8Array {
	return new Uint8Array(readFileSync(new URL(`../../../fixtures/kexec/${name}`, import.meta.url)));
}

/** A stretch of a memory map; `end` is the first address behind it. */
export function range(start: number, end: number, kind = "System RAM"): MemoryRange {
	return { start: BigInt(start), end: BigInt(end), kind };
}

/** The bytes of the file that a plan adds to kernel and initrd. */
export function extraOf(plan: LoadPlan): Uint8Array {
	const [part] = plan.extra.parts;
	if (part === undefined || !("bytes" in part)) throw new Error("no literal part");
	return part.bytes;
}
