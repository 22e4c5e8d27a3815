import { createHash } from "node:crypto";
import { rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { EkexecError } from "../bytes/index.ts";
import { type BlobStore, blobStore, cacheFolder, readIfThere, touch, writeWhole } from "./cache.ts";
import { decompressAll } from "./decompress.ts";
import { type DownloadOptions, fetchBlob, fetchSmall, inParallel } from "./download.ts";
import { debianError } from "./error.ts";
import type { LockedRelease } from "./lock.ts";
import type { Architecture, PackageIndex, PackageRef } from "./package.ts";
import { type CondensedPackages, condense, openIndex, readCondensed } from "./packages.ts";
import { parseRelease, type Release, type ReleaseFile } from "./release.ts";
import { type Keyring, readKeyring, verifyClearsigned } from "./signature.ts";
import {
	archivesOf,
	findMirror,
	isRolling,
	type Mirror,
	type MirrorOptions,
	type Source,
	sourcesOf,
} from "./sources.ts";

/** What is going on, for a progress display. `done` and `total` are bytes of all downloads of the step. */
export interface Progress {
	readonly step: "release" | "index" | "packages" | "unpack";
	/** What is being worked on. */
	readonly what: string;
	readonly done: number;
	readonly total: number;
	/** Bytes of `total` that the cache had. */
	readonly cached: number;
}

export interface RepositoryOptions extends MirrorOptions, DownloadOptions {
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
	/** Folder of the cache; see {@link cacheFolder}. */
	readonly cache?: string | undefined;
	/** Downloads at the same time; 8 by default. */
	readonly parallel?: number | undefined;
	/** Milliseconds after which all is given up; an hour by default. */
	readonly deadline?: number | undefined;
	readonly report?: ((progress: Progress) => void) | undefined;
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

/** A package that is in the cache now. */
export interface FetchedPackage {
	readonly package: PackageRef;
	/** The .deb; its digest was checked in this call. */
	readonly file: string;
	readonly cached: boolean;
}

/** An InRelease file of Debian is 200 kB; a full set of architectures and translations stays below 1 MB. */
const releaseMax = 8 * 1024 * 1024;
/** A clock that runs a little behind must not stop a rescue; a day tells of a wrong one. */
const futureMax = 24 * 3600_000;
const hour = 3600_000;

interface Context extends DownloadOptions {
	readonly store: BlobStore;
	readonly keyring: Keyring;
	readonly options: RepositoryOptions;
	readonly notes: string[];
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
		const store = blobStore(options.cache ?? cacheFolder(options.env));
		const context: Context = { ...options, signal, store, keyring, options, notes };
		const width = options.parallel ?? 8;
		const releases = await inParallel(sources, width, signal, async (source, stop) => {
			options.report?.({ step: "release", what: source.suite, done: 0, total: 0, cached: 0 });
			const release = await openRelease(source, arch, { ...context, signal: stop });
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
			notes,
		};
	});
}

/**
 * Brings the .debs of all packages into the cache and checks each against its digest. Needs no index: the packages
 * may come from a lock. Results are in the order of `packages`.
 */
export async function fetchPackages(
	packages: readonly PackageRef[],
	options: Omit<RepositoryOptions, "arch" | "suite" | "components" | "keyrings" | "clock"> = {},
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
			const urls = poolUrls(await mirror, one);
			const wanted = { urls, size: one.size, sha256: one.sha256 };
			await fetchBlob(store, wanted, { ...options, signal: stop }, add).catch((error: unknown) => {
				throw error instanceof EkexecError ? explain(error, what) : error;
			});
			return { package: one, file, cached: false };
		});
	});
}

function explain(error: EkexecError, what: string): EkexecError {
	const gone =
		"It was replaced by a newer version: build without the lock, or set a mirror that keeps old ones.";
	return error.with({
		field: what,
		...(error.code === "DEBIAN_MISSING" ? { remedy: gone } : {}),
	});
}

/** A package is looked for in its own archive first, but a mirror of all archives in one place works as well. */
function poolUrls(mirror: Mirror, { archive, path }: PackageRef): URL[] {
	const archives = [...archivesOf(mirror)].sort(
		([a], [b]) => Number(b === archive) - Number(a === archive),
	);
	return archives.map(([, uri]) => new URL(encodePath(path), uri));
}

function encodePath(path: string): string {
	return path.split("/").map(encodeURIComponent).join("/");
}

