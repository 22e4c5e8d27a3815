import { closeSync, constants, lstatSync, mkdirSync, openSync, realpathSync } from "node:fs";
import { EkexecError, showBytes } from "../bytes/index.ts";
import type { InitrdCode } from "./codes.ts";
import type { Node } from "./node.ts";
import { ioError } from "./source.ts";

/** Folders held open at a time, the least recently used closed first. */
const maxOpen = 64;

/** A path in the form node:fs takes: one character a byte comes in, bytes go out unless it is plain. */
export function native(path: string): string | Buffer {
	for (let i = 0; i < path.length; i++) {
		if (path.charCodeAt(i) > 0x7f) return Buffer.from(path, "latin1");
	}
	return path;
}

/**
 * The folders of an extraction on disk. Each is opened once without following a symlink, by its name in its already
 * opened parent, and what happens in it goes through the open folder (`/proc/self/fd/N/…`, the openat(2) that Node does
 * not have). So nobody who renames folders or plants symlinks meanwhile can move a write elsewhere. Where there is no
 * /proc (macOS) each folder is looked at before its first use, which leaves that race open.
 */
export class Folders {
	readonly #base: string;
	readonly #root: Node;
	readonly #open = new Map<Node, number>();
	readonly #made = new Set<Node>();
	readonly #seen = new Map<Node, string>();
	readonly #byDescriptor: boolean;
	readonly #rootFd: number;

	constructor(path: string, root: Node) {
		this.#root = root;
		try {
			mkdirSync(path, { recursive: true });
			this.#base = Buffer.from(realpathSync(path)).toString("latin1");
			this.#rootFd = openSync(native(this.#base), constants.O_RDONLY | constants.O_DIRECTORY);
		} catch (error) {
			throw ioError(error, "extract to", path);
		}
		this.#byDescriptor = process.platform === "linux" && exists(`/proc/self/fd/${this.#rootFd}/.`);
	}

	/** Folders that did not exist before. */
	get made(): ReadonlySet<Node> {
		return this.#made;
	}

	/** The path of a name, its folder made if need be: valid for the next call or two, not longer. */
	path(node: Node): string {
		return node.parent === undefined
			? `${this.of(node)}/.`
			: `${this.of(node.parent)}/${node.leaf}`;
	}

	/** A path for the same name that another process can use. */
	pathForOthers(node: Node): string {
		return this.path(node).replace("/proc/self/", `/proc/${process.pid}/`);
	}

	/** The path of a folder itself. */
	of(node: Node): string {
		if (node === this.#root)
			return this.#byDescriptor ? `/proc/self/fd/${this.#rootFd}` : this.#base;
		if (!this.#byDescriptor) {
			const seen = this.#seen.get(node);
			if (seen !== undefined) return seen;
		}
		const fd = this.#open.get(node);
		if (fd !== undefined) {
			// To the end of the queue.
			this.#open.delete(node);
			this.#open.set(node, fd);
			return `/proc/self/fd/${fd}`;
		}
		const path = this.path(node);
		this.#make(node, path);
		if (!this.#byDescriptor) {
			if (!lstatSync(native(path)).isDirectory()) throw unsafe(node);
			this.#seen.set(node, path);
			return path;
		}
		const opened = this.#openFolder(node, path);
		this.#open.set(node, opened);
		if (this.#open.size > maxOpen) {
			for (const [oldest, old] of this.#open) {
				closeSync(old);
				this.#open.delete(oldest);
				break;
			}
		}
		return `/proc/self/fd/${opened}`;
	}

	/** Forgets a folder that is about to be removed. */
	forget(node: Node): void {
		const fd = this.#open.get(node);
		if (fd !== undefined) closeSync(fd);
		this.#open.delete(node);
		this.#seen.delete(node);
		this.#made.delete(node);
	}

	close(): void {
		for (const fd of this.#open.values()) closeSync(fd);
		this.#open.clear();
		closeSync(this.#rootFd);
	}

	#make(node: Node, path: string): void {
		if (this.#made.has(node)) return;
		try {
			mkdirSync(native(path), 0o700);
			this.#made.add(node);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
				throw ioError(error, "make the folder", node.path);
			}
		}
	}

	#openFolder(node: Node, path: string): number {
		try {
			return openSync(
				native(path),
				constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
			);
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			if (code === "ELOOP" || code === "ENOTDIR") throw unsafe(node);
			throw ioError(error, "open the folder", node.path);
		}
	}
}

function unsafe(node: Node): EkexecError<InitrdCode> {
	return new EkexecError("refused", "INITRD_UNSAFE", "something that is no folder is in the way", {
		where: showBytes(node.path),
		expected: "a folder, or nothing",
		found: "a symlink or a file that was there before",
		remedy: "Extract to an empty folder, or remove it.",
	});
}

function exists(path: string): boolean {
	try {
		lstatSync(path);
		return true;
	} catch {
		return false;
	}
}
