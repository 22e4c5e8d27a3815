import type { Facts } from "../kexec/facts/facts.ts";
import { type Check, ok, refusal, warning } from "./check.ts";
import { type RootSpace, rootOptions } from "./root-space.ts";

/** Sizes of what will be loaded, in bytes. */
export interface LoadSizes {
	readonly kernel: number;
	/** What the kernel needs where it starts: init_size of a bzImage, image_size on arm64. */
	readonly kernelMemory: number;
	/** All layers and the identity, as they are sent. */
	readonly initrd: number;
	/** Memory the unpacked files will take. */
	readonly unpacked: number;
}

/** What the rescue needs of the target's memory, in bytes. */
export interface MemoryBudget {
	readonly sizes: LoadSizes;
	/** The helper's copy of kernel and initrd. */
	readonly staged: number;
	/** All segments together, of which the kernel takes no more than half of the memory. */
	readonly segments: number;
	/** What the kernel takes while it loads: its own reading copy and the segments. */
	readonly loading: number;
	/** Peak of both, until the jump. */
	readonly beforeJump: number;
	/** What the rescue system takes at its peak: initrd and unpacked tree at once, kernel and services. */
	readonly afterJump: number;
	readonly available: number;
	readonly total: number;
}

/** The rescue kernel, its page tables and slabs, and systemd with sshd: measured as the rest of a 512 MB guest. */
const rescueOverhead = 96 * 1024 * 1024;
/** Kept free on the target while it loads, so that its sshd is not the one that the kernel kills. */
const reserve = 24 * 1024 * 1024;

/**
 * kexec_file_load reads kernel and initrd into vmalloc space and copies them into the segments, both alive at the
 * same time (kernel/kexec_file.c); kexec_load copies once, straight from the helper's mapping. The kernel's segment
 * takes pages for all that the kernel needs to start, not only for its file.
 */
export function budgetMemory(
	facts: Facts,
	sizes: LoadSizes,
	method: "kexec_file_load" | "kexec_load",
): MemoryBudget | undefined {
	if (!facts.memory) return undefined;
	const staged = sizes.kernel + sizes.initrd;
	const segments = Math.max(sizes.kernelMemory, sizes.kernel) + sizes.initrd;
	const loading = method === "kexec_file_load" ? staged + segments : segments;
	return {
		sizes,
		staged,
		segments,
		loading,
		beforeJump: staged + loading + reserve,
		afterJump: sizes.initrd + sizes.unpacked + rescueOverhead,
		available: facts.memory.available,
		total: facts.memory.total,
	};
}

/**
 * `root`: what the kernel can unpack into; `knowsOptions`: whether it knows the parameter that sets this, undefined
 * where it cannot be read from the kernel.
 */
export function checkMemory(
	budget: MemoryBudget | undefined,
	root?: RootSpace,
	knowsOptions?: boolean,
): Check {
	if (!budget) return warning("memory", "could not be read (/proc/meminfo)");
	const { available, total, segments, beforeJump, afterJump, sizes } = budget;
	const smaller = "Use --modules target or an image without what you do not need.";
	// sanity_check_segment_list in kernel/kexec_core.c, for either call: else EINVAL.
	if (segments > total / 2) {
		return refusal(
			"memory",
			`kernel and initrd take ${mib(segments)}, of which the kernel loads no more than half of the ${mib(total)} of memory`,
			smaller,
		);
	}
	if (afterJump > total) {
		return refusal(
			"memory",
			`the rescue system needs ${mib(afterJump)}, the target has ${mib(total)}`,
			smaller,
		);
	}
	const space = root && (knowsOptions === false ? root.bytes : root.withOptions);
	if (space !== undefined && sizes.unpacked > space) {
		return refusal(
			"memory",
			`unpacked, the image has ${mib(sizes.unpacked)}, of which its kernel's root takes ${mib(space)}`,
			knowsOptions === true
				? `Lift the limit with --cmdline ${rootOptions}=size=100%.`
				: `Lift the limit with --cmdline rootfstype=ramfs, or: ${smaller}`,
		);
	}
	if (beforeJump > available) {
		return refusal(
			"memory",
			`staging and loading need ${mib(beforeJump)}, ${mib(available)} of ${mib(total)} are available`,
			`Stop what takes memory on the target (a database, virtual machines), or: ${smaller}`,
		);
	}
	if (root && knowsOptions === undefined && sizes.unpacked > root.bytes) {
		return warning(
			"memory",
			`unpacked, the image has ${mib(sizes.unpacked)}; a kernel that does not know ${rootOptions} takes ${mib(root.bytes)}, and this one cannot be asked`,
			"If the rescue system does not come up, try --cmdline rootfstype=ramfs.",
		);
	}
	return ok(
		"memory",
		`${mib(beforeJump)} needed to load, ${mib(available)} available; ${mib(afterJump)} of ${mib(total)} afterwards`,
	);
}

/** Bytes as whole MiB, rounded up. */
export function mib(bytes: number): string {
	return `${Math.ceil(bytes / (1024 * 1024))} MiB`;
}
