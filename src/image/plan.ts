import {
	type Architecture,
	type FetchedPackage,
	fetchPackages,
	type Lock,
	openRepository,
	type PackageIndex,
	type PackageRef,
	solve,
} from "../debian/index.ts";
import type { BuildOptions } from "./build.ts";
import { imageError } from "./errors.ts";
import { findKernel } from "./kernel.ts";
import type { Recipe } from "./recipe.ts";

/** The packages of an image, by what becomes of them. */
export interface PackagePlan {
	readonly lock: Lock;
	readonly base: readonly PackageRef[];
	readonly kernel: readonly PackageRef[];
	readonly firmware: readonly PackageRef[];
	/** Names of packages that come whole, whatever the recipe drops: see `with` of {@link BuildOptions}. */
	readonly whole: readonly string[];
	readonly notes: readonly string[];
}

/** Which packages: from the lock, or from the newest lists that the mirror has. */
export async function planPackages(
	options: BuildOptions,
	recipe: Recipe,
	arch: Architecture,
): Promise<PackagePlan> {
	const own = [...recipe.packages, ...(recipe.packagesOf?.[arch] ?? [])];
	const isKernel = (name: string): boolean => /^linux-image-/.test(name);
	const firmwareNames = new Set(recipe.firmware.packages);
	const split = (packages: readonly PackageRef[], roots: readonly string[]) => {
		const base = packages.filter(({ name }) => !isKernel(name) && !firmwareNames.has(name));
		const named = namesIn(
			roots.filter((root, i) => !own.includes(root) || roots.indexOf(root) < i),
		);
		// What the recipe excludes is there only because the user's packages need it.
		const isWhole = (name: string): boolean =>
			named.has(name) || recipe.exclude.some((pattern) => matches(pattern, name));
		return {
			base,
			kernel: packages.filter(({ name }) => isKernel(name)),
			firmware: packages.filter(({ name }) => firmwareNames.has(name)),
			whole: base.map(({ name }) => name).filter(isWhole),
		};
	};
	if (options.lock !== undefined) {
		if (options.lock.arch !== arch) {
			throw imageError("usage", "IMAGE_RECIPE", "the lock is for another architecture", {
				expected: arch,
				found: options.lock.arch,
			});
		}
		const { lock } = options;
		return { lock, notes: [], ...split(lock.packages, lock.roots) };
	}
	const { progress, signal } = options;
	const suite = options.suite ?? recipe.suite;
	const repository = await openRepository({
		...options,
		arch,
		suite,
		signal,
		report: ({ what, done, total, cached }) =>
			progress?.({ step: "index", what, done, total, cached }),
	});
	const extra = options.with ?? [];
	const roots = [...own, ...extra];
	const exclude = excludeFor(repository.index, own, extra, recipe);
	const solution = solve(repository.index, roots, { exclude });
	const kernel = findKernel(repository.index, arch, options.kernel);
	const firmware =
		options.firmware === false
			? []
			: recipe.firmware.packages.flatMap((name) => repository.index.find(name).slice(0, 1));
	const packages: readonly PackageRef[] = [...solution.packages, kernel, ...firmware].map(
		({ name, version, arch: of, size, sha256: digest, path, archive }) => ({
			name,
			version,
			arch: of,
			size,
			sha256: digest,
			path,
			archive,
		}),
	);
	const lock: Lock = {
		suite: repository.suite,
		arch,
		roots,
		exclude,
		releases: repository.releases,
		packages,
	};
	return { lock, notes: repository.notes, ...split(packages, roots) };
}

/** What the recipe excludes, but for what the user asked for, and for what that needs besides the image's own. */
function excludeFor(
	index: PackageIndex,
	own: readonly string[],
	extra: readonly string[],
	recipe: Recipe,
): readonly string[] {
	if (extra.length === 0) return recipe.exclude;
	const named = namesIn(extra);
	const there = solve(index, own, { exclude: recipe.exclude }).packages;
	const exclude = there.map(({ name }) => name).filter((name) => !named.has(name));
	const wanted = solve(index, extra, { exclude }).packages;
	return recipe.exclude.filter((pattern) => !wanted.some(({ name }) => matches(pattern, name)));
}

/** The names of packages in relations as `one (>= 1)` or `one | another`. */
function namesIn(relations: readonly string[]): ReadonlySet<string> {
	return new Set(
		relations.flatMap((one) =>
			one.split("|").map((part) => part.trim().split(/[\s(:]/, 1)[0] ?? ""),
		),
	);
}

function matches(pattern: string, name: string): boolean {
	return new RegExp(`^${pattern.replace(/[.+]/g, "\\$&").replaceAll("*", ".*")}$`).test(name);
}

/** Fetches packages once, however often they are asked for, and adds up the progress. */
export function fetcher(
	options: BuildOptions,
	cache: string,
): (packages: readonly PackageRef[]) => Promise<FetchedPackage[]> {
	return (packages) =>
		fetchPackages(packages, {
			...options,
			cache,
			signal: options.signal,
			report: ({ what, done, total, cached }) =>
				options.progress?.({ step: "download", what, done, total, cached }),
		});
}
