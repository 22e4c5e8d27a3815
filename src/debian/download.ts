import { createHash } from "node:crypto";
import { setMaxListeners } from "node:events";
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { concat, EkexecError } from "../bytes/index.ts";
import { type BlobStore, cacheError } from "./cache.ts";
import { type DebianCode, debianError } from "./error.ts";
import { type Answer, drainMax, get, showUrl, type TransportOptions } from "./transport.ts";

/** How long and how often to try. */
export interface DownloadOptions extends TransportOptions {
	/** Attempts in a row that bring no byte, 5 by default. */
	readonly attempts?: number | undefined;
	/** Milliseconds before the second attempt, 400 by default; doubled each time, up to 10 s. */
	readonly pause?: number | undefined;
}

/** A small file, read into memory. */
export interface SmallFile {
	readonly bytes: Uint8Array;
	readonly lastModified: string | undefined;
}

/** A file known by size and digest, and where it may be had, best place first. */
export interface Wanted {
	readonly urls: readonly URL[];
	readonly size: number;
	readonly sha256: string;
}

const pauseMax = 10_000;

/**
 * Reads a file of at most `cap` bytes whose digest nobody knows beforehand. Undefined: it is as old as `since`.
 * Throws `DEBIAN_MISSING` for 404, `DEBIAN_SIZE` above the cap, `DEBIAN_FETCH` when all attempts failed.
 */
export async function fetchSmall(
	url: URL,
	cap: number,
	since: string | undefined,
	options: DownloadOptions,
): Promise<SmallFile | undefined> {
	return persistently(options, async () => {
		const headers: Record<string, string> = since ? { "if-modified-since": since } : {};
		// A cache in between may answer with an older signed file; with this it asks first.
		const answer = await ask(url, 0, { "cache-control": "max-age=0", ...headers }, options);
		if (answer.status === 304) {
			await drain(answer);
			return undefined;
		}
		await expectContent(url, answer);
		const tooMuch = () => oversize(url, `at most ${cap} bytes`);
		if ((answer.length ?? 0) > cap) return abandon(answer, tooMuch());
		const chunks: Uint8Array[] = [];
		let size = 0;
		for await (const chunk of guarded(url, answer, options)) {
			size += chunk.length;
			if (size > cap) throw tooMuch();
			chunks.push(chunk);
		}
		if (answer.length !== undefined && size < answer.length)
			throw truncated(url, answer.length, size);
		return { bytes: concat(chunks), lastModified: answer.lastModified };
	});
}

/**
 * Brings a file into the store, unless it is there: resumes what an earlier attempt left, tries each place, and
 * puts nothing under its name that has not the right digest. Resolves to whether it was there already.
 */
export async function fetchBlob(
	store: BlobStore,
	wanted: Wanted,
	options: DownloadOptions,
	onBytes: (count: number) => void = () => {},
): Promise<boolean> {
	const { sha256, size } = wanted;
	let at = store.path(sha256);
	try {
		if (await store.has(sha256, size)) return true;
		const claimed = await store.claim(sha256);
		at = claimed;
		try {
			const file = await open(claimed, "a");
			try {
				await fill(file, claimed, wanted, options, onBytes);
			} finally {
				await file.close();
			}
			await store.keep(claimed, sha256).catch(async (error: unknown) => {
				// Somebody cleared the cache. If another process has brought the same since, nothing is lost.
				if (!(await store.has(sha256, size))) throw error;
			});
		} catch (error) {
			await store.leave(claimed, sha256, !isWrongContent(error));
			throw error;
		}
		return false;
	} catch (error) {
		throw cacheError(error, at);
	}
}

/** Works on all items, `width` at a time; the first failure stops the others and is thrown. */
export async function inParallel<T, R>(
	items: readonly T[],
	width: number,
	signal: AbortSignal | undefined,
	work: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
	const stop = new AbortController();
	const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
	setMaxListeners(0, both); // each work may listen several times
	const results: R[] = [];
	let next = 0;
	let failure: { error: unknown } | undefined;
	const worker = async () => {
		while (next < items.length && failure === undefined) {
			const index = next++;
			try {
				both.throwIfAborted();
				results[index] = await work(items[index] as T, both);
			} catch (error) {
				failure ??= { error };
				stop.abort(error);
			}
		}
	};
	await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
	if (failure) throw failure.error;
	return results;
}

