import { createHash } from "node:crypto";
import type { EkexecError } from "../bytes/index.ts";
import type { Executor, Uploaded, UploadOptions, UploadSource } from "./connection.ts";
import { aborted, sshError, throwIfAborted } from "./error.ts";
import { type RunOptions, run } from "./run.ts";
import type { SharedSftp } from "./sftp.ts";
import { uploadFault } from "./upload-fault.ts";
import { sendBySftp } from "./upload-sftp.ts";

/** What an upload needs of a connection. */
export interface UploadGround {
	readonly where: string;
	readonly executor: Executor;
	readonly sftp: () => Promise<SharedSftp | undefined>;
	readonly closed: Promise<Error | undefined>;
}

/** dd(1) takes its place in the file as a number of blocks; a kept beginning is a multiple of this. */
const block = 64 * 1024;

/**
 * Sends a source to a path. What an earlier attempt left is kept if its digest says that it is the beginning of
 * the source; the digest of the whole is compared at the end. No byte is on the target twice.
 */
export async function upload(
	ground: UploadGround,
	source: UploadSource,
	path: string,
	options: UploadOptions,
): Promise<Uploaded> {
	const { where } = ground;
	const { resume = true, verify = true, by = "auto", mode = 0o600 } = options;
	throwIfAborted(options.signal, where);
	const stall = new AbortController();
	const signal =
		options.signal === undefined ? stall.signal : AbortSignal.any([options.signal, stall.signal]);
	const stalled = sshError("SSH_DEADLINE", "nothing of the file arrives any more", {
		where: `${where}:${path}`,
		remedy: "Is the place on a disk that hangs?",
	});
	const watch = setTimeout(() => stall.abort(stalled), stallsAfter);
	try {
		return await transfer(
			ground,
			source,
			path,
			{ ...options, resume, verify, by, mode, signal },
			() => watch.refresh(),
		);
	} catch (error) {
		throw stall.signal.aborted && !options.signal?.aborted ? stalled : error;
	} finally {
		clearTimeout(watch);
	}
}

/** An upload ends if this many milliseconds pass without a byte more on the target. */
const stallsAfter = 120_000;

async function transfer(
	ground: UploadGround,
	source: UploadSource,
	path: string,
	options: UploadOptions & {
		resume: boolean;
		verify: boolean;
		by: string;
		mode: number;
		signal: AbortSignal;
	},
	alive: () => void,
): Promise<Uploaded> {
	const { where } = ground;
	const { signal, resume, verify, by, mode } = options;
	const sftp = by === "channel" ? undefined : await ground.sftp();
	if (by === "sftp" && sftp === undefined) {
		throw sshError("SSH_UPLOAD", "the server has no sftp", { where });
	}
	const kept = resume ? await keptPrefix(ground, source, path, sftp, signal) : 0;
	const hash = createHash("sha256");
	if (kept > 0) for await (const chunk of prefix(source, kept)) hash.update(chunk);

	let done = kept;
	const report = (bytes: number) => {
		done += bytes;
		alive();
		options.progress?.({ done, size: source.size, resumed: kept });
	};
	report(0);
	const feed = counted(source, kept, (chunk) => hash.update(chunk), signal, where);
	if (sftp !== undefined) await sendBySftp(ground, sftp, feed, path, kept, mode, report, signal);
	else {
		if (kept < source.size || source.size === 0) {
			await sendByChannel(ground, feed, path, kept, report, signal);
		}
		await must(ground, path, ["chmod", mode.toString(8), path], { signal });
	}

	const sha256 = hash.digest("hex");
	const [theirs, size] = verify
		? await Promise.all([digestOf(ground, path, signal), sizeOf(ground, path, sftp, signal)])
		: [undefined, source.size];
	if (size !== source.size || (theirs !== undefined && theirs !== sha256)) {
		throw sshError("SSH_UPLOAD", "what arrived is not what was sent", {
			where: `${where}:${path}`,
			expected: `${source.size} bytes, sha256 ${sha256}`,
			found: `${size ?? "no"} bytes, sha256 ${theirs ?? "unknown"}`,
		});
	}
	return {
		size: source.size,
		sha256,
		verified: theirs !== undefined,
		resumed: kept,
		by: sftp === undefined ? "channel" : "sftp",
	};
}

