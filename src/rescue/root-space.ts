import { splitCommandLine } from "./command-line.ts";

/** The parameter that sets the mount options of the kernel's root (Linux 6.18, and stable kernels of its time). */
export const rootOptions = "initramfs_options";

/** What fits into the file system into which the kernel unpacks the initrd. */
export interface RootSpace {
	/** In bytes; Infinity for a ramfs. */
	readonly bytes: number;
	/** In bytes, for a kernel that knows `initramfs_options`. */
	readonly withOptions: number;
}

const units: Readonly<Record<string, number>> = {
	"": 1,
	k: 2 ** 10,
	m: 2 ** 20,
	g: 2 ** 30,
	t: 2 ** 40,
};

/**
 * The root is a tmpfs, which takes half of the memory unless told; with root= or another rootfstype= it is a ramfs,
 * which has no limit (init/do_mounts.c, init_rootfs). `memory` is what the kernel has while it unpacks, in bytes: all
 * but the initrd.
 */
export function rootSpace(commandLine: string, memory: number): RootSpace {
	const values = new Map<string, string>();
	for (const word of splitCommandLine(commandLine)) {
		const at = word.indexOf("=");
		if (at > 0) values.set(word.slice(0, at).replaceAll("-", "_"), word.slice(at + 1));
	}
	const type = values.get("rootfstype");
	const tmpfs = type === undefined ? (values.get("root") ?? "") === "" : type.includes("tmpfs");
	if (!tmpfs) return { bytes: Infinity, withOptions: Infinity };
	const bytes = memory / 2;
	let withOptions = bytes;
	for (const option of (values.get(rootOptions) ?? "").split(",")) {
		// mm/shmem.c, shmem_parse_one; nothing is no limit.
		const [, digits, unit = ""] = /^size=(\d+)([kmgt%]?)$/i.exec(option) ?? [];
		if (digits === undefined) continue;
		const number = Number(digits);
		const factor = unit === "%" ? memory / 100 : (units[unit.toLowerCase()] ?? 1);
		withOptions = number === 0 ? Infinity : number * factor;
	}
	return { bytes, withOptions };
}
