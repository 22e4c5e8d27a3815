import { createHash, randomBytes } from "node:crypto";
import { createReadStream, type Stats } from "node:fs";
import {
	mkdir,
	readdir,
	readFile,
	readlink,
	rename,
	rm,
	stat,
	utimes,
	writeFile,
} from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { EkexecError } from "../bytes/index.ts";
import { debianError } from "./error.ts";

/**
 * The folder in which ekexec keeps what it can get again: `EKEXEC_CACHE`, else `ekexec` in the cache folder
 * of the XDG base directory specification, on macOS in ~/Library/Caches.
 */
export function cacheFolder(
	env: Readonly<Record<string, string | undefined>> = process.env,
	platform: string = process.platform,
	home: string = homedir(),
): string {
	if (env.EKEXEC_CACHE) return env.EKEXEC_CACHE;
	// A relative XDG_CACHE_HOME is to be ignored, says the specification.
	if (env.XDG_CACHE_HOME?.startsWith("/")) return join(env.XDG_CACHE_HOME, "ekexec");
	return platform === "darwin"
		? join(home, "Library", "Caches", "ekexec")
		: join(home, ".cache", "ekexec");
}

/**
 * Makes the cache folder where there is none, with no right for others to write whatever the umask is. Throws
 * `DEBIAN_CACHE` for one that somebody else (root aside) owns or all may write to: what it holds is believed and, if
 * programs, run. Root may use anybody's: a container has its host's, sudo that of who called it.
 */
export async function ownCache(
	folder: string,
	uid: number | undefined = process.getuid?.(),
): Promise<void> {
	let found: Stats;
	try {
		await mkdir(folder, { recursive: true, mode: 0o755 });
		found = await stat(folder);
	} catch (error) {
		throw cacheError(error, folder);
	}
	if (uid === undefined) return;
	const writable = (found.mode & 0o002) !== 0;
	if (!writable && (uid === 0 || found.uid === uid || found.uid === 0)) return;
	throw debianError("usage", "DEBIAN_CACHE", "others decide what is in the cache", {
		where: folder,
		found: writable ? "all may write to it" : `it belongs to user ${found.uid}`,
		remedy: "Take the others' right to write to it, or set EKEXEC_CACHE to a folder of your own.",
	});
}

/** What the system says against a file of the cache, told as that; any other error as it is. */
export function cacheError(error: unknown, path: string): unknown {
	if (!(error instanceof Error) || error instanceof EkexecError) return error;
	if ((error as NodeJS.ErrnoException).syscall === undefined) return error;
	return debianError("failed", "DEBIAN_CACHE", "a file of the cache cannot be used", {
		where: path,
		found: error.message,
		remedy:
			"Make room or set EKEXEC_CACHE to a folder elsewhere; ekexec image prune shows what can go.",
		cause: error,
	});
}

/** Files known by their SHA-256, in `folder`/sha256. Many processes may use it at once. */
export interface BlobStore {
	readonly folder: string;
	/** Where a blob is, or will be. */
	path(sha256: string): string;
	/** Whether the blob is there, whole and right: it is read and hashed. */
	has(sha256: string, size: number): Promise<boolean>;
	/** A file of one's own to collect the blob in; holds what an earlier, broken attempt left. */
	claim(sha256: string): Promise<string>;
	/** Puts a claimed file, now complete, in its place. */
	keep(claimed: string, sha256: string): Promise<void>;
	/** Leaves a claimed file for the next attempt, or removes it if its bytes are no good. */
	leave(claimed: string, sha256: string, good: boolean): Promise<void>;
}

export function blobStore(folder: string): BlobStore {
	const partial = join(folder, "partial");
	const path = (sha256: string) => join(folder, "sha256", sha256.slice(0, 2), sha256);
	const free = (sha256: string) => join(partial, `${sha256}.free`);
	return {
		folder,
		path,
		async has(sha256, size) {
			const found = await stat(path(sha256)).catch(() => undefined);
			if (found?.size !== size || (await digestOf(path(sha256))) !== sha256) return false;
			await touch(path(sha256));
			return true;
		},
		async claim(sha256) {
			await mkdir(partial, { recursive: true });
			const here = await placeOfProcess();
			const random = randomBytes(4).toString("hex");
			const own = join(partial, `${sha256}.${here}.${process.pid}.${random}`);
			const left = (await readdir(partial)).filter((name) => name.startsWith(`${sha256}.`));
			for (const name of left) {
				if (!(await isAbandoned(partial, name, here))) continue;
				// Of two processes that want the same remainder, rename lets one win.
				if (await renamed(join(partial, name), own)) return own;
			}
			await writeFile(own, "");
			return own;
		},
		async keep(claimed, sha256) {
			await mkdir(dirname(path(sha256)), { recursive: true });
			await rename(claimed, path(sha256));
		},
		async leave(claimed, sha256, good) {
			if (!good || !(await renamed(claimed, free(sha256)))) await rm(claimed, { force: true });
		},
	};
}

/** Marks something in the cache as used now, for whoever clears away what is not; it may be read-only or gone. */
export async function touch(path: string): Promise<void> {
	const now = new Date();
	await utimes(path, now, now).catch(() => {});
}

/** Writes a file so that others see all of it or nothing. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
	const own = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
	try {
		await mkdir(dirname(path), { recursive: true });
		await writeFile(own, content);
		await rename(own, path);
	} catch (error) {
		throw cacheError(error, path);
	} finally {
		await rm(own, { force: true });
	}
}

/** The file's bytes, or undefined where there is none. */
export async function readIfThere(path: string): Promise<Buffer<ArrayBuffer> | undefined> {
	return readFile(path).catch((error: NodeJS.ErrnoException) => {
		if (error.code === "ENOENT") return undefined;
		throw error;
	});
}

export async function digestOf(path: string): Promise<string> {
	const hash = createHash("sha256");
	await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
	return hash.digest("hex");
}

/** Where the number of a process tells which it is: one namespace in one boot of Linux, else a host. */
async function placeOfProcess(): Promise<string> {
	const place = await Promise.all([
		readFile("/proc/sys/kernel/random/boot_id", "utf8"),
		readlink("/proc/self/ns/pid"),
	]).catch(() => [hostname()]);
	return hashOf(place.join(" ")).slice(0, 12);
}

/** Of processes of another place nobody here knows: what grew no more for so long has none. Milliseconds. */
const growsWithin = 3600_000;

/** A remainder is free, or its process was one of this place and is gone, or was of another and has not grown. */
async function isAbandoned(partial: string, name: string, here: string): Promise<boolean> {
	const [, place = "", owner = ""] = name.split(".");
	if (place === "free") return true;
	if (place !== here) {
		const found = await stat(join(partial, name)).catch(() => undefined);
		return found !== undefined && Date.now() - found.mtimeMs > growsWithin;
	}
	try {
		process.kill(Number(owner), 0);
		return false;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === "ESRCH";
	}
}

async function renamed(from: string, to: string): Promise<boolean> {
	return rename(from, to).then(
		() => true,
		() => false,
	);
}

/** SHA-256 in hex. */
export function hashOf(data: string | Uint8Array): string {
	return createHash("sha256").update(data).digest("hex");
}
