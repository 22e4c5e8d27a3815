import { chooseModules, type ModuleWishes, type PlacedModule } from "../debian/index.ts";
import { imageError } from "./errors.ts";
import { type ModuleSets, matcher } from "./recipe.ts";
import { parseShape } from "./shape.ts";

/** What of a target's facts decides its image. */
export interface ImageTarget {
	/** As in `/sys/…/modalias`. */
	readonly modaliases: readonly string[];
	/** Types of file systems, as blkid and /proc/mounts name them. */
	readonly filesystems: readonly string[];
	/** Modules loaded there. */
	readonly modules?: readonly string[];
}

/** A machine has some hundred devices, a large one some thousands. */
const maxModaliases = 100_000;
/** Longer than any modalias: the kernel's buffer is a page. */
const alias = /^[\x21-\x7e]{1,4096}$/;

/** Reads the JSON of facts, as `ekexec check --json` prints them; ignores all else in it. Throws `IMAGE_TARGET`. */
export function parseTarget(json: string, where: string): ImageTarget {
	const root = parseShape(json, (details) =>
		imageError("usage", "IMAGE_TARGET", "these are no facts of a target", { where, ...details }),
	);
	const shape = root.get("facts").present ? root.get("facts") : root;
	const modaliases = shape.get("modaliases");
	if (!modaliases.present) modaliases.fail("an array of modaliases");
	return {
		modaliases: modaliases.strings(maxModaliases, alias, "a modalias"),
		filesystems: shape.get("filesystems").strings(1000, alias, "a file system's name"),
		modules: shape.get("modules").strings(10_000, alias, "a module's name"),
	};
}

/** Wishes with a key that tells two of them apart. */
export interface KeyedWishes extends ModuleWishes {
	readonly key: readonly unknown[];
	chosen(modules: readonly PlacedModule[]): readonly PlacedModule[];
}

/**
 * The modules of an image: without a target, all that the recipe calls generic. With one, those of them and of the
 * rare ones that its devices ask for, that were loaded there, or that its file systems need, and the recipe's core.
 */
export function wishesFor(sets: ModuleSets, target?: ImageTarget): KeyedWishes {
	const generic = matcher(sets.generic);
	const wishes: ModuleWishes =
		target === undefined
			? { paths: generic, names: sets.core }
			: {
					names: [
						...sets.core,
						...target.filesystems.flatMap((type) => [
							type,
							`fs-${type}`,
							...(sets.filesystems[type] ?? []),
						]),
					],
					modaliases: [...target.modaliases, ...(target.modules ?? [])],
					within: matcher([...sets.generic, ...(sets.rare ?? [])]),
				};
	return {
		...wishes,
		key: [
			target === undefined
				? sets.generic
				: [target, sets.generic, sets.filesystems, ...(sets.rare === undefined ? [] : [sets.rare])],
			sets.core,
		],
		chosen: (modules) => chooseModules(modules, wishes).modules,
	};
}