/** Writes to the end of `file`, which is open for appending. */
async function fill(
	file: FileHandle,
	path: string,
	wanted: Wanted,
	options: DownloadOptions,
	onBytes: (count: number) => void,
): Promise<void> {
	let hash = createHash("sha256");
	let size = (await file.stat()).size;
	const restart = async () => {
		await file.truncate(0);
		hash = createHash("sha256");
		onBytes(-size);
		size = 0;
	};
	if (size > wanted.size) {
		size = 0;
		await restart();
	} else if (size > 0) {
		for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
		onBytes(size);
	}
	let problem: unknown;
	for (const url of wanted.urls) {
		try {
			await persistently(options, async () => {
				// It stays when the server begins anew: only what goes beyond it is progress, or one that ignores ranges
				// and always breaks off would be asked for ever.
				const resumed = size;
				if (size < wanted.size) {
					const answer = await ask(url, size, {}, options);
					if (answer.status === 416 || (answer.status === 200 && size > 0)) await restart();
					if (answer.status === 416) {
						await drain(answer);
						throw new Retry(refused(url, answer), 0);
					}
					await expectContent(url, answer);
					if (size + (answer.length ?? 0) > wanted.size) {
						return abandon(answer, oversize(url, `${wanted.size} bytes`));
					}
					for await (const chunk of guarded(url, answer, options, () => size > resumed)) {
						if (size + chunk.length > wanted.size) throw oversize(url, `${wanted.size} bytes`);
						await file.appendFile(chunk);
						hash.update(chunk);
						size += chunk.length;
						onBytes(chunk.length);
					}
					if (size < wanted.size) throw truncated(url, wanted.size, size, size > resumed);
				}
				const found = hash.digest("hex");
				if (found === wanted.sha256) return;
				await restart();
				const error = debianError(
					"check",
					"DEBIAN_DIGEST",
					"not the file that the signed index names",
					{
						where: showUrl(url),
						expected: `SHA-256 ${wanted.sha256}`,
						found,
						remedy:
							"The mirror is being updated, or someone altered the file; try again or set another mirror.",
					},
				);
				// What was resumed may have been spoilt long ago: once more from the start.
				throw resumed > 0 ? new Retry(error, 0) : error;
			});
			return;
		} catch (error) {
			if (!(error instanceof EkexecError)) throw error;
			// That a file is wrong somewhere says more than that it is missing elsewhere.
			if (problem === undefined || error.code !== "DEBIAN_MISSING") problem = error;
			if (isWrongContent(error)) await restart();
		}
	}
	throw problem;
}

/** An error after which another attempt may go better, and the least seconds to wait for it. */
class Retry {
	readonly error: EkexecError<DebianCode>;
	readonly after: number;
	/** Bytes came before it: the count of attempts starts over. */
	readonly progress: boolean;
	constructor(error: EkexecError<DebianCode>, after: number, progress = false) {
		this.error = error;
		this.after = after;
		this.progress = progress;
	}
}

async function persistently<T>(options: DownloadOptions, attempt: () => Promise<T>): Promise<T> {
	const { attempts = 5, pause = 400, signal } = options;
	for (let tried = 1; ; tried++) {
		try {
			return await attempt();
		} catch (thrown) {
			signal?.throwIfAborted();
			if (!(thrown instanceof Retry)) throw thrown;
			if (thrown.progress) tried = 1;
			if (tried >= attempts) throw thrown.error;
			const wait = Math.max(pause * 2 ** (tried - 1), thrown.after * 1000);
			await sleep(Math.min(wait, pauseMax), undefined, signal ? { signal } : {}).catch(() => {
				signal?.throwIfAborted();
			});
		}
	}
}

async function ask(
	url: URL,
	offset: number,
	headers: Readonly<Record<string, string>>,
	options: TransportOptions,
): Promise<Answer> {
	try {
		return await get(url, offset, headers, options);
	} catch (error) {
		if (!(error instanceof EkexecError) || error.code !== "DEBIAN_FETCH") throw error;
		throw url.protocol === "file:" ? error : new Retry(error as EkexecError<DebianCode>, 0);
	}
}

/** The body, with breaks of the connection told as errors worth another attempt. */
async function* guarded(
	url: URL,
	answer: Answer,
	options: DownloadOptions,
	progress: () => boolean = () => false,
): AsyncGenerator<Uint8Array> {
	try {
		yield* answer.body;
	} catch (cause) {
		options.signal?.throwIfAborted();
		const error = debianError("failed", "DEBIAN_FETCH", "the connection broke", {
			where: showUrl(url),
			found: cause instanceof Error ? cause.message : String(cause),
			cause,
		});
		throw new Retry(error, 0, progress());
	}
}

async function expectContent(url: URL, answer: Answer): Promise<void> {
	if (answer.status === 200 || answer.status === 206) return;
	await drain(answer);
	if (answer.status === 404 || answer.status === 410) {
		throw debianError("failed", "DEBIAN_MISSING", "the mirror does not have this file", {
			where: showUrl(url),
		});
	}
	const error = refused(url, answer);
	// 408, 429 and all of 5xx pass; any other answer stays as it is.
	const passing = answer.status === 408 || answer.status === 429 || answer.status >= 500;
	throw passing ? new Retry(error, answer.retryAfter ?? 0) : error;
}

function refused(url: URL, answer: Answer): EkexecError<DebianCode> {
	return debianError("failed", "DEBIAN_FETCH", "the mirror refuses", {
		where: showUrl(url),
		expected: "status 200",
		found: `${answer.status}`,
	});
}

function oversize(url: URL, expected: string): EkexecError<DebianCode> {
	return debianError("check", "DEBIAN_SIZE", "more comes than there should be", {
		where: showUrl(url),
		expected,
	});
}

function truncated(url: URL, expected: number, found: number, progress = false): Retry {
	const error = debianError("failed", "DEBIAN_FETCH", "the answer ends too early", {
		where: showUrl(url),
		expected: `${expected} bytes`,
		found: `${found}`,
	});
	return new Retry(error, 0, progress);
}

function isWrongContent(error: unknown): boolean {
	return (
		error instanceof EkexecError && (error.code === "DEBIAN_DIGEST" || error.code === "DEBIAN_SIZE")
	);
}

/** Reads what little an error page holds, so that the connection can be used again; drops it if it is much. */
async function drain(answer: Answer): Promise<void> {
	let size = 0;
	try {
		for await (const chunk of answer.body) {
			size += chunk.length;
			if (size > drainMax) break;
		}
	} catch {
		// The status is what counts.
	}
}

function abandon(answer: Answer, error: Error): never {
	answer.close();
	throw error;
}
