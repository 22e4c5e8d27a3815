import {
	type Architecture,
	type FetchedPackage,
	fetchPackages,
	type Lock,
	openRepository,
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
	readonly notes: readonly string[];
}

/** Which packages: from the lock, or from the newest lists that the mirror has. */
export async function planPackages(
	options: BuildOptions,
	recipe: Recipe,
	arch: Architecture,
): Promise<PackagePlan> {
	const isKernel = (name: string): boolean => /^linux-image-/.test(name);
	const firmwareNames = new Set(recipe.firmware.packages);
	const split = (packages: readonly PackageRef[]) => ({
		base: packages.filter(({ name }) => !isKernel(name) && !firmwareNames.has(name)),
		kernel: packages.filter(({ name }) => isKernel(name)),
		firmware: packages.filter(({ name }) => firmwareNames.has(name)),
	});
	if (options.lock !== undefined) {
		if (options.lock.arch !== arch) {
			throw imageError("usage", "IMAGE_RECIPE", "the lock is for another architecture", {
				expected: arch,
				found: options.lock.arch,
			});
		}
		return { lock: options.lock, notes: [], ...split(options.lock.packages) };
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
	const roots = [...recipe.packages, ...(recipe.packagesOf?.[arch] ?? []), ...extra];
	const exclude = recipe.exclude.filter((pattern) => {
		const expression = new RegExp(`^${pattern.replace(/[.+]/g, "\\$&").replaceAll("*", ".*")}$`);
		return !extra.some((name) => expression.test(name));
	});
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
	return { lock, notes: repository.notes, ...split(packages) };
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
