import { Cursor, pad, raw, struct, text, u16, u32, u64 } from "../../bytes/index.ts";
import type { Unreadable } from "./facts.ts";

/** Kinds of source that the helper knows and facts are made from (helper/CONTRACT.md). */
export type SourceKind =
	| "read"
	| "list"
	| "stat"
	| "readlink"
	| "statfs"
	| "place"
	| "netlink"
	| "system"
	| "names"
	| "permaddr";

/** One answer to a source: what stands at one path. */
export interface Answer {
	readonly path: string;
	/** errno, 0 where it worked. */
	readonly error: number;
	/** `refused`: the helper sends no such file. `cut`: longer than asked for. */
	readonly state: "whole" | "cut" | "timed-out" | "refused" | "unstable";
	readonly bytes: Uint8Array;
}

/** A source, as it was asked for, and all its answers. */
export interface Answered {
	readonly kind: SourceKind;
	/** Path or pattern. */
	readonly argument: string;
	/** errno of the source as a whole: a pattern's folder that cannot be read, a deadline that passed. */
	readonly error: number;
	readonly state: Answer["state"];
	readonly answers: readonly Answer[];
}

/** errno of "does not exist": the absence of something is a fact, not a failure to read it. */
const absent: ReadonlySet<number> = new Set([2 /* ENOENT */, 20 /* ENOTDIR */]);

/** struct statx, as far as facts need it (include/uapi/linux/stat.h). */
const statx = struct("statx", {
	mask: u32,
	blksize: u32,
	attributes: u64,
	nlink: u32,
	uid: u32,
	gid: u32,
	mode: u16,
	spare0: pad(2),
	ino: u64,
	size: u64,
	blocks: u64,
	rest: raw(256 - 56),
});

/** struct statfs of 64-bit Linux, as far as facts need it (include/uapi/asm-generic/statfs.h). */
const statfs = struct("statfs", {
	type: u64,
	bsize: u64,
	blocks: u64,
	bfree: u64,
	bavail: u64,
	rest: raw(120 - 40),
});

/** TMPFS_MAGIC and RAMFS_MAGIC (include/uapi/linux/magic.h). */
const memoryFileSystems: ReadonlySet<bigint> = new Set([0x01021994n, 0x858458f6n]);

/** What the helper found, by source; remembers what could not be read, so that no fact vanishes in silence. */
export class Evidence {
	readonly unreadable: Unreadable[] = [];
	readonly #sources: readonly Answered[];
	readonly #byPath = new Map<string, Answer>();

	constructor(sources: readonly Answered[]) {
		this.#sources = sources;
		for (const source of sources) {
			for (const answer of source.answers)
				this.#byPath.set(`${source.kind} ${answer.path}`, answer);
			if (source.error !== 0 && !absent.has(source.error)) {
				this.#note(`${source.kind} ${source.argument}`, source);
			}
			for (const answer of source.answers) {
				if (answer.error !== 0 && !absent.has(answer.error)) {
					this.#note(`${source.kind} ${answer.path}`, answer);
				} else if (answer.state === "cut" && source.kind === "read") {
					this.unreadable.push({ what: `read ${answer.path}`, why: "longer than ekexec reads" });
				}
			}
		}
	}

	/** Content of a file; undefined where it is absent or could not be read (then {@link unreadable} says why). */
	file(path: string): Uint8Array | undefined {
		const answer = this.#byPath.get(`read ${path}`);
		return answer?.error === 0 ? answer.bytes : undefined;
	}

	/** First line of a file, without its end. */
	line(path: string): string | undefined {
		const bytes = this.file(path);
		return bytes && (text(bytes).split("\n", 1)[0] ?? "").replace(/\0+$/, "");
	}

	/** All answers to the source that was asked for with this argument. */
	answers(kind: SourceKind, argument: string): readonly Answer[] {
		return this.#sources
			.filter((source) => source.kind === kind && source.argument === argument)
			.flatMap((source) => source.answers)
			.filter((answer) => answer.error === 0);
	}

	/** Paths that were found for a pattern, in byte order. */
	paths(kind: SourceKind, pattern: string): string[] {
		return this.answers(kind, pattern)
			.map((answer) => answer.path)
			.sort();
	}

	/** Target of a symbolic link. */
	link(path: string): string | undefined {
		const answer = this.#byPath.get(`readlink ${path}`);
		return answer?.error === 0 ? text(answer.bytes) : undefined;
	}

	/** errno of a stat, 0 where the path exists; undefined where it was not asked for. */
	statError(path: string): number | undefined {
		return this.#byPath.get(`stat ${path}`)?.error;
	}

	exists(path: string): boolean {
		return this.statError(path) === 0;
	}

	/** Size in bytes and permission bits. */
	stat(path: string): { size: number; mode: number; uid: number } | undefined {
		const answer = this.#byPath.get(`stat ${path}`);
		if (answer?.error !== 0) return undefined;
		const { size, mode, uid } = statx.read(new Cursor(answer.bytes, { where: `statx of ${path}` }));
		return { size: Number(size), mode: mode % 0o10000, uid };
	}

	/** Free bytes of the file system at `path`, and whether it lies in memory. */
	space(path: string): { free: number; inMemory: boolean } | undefined {
		const answer = this.#byPath.get(`statfs ${path}`);
		if (answer?.error !== 0) return undefined;
		const { type, bsize, bavail } = statfs.read(new Cursor(answer.bytes, { where: "statfs" }));
		return { free: Number(bsize * bavail), inMemory: memoryFileSystems.has(type) };
	}

	/** Whether a file could be written at `path` and mapped for execution. */
	place(path: string): { writable: boolean; executable: boolean } | undefined {
		const answer = this.#byPath.get(`place ${path}`);
		if (!answer || absent.has(answer.error)) return undefined;
		const writable = answer.error === 0;
		const executable =
			writable && answer.bytes.length >= 4 && new Cursor(answer.bytes).u32("errno") === 0;
		return { writable, executable };
	}

	/** What the helper's own system calls answered. */
	get system(): Readonly<Record<string, unknown>> {
		const [answer] = this.answers("system", "");
		return answer ? (JSON.parse(text(answer.bytes)) as Record<string, unknown>) : {};
	}

	#note(what: string, { error, state }: { error: number; state: Answer["state"] }): void {
		// A place that cannot be written is an answer to the question, not a failure to ask it.
		if (what.startsWith("place ") && state === "whole") return;
		const why =
			state === "timed-out"
				? "no answer within its deadline: the disk or server behind it may be dead"
				: state === "refused"
					? "the helper reads no such file"
					: errnoText(error);
		this.unreadable.push({ what, why });
	}
}

/** Names of the errnos that reading meets (errno(3), generic numbers of Linux). */
const errnos: Readonly<Record<number, string>> = {
	1: "EPERM: not permitted",
	5: "EIO: input/output error",
	6: "ENXIO: no such device",
	12: "ENOMEM: out of memory",
	13: "EACCES: permission denied",
	19: "ENODEV: no such device",
	21: "EISDIR: a directory",
	22: "EINVAL: invalid argument",
	23: "ENFILE: too many open files",
	24: "EMFILE: too many open files",
	28: "ENOSPC: no space left",
	30: "EROFS: read-only file system",
	36: "ENAMETOOLONG: name too long",
	38: "ENOSYS: not implemented by this kernel",
	40: "ELOOP: too many symbolic links",
	61: "ENODATA: no data",
	95: "EOPNOTSUPP: not supported",
	110: "ETIMEDOUT: timed out",
	116: "ESTALE: stale file handle",
};

function errnoText(error: number): string {
	return errnos[error] ?? `errno ${error}`;
}
