import type { ModuleWishes } from "../debian/index.ts";
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
	/** Whether that comes on top of what serves any machine; else it is all there is. */
	readonly besides?: boolean;
}

/** A machine has some hundred devices, a large one some thousands. */
const maxModaliases = 100_000;
/** Longer than any modalias: the kernel's buffer is a page. */
const alias = /^[\x21-\x7e]{1,4096}$/;

/**
 * Reads the JSON of facts, or all that `ekexec check --json` prints, where they are one line of several; ignores all else
 * in it. Throws `IMAGE_TARGET`.
 */
export function parseTarget(json: string, where: string): ImageTarget {
	const root = parseShape(lineOfFacts(json) ?? json, (details) =>
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

/** Of events, one a line, the one with the facts. */
function lineOfFacts(text: string): string | undefined {
	return text.split("\n").find((line) => {
		try {
			return (JSON.parse(line) as { event?: unknown } | null)?.event === "facts";
		} catch {
			return false;
		}
	});
}

/**
 * The modules of an image: without a target, all that the recipe calls generic. With one, those of them and of the
 * rare ones that its devices ask for, that were loaded there, or that its file systems need, and the recipe's core.
 */
export function wishesFor(sets: ModuleSets, target?: ImageTarget): ModuleWishes {
	const generic = matcher(sets.generic);
	if (target === undefined) return { paths: generic, names: sets.core };
	const ofFilesystems = target.filesystems.flatMap((type) => [
		type,
		`fs-${type}`,
		...(sets.filesystems[type] ?? []),
	]);
	return {
		...(target.besides ? { paths: generic } : {}),
		names: [...sets.core, ...ofFilesystems],
		modaliases: [...target.modaliases, ...(target.modules ?? [])],
		within: matcher([...sets.generic, ...(sets.rare ?? [])]),
	};
}
