import { text } from "../../bytes/index.ts";
import { type Answer, decodePlace, decodeSystem, type Item, type Operation } from "../contract.ts";
import { errnoName } from "../errno.ts";
import { literalPath } from "../sources.ts";
import { decodeStat, decodeStatfs, type FileStat } from "../stat.ts";
import type { Unreadable } from "./facts.ts";

/** errno of "does not exist": the absence of something is a fact, not a failure to read it. */
const absent: ReadonlySet<number> = new Set([2 /* ENOENT */, 20 /* ENOTDIR */]);

/** TMPFS_MAGIC and RAMFS_MAGIC (include/uapi/linux/magic.h). */
const memoryFileSystems: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** Up to this cap a read asks for the beginning of a file and no more. */
const largestHead = 64;

/** What the helper found, by path; remembers what could not be read, so that no fact vanishes in silence. */
export class Evidence {
	readonly unreadable: Unreadable[] = [];
	readonly #answers: readonly Answer[];
	readonly #items = new Map<string, Item>();

	constructor(answers: readonly Answer[]) {
		this.#answers = answers;
		for (const answer of answers) {
			const { op } = answer.source;
			if (op === "netlink") continue;
			if (answer.errno !== 0 && !absent.has(answer.errno)) {
				this.#note(`${op} ${text(answer.source.argument)}`, answer);
			}
			const isHead = op === "read" && answer.source.cap <= largestHead;
			for (const item of answer.items) {
				const path = text(item.path);
				// The beginning of a file is not its content.
				if (!isHead) this.#items.set(`${op} ${path}`, item);
				// What a place or an access answers is the answer, not a failure to ask.
				if (op === "place" || op === "access") continue;
				if (item.errno !== 0 && !absent.has(item.errno)) this.#note(`${op} ${path}`, item);
				else if (item.state === "cut" && !isHead) {
					this.unreadable.push({ what: `${op} ${path}`, why: "longer than ekexec reads" });
				}
			}
		}
	}

	/** Content of a file; undefined where it is absent or could not be read (then {@link unreadable} says why). */
	file(path: string): Uint8Array | undefined {
		const item = this.#item("read", path);
		return item?.errno === 0 && item.state !== "refused" ? item.bytes : undefined;
	}

	/** Content of a file that was read to its end; undefined also where it is longer than what was asked for. */
	wholeFile(path: string): Uint8Array | undefined {
		return this.#item("read", path)?.state === "cut" ? undefined : this.file(path);
	}

	/** The beginning of a file of which no more was read, or why not (errno); undefined where it was not asked for. */
	head(path: string): { readonly errno: number; readonly bytes: Uint8Array } | undefined {
		const argument = text(literalPath(path));
		const answer = this.#answers.find(
			({ source: { op, cap, argument: asked } }) =>
				op === "read" && cap <= largestHead && text(asked) === argument,
		);
		if (answer === undefined) return undefined;
		const [item] = answer.items;
		return { errno: item?.errno ?? answer.errno, bytes: item?.bytes ?? new Uint8Array() };
	}

	/** First line of a file, without its end. */
	line(path: string): string | undefined {
		const bytes = this.file(path);
		return bytes && (text(bytes).split("\n", 1)[0] ?? "").replace(/\0+$/, "");
	}

	/** Path and content of everything that a pattern found, in the order of the paths. */
	found(
		op: Operation,
		pattern: string,
	): readonly { readonly path: string; readonly bytes: Uint8Array }[] {
		return this.#answers
			.filter(({ source }) => source.op === op && text(source.argument) === pattern)
			.flatMap(({ items }) => items)
			.filter(({ errno, state }) => errno === 0 && state !== "refused")
			.map((item) => ({ path: text(item.path), bytes: item.bytes }))
			.sort((a, b) => (a.path < b.path ? -1 : 1));
	}

	/** Target of a symbolic link. */
	link(path: string): string | undefined {
		const item = this.#item("readlink", path);
		return item?.errno === 0 ? text(item.bytes) : undefined;
	}

	exists(path: string): boolean {
		return this.#item("stat", path)?.errno === 0;
	}

	stat(path: string): FileStat | undefined {
		const item = this.#item("stat", path);
		return item?.errno === 0 ? decodeStat(item.bytes) : undefined;
	}

	/** Free bytes of the file system at `path`, and whether it lies in memory. */
	space(path: string): { free: number; inMemory: boolean } | undefined {
		const item = this.#item("statfs", path);
		if (item?.errno !== 0) return undefined;
		const { type, available } = decodeStatfs(item.bytes);
		return { free: available, inMemory: memoryFileSystems.has(type) };
	}

	/** Whether a file could be written at `path` and mapped for execution. */
	place(path: string): { writable: boolean; executable: boolean } | undefined {
		const item = this.#item("place", path);
		if (!item || absent.has(item.errno)) return undefined;
		const writable = item.errno === 0;
		return { writable, executable: writable && decodePlace(item.bytes) === 0 };
	}

	/** What the helper's own system calls answered. */
	get system(): Partial<ReturnType<typeof decodeSystem>> {
		const item = this.#item("system", "");
		return item ? decodeSystem(item.bytes) : {};
	}

	/** The answers that are netlink dumps, in the order in which they were asked for. */
	get dumps(): readonly Answer[] {
		return this.#answers.filter(({ source }) => source.op === "netlink");
	}

	#item(op: Operation, path: string): Item | undefined {
		return this.#items.get(`${op} ${path}`);
	}

	#note(what: string, { errno, state }: { errno: number; state: Item["state"] }): void {
		const why =
			state === "timed-out"
				? "no answer within its deadline: the disk or server behind it may be dead"
				: state === "refused"
					? "the helper reads no such file"
					: errnoName(errno);
		this.unreadable.push({ what, why });
	}
}
