import { rm } from "node:fs/promises";
import { join } from "node:path";
import { hashOf, readIfThere, touch, writeWhole } from "./cache.ts";
import { decompressAll } from "./decompress.ts";
import { fetchBlob } from "./download.ts";
import { debianError } from "./error.ts";
import type { Context } from "./inrelease.ts";
import type { Architecture } from "./package.ts";
import { type CondensedPackages, condense, readCondensed } from "./packages.ts";
import type { Counter } from "./progress.ts";
import type { Release, ReleaseFile } from "./release.ts";
import { encodePath, type Source } from "./sources.ts";
import { showUrl } from "./transport.ts";

/** A list of packages that a Release file vouches for. */
export interface IndexFile {
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
export function indexFiles(source: Source, release: Release, arch: Architecture): IndexFile[] {
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
			where: `${showUrl(source.uri)}dists/${source.suite}/InRelease`,
			expected: `${source.components[0]}/binary-${arch}/Packages with SHA256`,
		});
	}
	return found;
}

/** No list of packages is anywhere near this; the largest (sid, amd64, main) has 60 MB. */
const packagesMax = 512 * 1024 * 1024;

/** One list of packages, condensed; from the cache if it was condensed before. */
export async function openPackages(
	index: IndexFile,
	context: Context,
	count: Counter,
): Promise<CondensedPackages> {
	const { source, path, file, plain } = index;
	const { store } = context;
	const where = `${showUrl(source.uri)}dists/${source.suite}/${path}`;
	const add = count(`${source.suite} ${path}`);
	const kept = join(store.folder, "lists", `${plain.sha256}.packages`);
	const condensedBefore = async (): Promise<CondensedPackages | undefined> => {
		const bytes = await readIfThere(kept);
		const known = bytes && readCondensed(bytes);
		if (known === undefined) return undefined;
		await touch(kept);
		return { text: known, archive: source.archive, where };
	};
	const before = await condensedBefore();
	if (before !== undefined) {
		add(file.size, true);
		return before;
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
	const packed = await readIfThere(store.path(file.sha256));
	if (packed === undefined) {
		// Whoever wanted the same list at the same time has condensed it, and taken the packed one away.
		const meanwhile = await condensedBefore();
		if (meanwhile !== undefined) return meanwhile;
		throw debianError("failed", "DEBIAN_MISSING", "the list vanished from the cache", { where });
	}
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
