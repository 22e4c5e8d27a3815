import { stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { EkexecError } from "../bytes/index.ts";
import { type BlobStore, hashOf, readIfThere, writeWhole } from "./cache.ts";
import { type DownloadOptions, fetchSmall } from "./download.ts";
import { debianError } from "./error.ts";
import type { Architecture } from "./package.ts";
import { parseRelease, type Release } from "./release.ts";
import { futureMax, type Keyring, verifyClearsigned } from "./signature.ts";
import { encodePath, type Source } from "./sources.ts";
import { showUrl } from "./transport.ts";

/** An InRelease file of Debian is 200 kB; a full set of architectures and translations stays below 1 MB. */
const releaseMax = 8 * 1024 * 1024;

/** What all steps of opening a repository share. */
export interface Context extends DownloadOptions {
	readonly store: BlobStore;
	readonly keyring: Keyring;
	/** Milliseconds since 1970. */
	readonly now: number;
	readonly anyAge: boolean;
	readonly notes: string[];
}

/** A Release file that was verified. */
interface Opened {
	readonly release: Release;
	readonly sha256: string;
}

/** Fetches, verifies and reads one InRelease. Undefined: an optional suite that the mirror does not have. */
export async function openRelease(
	source: Source,
	arch: Architecture,
	context: Context,
): Promise<Opened | undefined> {
	const { now, store, notes } = context;
	const url = new URL(`dists/${encodePath(source.suite)}/InRelease`, source.uri);
	const where = showUrl(url);
	const kept = join(store.folder, "lists", `${hashOf(url.href)}.InRelease`);
	const check = async (bytes: Uint8Array) => {
		const at = context.anyAge ? undefined : now;
		const text = await verifyClearsigned(bytes, context.keyring, at, where);
		const release = parseRelease(text, where);
		checkRelease(release, source, arch, at, where);
		return { release, sha256: hashOf(bytes) };
	};
	const old = await readIfThere(kept);
	if (old !== undefined) await utimes(kept, new Date(), (await stat(kept)).mtime).catch(() => {});
	// What is kept was checked when it came, but keys and dates go by: it is checked again, and dropped if it fails.
	const before = old?.length ? await check(old).catch(() => undefined) : undefined;
	const absent = () => {
		notes.push(`the mirror has no ${source.suite}`);
		return undefined;
	};
	const asBefore = (known: Opened, why: string) => {
		const date = new Date(known.release.date).toISOString();
		notes.push(`${why}; ${source.suite} is taken as it was on ${date}`);
		return known;
	};
	const since = before && (await stat(kept)).mtime.toUTCString();
	let fetched: Awaited<ReturnType<typeof fetchSmall>>;
	try {
		fetched = await fetchSmall(url, releaseMax, since, context);
	} catch (error) {
		if (!(error instanceof EkexecError)) throw error;
		if (error.code === "DEBIAN_MISSING" && source.optional) {
			// Nobody signs that a suite is gone: who can forge this answer must not be able to end the updates with it.
			if (before !== undefined) return asBefore(before, "the mirror says that it has it no more");
			if (old?.length) throw error.with({ remedy: goneSuite(source.suite, kept) });
			// An empty file remembers it for times when nobody answers.
			await writeWhole(kept, "");
			return absent();
		}
		if (error.code === "DEBIAN_FETCH" && source.optional && old?.length === 0) return absent();
		if (error.code === "DEBIAN_FETCH" && before !== undefined) {
			const { found } = error.details;
			return asBefore(before, `${error.summary}${found === undefined ? "" : ` (${found})`}`);
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
				where,
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
	// As apt does: the time of the file is what the server said, and is asked for next time. When it was last used is
	// its time of access.
	await utimes(kept, new Date(), Number.isNaN(modified) ? 0 : modified / 1000);
	return after;
}

function noSuite(suite: string): string {
	return `Is this the root of a Debian mirror (with dists/ and pool/ below it), and does it have ${suite}?`;
}

function goneSuite(suite: string, kept: string): string {
	return `The mirror had ${suite} once. Try again, or set another mirror; if it is gone for good, remove ${kept}.`;
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
