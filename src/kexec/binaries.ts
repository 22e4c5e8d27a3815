// The helper's own files.
import { readFile } from "node:fs/promises";
import { EkexecError } from "../bytes/index.ts";
import type { HelperCode } from "./contract.ts";

/** Architectures that there is a helper for, as `uname -m` names them. */
export type HelperArch = "x86_64" | "aarch64";

/** Where the helper for an architecture lies on the operator's machine. */
export function helperFile(arch: HelperArch): URL {
	// The same from src/ and from dist/: the binaries are published in src.
	return new URL(`../../src/kexec/helper/bin/helper-${arch}`, import.meta.url);
}

/** The helper's bytes. `machine` as `uname -m` on the target says. Throws `HELPER_SYSTEM` for machines without one. */
export async function helperBinary(machine: string): Promise<Uint8Array> {
	const names: Readonly<Record<string, HelperArch>> = {
		x86_64: "x86_64",
		amd64: "x86_64",
		aarch64: "aarch64",
		arm64: "aarch64",
	};
	const arch = names[machine.trim()];
	if (arch === undefined) {
		throw new EkexecError<HelperCode>(
			"refused",
			"HELPER_SYSTEM",
			"there is no helper for this kind of machine",
			{
				expected: "x86_64 or aarch64",
				found: machine.trim(),
			},
		);
	}
	return new Uint8Array(await readFile(helperFile(arch)));
}

/**
 * Folders that the helper is tried in, in this order: the first in which it can be written and executed holds it.
 * Memory first; /run is noexec on Debian but not everywhere; a home or the root folder is the last resort,
 * since its disk may be the broken one.
 */
export const helperPlaces: readonly string[] = [
	"/dev/shm",
	"/run",
	"/tmp",
	"/var/tmp",
	"/root",
	"/",
];
