import type { Answers } from "../debian/index.ts";
import { imageError } from "./errors.ts";
import type { Architecture } from "./manifest.ts";

/**
 * What an image is made of, as data. Paths have no leading slash. Patterns are matched against whole paths:
 * `*` within a name, `**` across names, `{a,b}` either; in a list the last pattern that matches decides, `!` in front keeps.
 */
export interface Recipe {
	readonly name: string;
	/** Debian release it is meant for, unless the user says another. */
	readonly suite: string;
	/** Packages wanted, by name; their dependencies follow. */
	readonly packages: readonly string[];
	readonly packagesOf?: Readonly<Partial<Record<Architecture, readonly string[]>>>;
	/** Packages never taken, not even as dependencies: patterns of names. */
	readonly exclude: readonly string[];
	/** Files not taken. */
	readonly drop: readonly string[];
	/** Libraries that nothing links with but something opens at run time: patterns of paths. All others go. */
	readonly keepLibraries: readonly string[];
	/**
	 * Libraries that programs are linked with, for features that nobody uses here: in their place, what starts and
	 * refuses. `library` is a pattern of paths. What only they needed goes.
	 */
	readonly standIns?: readonly {
		readonly library: string;
		readonly answers: Answers;
		readonly when?: SinceVersion;
	}[];
	/** Files made by joining others, sorted by name; the others go. */
	readonly join: readonly { readonly path: string; readonly from: string }[];
	/** Written over what the packages hold. */
	readonly files: readonly RecipeFile[];
	/** Units to be started: `unit` is pulled in by `by`. */
	readonly enable: readonly { readonly unit: string; readonly by: string }[];
	/** Units that never start. */
	readonly mask: readonly string[];
	readonly commandLine: Readonly<Record<Architecture, string>>;
	readonly modules: ModuleSets;
	readonly firmware: FirmwareRecipe;
}

/** Only with a package of at least this version (Debian's ordering). */
export interface SinceVersion {
	readonly package: string;
	readonly from: string;
}

/** One file, symlink or directory of the configuration, owned by root. */
export type RecipeFile = {
	readonly path: string;
	readonly when?: SinceVersion;
} & (
	| { readonly content: string; readonly mode?: number }
	| { readonly link: string }
	| { readonly directory: true; readonly mode?: number }
);

/** Which kernel modules go in. Patterns are of paths below `kernel/`, without `.ko`. */
export interface ModuleSets {
	/** For an image fit for any machine. */
	readonly generic: readonly string[];
	/** Besides those, for an image for one target whose devices ask for them. */
	readonly rare?: readonly string[];
	/** Always there, also in an image for one target: names of modules. */
	readonly core: readonly string[];
	/** Modules a file system needs besides the one of its name: by what /proc/mounts calls it. */
	readonly filesystems: Readonly<Record<string, readonly string[]>>;
}

export interface FirmwareRecipe {
	/** Packages of firmware, from non-free-firmware. */
	readonly packages: readonly string[];
	/** Firmware wanted, of that which the chosen modules ask for: patterns below `/lib/firmware`. */
	readonly keep: readonly string[];
}

/** A test of paths against a list of patterns. */
export type Matcher = (path: string) => boolean;

/** Compiles a list of patterns; see {@link Recipe}. */
export function matcher(patterns: readonly string[]): Matcher {
	const rules = patterns.map((pattern) => {
		const keep = pattern.startsWith("!");
		return { keep, expression: expressionOf(keep ? pattern.slice(1) : pattern) };
	});
	return (path) => {
		for (let i = rules.length - 1; i >= 0; i--) {
			const rule = rules[i];
			if (rule?.expression.test(path)) return !rule.keep;
		}
		return false;
	};
}

function expressionOf(pattern: string): RegExp {
	return new RegExp(`^${sourceOf(pattern)}$`);
}

function sourceOf(pattern: string): string {
	return pattern.replace(/\*\*|\*|\?|\{[^}]*\}|[^*?{]+|\{/g, (part) => {
		if (part === "**") return ".*";
		if (part === "*") return "[^/]*";
		if (part === "?") return "[^/]";
		if (part.startsWith("{") && part.endsWith("}")) {
			if (part.includes("{", 1)) {
				throw imageError("usage", "IMAGE_RECIPE", "a pattern has braces within braces", {
					found: pattern,
					remedy: "Write two patterns.",
				});
			}
			return `(?:${part.slice(1, -1).split(",").map(sourceOf).join("|")})`;
		}
		return quote(part);
	});
}

function quote(literal: string): string {
	return literal.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
