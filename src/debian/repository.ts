import { isAbsolute } from "node:path";
import { EkexecError } from "../bytes/index.ts";
import { blobStore, cacheFolder, ownCache } from "./cache.ts";
import { inParallel } from "./download.ts";
import type { FetchOptions } from "./fetch.ts";
import { type Context, openRelease } from "./inrelease.ts";
import { indexFiles, openPackages } from "./lists.ts";
import type { LockedRelease } from "./lock.ts";
import type { Architecture, PackageIndex } from "./package.ts";
import { openIndex } from "./packages.ts";
import { counter, withDeadline } from "./progress.ts";
import { readKeyring } from "./signature.ts";
import { findMirror, isRolling, type Mirror, sourcesOf } from "./sources.ts";

export interface RepositoryOptions extends FetchOptions {
	/** Codename or role of a release; `trixie` by default. */
	readonly suite?: string | undefined;
	readonly arch: Architecture;
	/** `main` and `non-free-firmware` by default. */
	readonly components?: readonly string[] | undefined;
	/** Files of OpenPGP keys to trust in place of Debian's. */
	readonly keyrings?: readonly (string | URL)[] | undefined;
	/** Milliseconds since 1970; Date.now by default. */
	readonly clock?: (() => number) | undefined;
	/** For snapshots of an archive: neither Valid-Until nor the age of the list counts. */
	readonly anyAge?: boolean | undefined;
}

/** A suite of an architecture, verified and ready to be searched. */
export interface Repository {
	readonly suite: string;
	readonly arch: Architecture;
	readonly mirror: Mirror;
	readonly index: PackageIndex;
	/** The Release files that vouch for the index, for the lock. */
	readonly releases: readonly LockedRelease[];
	/** What a person should know: pockets the mirror lacks, an answer that is older than the last one. */
	readonly notes: readonly string[];
}

/**
 * Fetches and verifies the lists of packages of a suite, its updates and its security updates.
 * Throws `DEBIAN_MIRROR` where no mirror is known, and the codes of {@link DebianCode} for what is wrong with one.
 */
export async function openRepository(options: RepositoryOptions): Promise<Repository> {
	const { suite = "trixie", arch, components = ["main", "non-free-firmware"] } = options;
	const mirror = await findMirror(options);
	const sources = sourcesOf(mirror, suite, components);
	const notes: string[] = [];
	if (!sources.some(({ archive }) => archive === "debian-security") && !isRolling(suite)) {
		notes.push(
			"no archive of security updates is known; set EKEXEC_DEBIAN_SECURITY_MIRROR to have them",
		);
	}
	return withDeadline(options, async (signal) => {
		const keyring = await readKeyring(options.keyrings);
		const cache = options.cache ?? cacheFolder(options.env);
		await ownCache(cache);
		const store = blobStore(cache);
		const now = (options.clock ?? Date.now)();
		const anyAge = options.anyAge ?? false;
		const context: Context = { ...options, signal, store, keyring, now, anyAge, notes };
		const width = options.parallel ?? 8;
		const releases = await inParallel(sources, width, signal, async (source, stop) => {
			options.report?.({ step: "release", what: source.suite, done: 0, total: 0, cached: 0 });
			const opening = openRelease(source, arch, { ...context, signal: stop });
			const release = await opening.catch((error: unknown) => {
				throw error instanceof EkexecError ? origin(error, mirror) : error;
			});
			return release ? [{ source, ...release }] : [];
		});
		const files = releases
			.flat()
			.flatMap(({ source, release }) => indexFiles(source, release, arch));
		const count = counter(
			"index",
			files.map(({ file }) => file.size),
			options.report,
		);
		const parts = await inParallel(files, width, signal, (file, stop) =>
			openPackages(file, { ...context, signal: stop }, count),
		);
		return {
			suite,
			arch,
			mirror,
			index: openIndex(arch, parts),
			releases: releases.flat().map(({ source, release, sha256 }) => ({
				suite: source.suite,
				date: new Date(release.date).toISOString(),
				sha256,
			})),
			// They come as the answers do, in any order.
			notes: notes.sort(),
		};
	});
}

/** What was taken from this machine's apt may be none of Debian's: an error says where it came from. */
function origin(error: EkexecError, { foundIn }: Mirror): EkexecError {
	// An abort ends it with a reason of its own.
	if (!isAbsolute(foundIn) || !error.code.startsWith("DEBIAN_")) return error;
	const { remedy } = error.details;
	const found = `The mirror is that of ${foundIn}; EKEXEC_DEBIAN_MIRROR or --mirror names another.`;
	return new EkexecError(error.kind, error.code, error.summary, {
		...error.details,
		remedy: remedy === undefined ? found : `${remedy} ${found}`,
	});
}