/** Fetches, verifies and reads one InRelease. Undefined: an optional suite that the mirror does not have. */
async function openRelease(
	source: Source,
	arch: Architecture,
	context: Context,
): Promise<{ release: Release; sha256: string } | undefined> {
	const { options, store, notes } = context;
	const url = new URL(`dists/${encodePath(source.suite)}/InRelease`, source.uri);
	const kept = join(store.folder, "lists", `${hashOf(url.href)}.InRelease`);
	const now = (options.clock ?? Date.now)();
	const check = async (bytes: Uint8Array) => {
		const text = await verifyClearsigned(bytes, context.keyring, new Date(now), url.href);
		const release = parseRelease(text, url.href);
		checkRelease(release, source, arch, options.anyAge ? undefined : now, url.href);
		return { release, sha256: hashOf(bytes) };
	};
	const old = await readIfThere(kept);
	// What is kept was checked when it came, but keys and dates go by: it is checked again, and dropped if it fails.
	const before = old?.length ? await check(old).catch(() => undefined) : undefined;
	const absent = () => {
		notes.push(`the mirror has no ${source.suite}`);
		return undefined;
	};
	const since = before && (await stat(kept)).mtime.toUTCString();
	let fetched: Awaited<ReturnType<typeof fetchSmall>>;
	try {
		fetched = await fetchSmall(url, releaseMax, since, context);
	} catch (error) {
		if (!(error instanceof EkexecError)) throw error;
		if (error.code === "DEBIAN_MISSING" && source.optional) {
			// An empty file remembers it for times when nobody answers.
			await writeWhole(kept, "");
			return absent();
		}
		if (error.code === "DEBIAN_FETCH" && old?.length === 0) return absent();
		if (error.code === "DEBIAN_FETCH" && before !== undefined) {
			const date = new Date(before.release.date).toISOString();
			notes.push(`the mirror did not answer; ${source.suite} is taken as it was on ${date}`);
			return before;
		}
		throw error.code === "DEBIAN_MISSING" ? error.with({ remedy: noSuite(source.suite) }) : error;
	}
	if (fetched === undefined && before !== undefined) return before;
	if (fetched === undefined) {
		throw debianError(
			"failed",
			"DEBIAN_FETCH",
			"the mirror says 'not modified' to a first question",
			{
				where: url.href,
			},
		);
	}
	const after = await check(fetched.bytes);
	if (before !== undefined && after.release.date < before.release.date) {
		notes.push(
			`the mirror answered with an older ${source.suite} than last time; the newer one is used`,
		);
		return before;
	}
	await writeWhole(kept, fetched.bytes);
	const modified = Date.parse(fetched.lastModified ?? "");
	// As apt does: the time of the file is what the server said, and is asked for next time.
	if (Number.isNaN(modified)) await utimes(kept, 0, 0);
	else await utimes(kept, modified / 1000, modified / 1000);
	return after;
}

function noSuite(suite: string): string {
	return `Is this the root of a Debian mirror (with dists/ and pool/ below it), and does it have ${suite}?`;
}

function checkRelease(
	release: Release,
	source: Source,
	arch: Architecture,
	now: number | undefined,
	where: string,
): void {
	// `stable-updates` is codename trixie-updates, suite stable-updates: either is what was asked for.
	if (source.suite !== release.codename && source.suite !== release.suite) {
		throw debianError("check", "DEBIAN_RELEASE", "signed, but for another suite", {
			where,
			expected: source.suite,
			found: `${release.codename} (${release.suite})`,
			remedy: "The mirror is broken, or someone answers in its place.",
		});
	}
	if (!release.architectures.includes(arch)) {
		throw debianError("check", "DEBIAN_RELEASE", "the suite does not have this architecture", {
			where,
			expected: arch,
			found: release.architectures.join(" "),
		});
	}
	if (now === undefined) return;
	const remedy =
		"Check this machine's clock; for a snapshot of an archive, say that its age does not matter.";
	if (release.validUntil !== undefined && release.validUntil < now) {
		throw debianError("check", "DEBIAN_EXPIRED", "the mirror's list is out of date", {
			where,
			field: "Valid-Until",
			expected: `later than ${new Date(now).toISOString()}`,
			found: new Date(release.validUntil).toISOString(),
			remedy,
		});
	}
	if (release.date > now + futureMax) {
		throw debianError("check", "DEBIAN_EXPIRED", "the mirror's list is from the future", {
			where,
			field: "Date",
			expected: `no later than ${new Date(now).toISOString()}`,
			found: new Date(release.date).toISOString(),
			remedy,
		});
	}
}

interface IndexFile {
	readonly source: Source;
	/** Path below the suite's folder. */
	readonly path: string;
	readonly compression: "xz" | "gzip" | "none";
	readonly file: ReleaseFile;
	/** Of the uncompressed list. */
	readonly plain: ReleaseFile;
	readonly byHash: boolean;
}