/** Length of the part of the source that is on the target already. */
async function keptPrefix(
	ground: UploadGround,
	source: UploadSource,
	path: string,
	sftp: SharedSftp | undefined,
	signal: AbortSignal,
): Promise<number> {
	const size = await sizeOf(ground, path, sftp, signal);
	if (size === undefined || size === 0 || size > source.size) return 0;
	const theirs = await digestOf(ground, path, signal);
	if (theirs === undefined) return 0;
	const hash = createHash("sha256");
	for await (const chunk of prefix(source, size)) hash.update(chunk);
	if (hash.digest("hex") !== theirs) return 0;
	if (size === source.size || sftp !== undefined) return size;
	return size - (size % block);
}

/** The first bytes of a source. */
async function* prefix(source: UploadSource, length: number): AsyncGenerator<Uint8Array> {
	let left = length;
	for await (const chunk of source.read(0)) {
		if (chunk.length >= left) {
			yield chunk.subarray(0, left);
			return;
		}
		left -= chunk.length;
		yield chunk;
	}
}

/** The rest of a source; throws if it is shorter or longer than it said, so that nothing waits for missing bytes. */
async function* counted(
	source: UploadSource,
	offset: number,
	see: (chunk: Uint8Array) => void,
	signal: AbortSignal | undefined,
	where: string,
): AsyncGenerator<Uint8Array> {
	let left = source.size - offset;
	if (left > 0) {
		for await (const chunk of source.read(offset)) {
			throwIfAborted(signal, where);
			left -= chunk.length;
			if (left < 0) break;
			see(chunk);
			yield chunk;
		}
	}
	if (left !== 0) {
		throw sshError("SSH_UPLOAD", "the source changed while it was sent", {
			expected: `${source.size} bytes`,
			found: left < 0 ? "more" : `${source.size - left} bytes`,
		});
	}
}

async function sizeOf(
	ground: UploadGround,
	path: string,
	sftp: SharedSftp | undefined,
	signal: AbortSignal,
): Promise<number | undefined> {
	if (sftp !== undefined) {
		const attributes = await new Promise<{ size: number } | undefined>((resolve, reject) => {
			const stop = () => reject(aborted(ground.where, signal));
			signal.addEventListener("abort", stop, { once: true });
			if (signal.aborted) stop();
			sftp.raw.lstat(path, (error, found) =>
				resolve(error === undefined && found.isFile() ? found : undefined),
			);
		});
		return attributes?.size;
	}
	const counted = await run(ground.executor, ["wc", "-c", path], { signal, limit: 4096 });
	// A login shell may say something of its own before.
	const line = counted.text.split("\n").find((each) => each.endsWith(` ${path}`));
	const size = /^\s*(\d{1,15}) /.exec(line ?? "")?.[1];
	return counted.code === 0 && size !== undefined ? Number(size) : undefined;
}

/** Reading back a few hundred megabytes on a slow and busy machine. */
const digestWithin = 110_000;

/** Digest of a file as the target computes it; undefined where it has no sha256sum, or no session left for it. */
async function digestOf(
	ground: UploadGround,
	path: string,
	signal: AbortSignal | undefined,
): Promise<string | undefined> {
	const result = await run(ground.executor, ["sha256sum", path], {
		signal,
		limit: 4096,
		deadline: digestWithin,
	}).catch((error: EkexecError) => {
		if (error.code === "SSH_CHANNEL") return { code: undefined, text: "" };
		throw error;
	});
	// A name with a backslash would be escaped, but no such name passes as a word.
	return result.code === 0 ? /^([0-9a-f]{64})\s/m.exec(result.text)?.[1] : undefined;
}

/** dd is on every Linux, busybox included, and cuts the file at the place where it begins to write. */
async function sendByChannel(
	ground: UploadGround,
	feed: AsyncIterable<Uint8Array>,
	path: string,
	offset: number,
	report: (bytes: number) => void,
	signal: AbortSignal | undefined,
): Promise<void> {
	const words = ["dd", `of=${path}`, `bs=${block}`, `seek=${offset / block}`];
	await must(ground, path, words, { input: told(feed, report), signal });
}

async function must(
	ground: UploadGround,
	path: string,
	words: readonly string[],
	options: RunOptions,
): Promise<void> {
	const result = await run(ground.executor, words, { ...options, limit: 4096 });
	if (result.code === 0) return;
	const reason = new Error(result.talk.trim() || `${words[0]} failed`);
	throw uploadFault(`${ground.where}:${path}`, reason);
}

async function* told(
	feed: AsyncIterable<Uint8Array>,
	report: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
	for await (const chunk of feed) {
		yield chunk;
		report(chunk.length);
	}
}
