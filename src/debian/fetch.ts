import { EkexecError } from "../bytes/index.ts";
import { blobStore, cacheFolder } from "./cache.ts";
import { type DownloadOptions, fetchBlob, inParallel } from "./download.ts";
import type { PackageRef } from "./package.ts";
import { counter, type Progress, withDeadline } from "./progress.ts";
import { archivesOf, encodePath, findMirror, type Mirror, type MirrorOptions } from "./sources.ts";

/** How and whither packages are fetched. */
export interface FetchOptions extends MirrorOptions, DownloadOptions {
	/** Folder of the cache; see {@link cacheFolder}. */
	readonly cache?: string | undefined;
	/** Downloads at the same time; 8 by default. */
	readonly parallel?: number | undefined;
	/** Milliseconds after which all is given up; an hour by default. */
	readonly deadline?: number | undefined;
	readonly report?: ((progress: Progress) => void) | undefined;
}

/** A package that is in the cache now. */
export interface FetchedPackage {
	readonly package: PackageRef;
	/** The .deb; its digest was checked in this call. */
	readonly file: string;
	readonly cached: boolean;
}

/**
 * Brings the .debs of all packages into the cache and checks each against its digest. Needs no index: the packages
 * may come from a lock. Results are in the order of `packages`.
 */
export async function fetchPackages(
	packages: readonly PackageRef[],
	options: FetchOptions = {},
): Promise<FetchedPackage[]> {
	const store = blobStore(options.cache ?? cacheFolder(options.env));
	let mirror: Promise<Mirror> | undefined;
	return withDeadline(options, async (signal) => {
		const count = counter(
			"packages",
			packages.map(({ size }) => size),
			options.report,
		);
		return inParallel(packages, options.parallel ?? 8, signal, async (one, stop) => {
			const what = `${one.name} ${one.version}`;
			const add = count(what);
			const file = store.path(one.sha256);
			if (await store.has(one.sha256, one.size)) {
				add(one.size, true);
				return { package: one, file, cached: true };
			}
			mirror ??= findMirror(options);
			const from = await mirror;
			const urls = poolUrls(from, one);
			const wanted = { urls, size: one.size, sha256: one.sha256 };
			await fetchBlob(store, wanted, { ...options, signal: stop }, add).catch((error: unknown) => {
				throw error instanceof EkexecError ? explain(error, one, from) : error;
			});
			return { package: one, file, cached: false };
		});
	});
}

function explain(error: EkexecError, one: PackageRef, mirror: Mirror): EkexecError {
	const remedy =
		one.archive === "debian-security" && mirror.security === undefined
			? "It is of the archive of security updates: name that in EKEXEC_DEBIAN_SECURITY_MIRROR."
			: "A newer version may have replaced it: try again; a lock is to be made anew, or used with a mirror that keeps old versions.";
	return error.with({
		field: `${one.name} ${one.version}`,
		...(error.code === "DEBIAN_MISSING" ? { remedy } : {}),
	});
}

/** A package is looked for in its own archive first, but a mirror of all archives in one place works as well. */
function poolUrls(mirror: Mirror, { archive, path }: PackageRef): URL[] {
	const archives = [...archivesOf(mirror)].sort(
		([a], [b]) => Number(b === archive) - Number(a === archive),
	);
	return archives.map(([, uri]) => new URL(encodePath(path), uri));
}