/** The lists of packages of one suite, in the compression that is smallest. */
function indexFiles(source: Source, release: Release, arch: Architecture): IndexFile[] {
	const found: IndexFile[] = [];
	const folders = release.separateAll ? [arch, "all"] : [arch];
	for (const component of source.components) {
		for (const folder of folders) {
			const base = `${component}/binary-${folder}/Packages`;
			const plain = release.files.get(base);
			for (const [suffix, compression] of [
				[".xz", "xz"],
				[".gz", "gzip"],
				["", "none"],
			] as const) {
				const file = release.files.get(base + suffix);
				if (file === undefined || plain === undefined) continue;
				const path = base + suffix;
				found.push({ source, path, compression, file, plain, byHash: release.byHash });
				break;
			}
		}
	}
	if (!found.some(({ path }) => path.startsWith(`${source.components[0]}/`))) {
		throw debianError("check", "DEBIAN_RELEASE", "the suite does not have this component", {
			where: `${source.uri.href}dists/${source.suite}/InRelease`,
			expected: `${source.components[0]}/binary-${arch}/Packages with SHA256`,
		});
	}
	return found;
}

/** No list of packages is anywhere near this; the largest (sid, amd64, main) has 60 MB. */
const packagesMax = 512 * 1024 * 1024;

/** One list of packages, condensed; from the cache if it was condensed before. */
async function openPackages(
	index: IndexFile,
	context: Context,
	count: Counter,
): Promise<CondensedPackages> {
	const { source, path, file, plain } = index;
	const { store } = context;
	const where = `${source.uri.href}dists/${source.suite}/${path}`;
	const add = count(`${source.suite} ${path}`);
	const kept = join(store.folder, "lists", `${plain.sha256}.packages`);
	const bytes = await readIfThere(kept);
	const known = bytes && readCondensed(bytes);
	if (known !== undefined) {
		await touch(kept);
		add(file.size, true);
		return { text: known, archive: source.archive, where };
	}
	if (plain.size > packagesMax || file.size > packagesMax) {
		throw debianError("check", "DEBIAN_SIZE", "the list of packages is too long to be one", {
			where,
			expected: `at most ${packagesMax} bytes`,
			found: `${Math.max(plain.size, file.size)}`,
		});
	}
	const root = new URL(`dists/${encodePath(source.suite)}/`, source.uri);
	const named = new URL(encodePath(path), root);
	const urls = index.byHash ? [new URL(`by-hash/SHA256/${file.sha256}`, named), named] : [named];
	const had = await fetchBlob(store, { urls, ...file }, context, add);
	if (had) add(file.size, true);
	const packed = (await readIfThere(store.path(file.sha256))) ?? Buffer.alloc(0);
	const text = await decompressAll(packed, index.compression, plain.size, where, context.signal);
	const digest = hashOf(text);
	if (digest !== plain.sha256) {
		throw debianError("check", "DEBIAN_DIGEST", "the list is not the one that was signed", {
			where,
			expected: `SHA-256 ${plain.sha256}`,
			found: digest,
		});
	}
	const latin1 = Buffer.from(text.buffer, text.byteOffset, text.length).toString("latin1");
	const condensed = condense(latin1, where);
	await writeWhole(kept, Buffer.from(condensed, "latin1"));
	await rm(store.path(file.sha256), { force: true });
	return { text: condensed, archive: source.archive, where };
}

function hashOf(data: string | Uint8Array): string {
	return createHash("sha256").update(data).digest("hex");
}

type Counter = (what: string) => (count: number, fromCache?: boolean) => void;

function counter(
	step: Progress["step"],
	sizes: readonly number[],
	report: RepositoryOptions["report"],
): Counter {
	const total = sizes.reduce((sum, size) => sum + size, 0);
	let done = 0;
	let cached = 0;
	return (what) =>
		(count, fromCache = false) => {
			done += count;
			if (fromCache) cached += count;
			report?.({ step, what, done, total, cached });
		};
}

async function withDeadline<T>(
	options: { readonly signal?: AbortSignal | undefined; readonly deadline?: number | undefined },
	work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
	const deadline = AbortSignal.timeout(options.deadline ?? hour);
	const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
	try {
		return await work(signal);
	} catch (error) {
		if (!deadline.aborted || options.signal?.aborted) throw error;
		throw debianError("failed", "DEBIAN_TIMEOUT", "the mirror took too long", {
			expected: `an end within ${options.deadline ?? hour} ms`,
			remedy: "What has arrived is kept: run it again, or set a nearer mirror.",
			cause: error,
		});
	}
}
