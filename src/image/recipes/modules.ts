import type { ModuleSets } from "../recipe.ts";

/** Kernel modules by where they lie below `kernel/`. What they depend on comes along. */
export const modules: ModuleSets = {
	generic: [],
	core: [],
	filesystems: {},
};
