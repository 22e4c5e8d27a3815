import { EkexecError, showBytes } from "../bytes/index.ts";
import { type EntryKind, nameMax, type ParsedEntry, permissionBits } from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";
import { directory, fillWith, type Inode, Node, own } from "./node.ts";

// Names within this file are strings of one character a byte.

/** What a kernel does with an entry that it does not take as it stands. */
export type Trouble =
	/** Some folder on the way is missing: the kernel skips the entry in silence. A lenient tree makes it and takes the entry. */
	| "no-parent"
	/** Something on the way is no folder: skipped in silence. */
	| "parent-no-directory"
	/** Symlinks on the way lead in a circle: skipped in silence. */
	| "loop"
	/** A part of its name is longer than NAME_MAX: skipped in silence. */
	| "name-too-long"
	/** One more name for something that is gone, or has become a folder: skipped in silence. */
	| "link-lost"
	/** A folder that is not empty stands in its place: skipped in silence. */
	| "directory-not-empty"
	/** Its name ends in a slash, and is that of no folder: skipped in silence. */
	| "trailing-slash"
	/** One more name for itself: the kernel takes the name away and then finds nothing to link to. */
	| "self-link"
	/** Something of another kind stood in its place and is gone. */
	| "replaced"
	/** The name holds `..`: taken as the path says, which never leads above the root. */
	| "dot-dot";

/** What an entry did to the tree. */
export interface Applied {
	/** The name it made or changed; undefined if the kernel skips it. */
	readonly node: Node | undefined;
	/** Whether the entry's data becomes the inode's content. */
	readonly takesData: boolean;
	readonly troubles: readonly Trouble[];
}

export interface RootOptions {
	/** Make folders that are missing instead of skipping the entry as a kernel does. */
	readonly lenient?: boolean;
	/** Told of every name that goes away because something else takes its place, before that is made. */
	readonly onRemove?: (node: Node) => void;
}

/** More names than any initramfs has: a bomb otherwise turns a few compressed bytes into gigabytes of tree. */
export const maxNodes = 500_000;
/** All names together, and all targets of symlinks, in bytes; the mean name has thirty. */
export const maxNameBytes: number = 64 * 1024 * 1024;
/**
 * Parts of paths that may be walked: some at once, and on the average so many for each entry. An honest path has six and
 * meets a symlink or two; forty symlinks that lead in and out of folders have eighty thousand.
 */
const freeSteps = 1_000_000;
const stepsPerEntry = 200;
/** Linux follows this many symlinks in one path (include/linux/namei.h, MAXSYMLINKS). */
const maxSymlinks = 40;

/** The folder that holds the last part of a path, and that part. */
interface Place {
	readonly dir: Node;
	/** Empty where the path means the folder itself. */
	readonly leaf: string;
	/** Whether a slash follows the last part: then only a folder is meant, or a symlink that leads to one. */
	readonly slash: boolean;
	/** Some folder on the way is there only because this tree is lenient. */
	readonly implied: boolean;
}

/**
 * The file system that an initrd becomes, kept in memory without contents. Entries are applied as do_name(),
 * do_symlink(), maybe_link() and clean_path() of init/initramfs.c do: symlinks on the way are followed within the root,
 * later entries win, a file written again keeps its inode and with it its other names, hard links are those of one
 * archive, a folder is only replaced if it is empty.
 */
export class Root {
	readonly root: Node = new Node(undefined, "", directory(0o755, 0));
	readonly #options: RootOptions;
	/** First name of each thing with several, until the archive ends. */
	#links = new Map<string, string>();
	#linkBytes = 0;
	#steps = 0;
	#entries = 0;
	#nodes = 0;
	#nodeBytes = 0;

	constructor(options: RootOptions = {}) {
		this.#options = options;
	}

	/** Hard links never reach over the end of an archive. */
	trailer(): void {
		this.#links = new Map();
		this.#linkBytes = 0;
	}

	apply(entry: ParsedEntry, segment: number): Applied {
		this.#entries += 1;
		const name = Buffer.from(entry.name).toString("latin1");
		const troubles: Trouble[] = name.split("/").includes("..") ? ["dot-dot"] : [];
		const skipped = (trouble: Trouble): Applied => {
			return { node: undefined, takesData: false, troubles: [...troubles, trouble] };
		};
		// maybe_link() notes a name before it shows whether anything can be made of it.
		const first = this.#firstName(entry, name);
		const walked = this.#walk(name, { make: this.#options.lenient === true });
		if (typeof walked === "string") return skipped(walked);
		const { dir, leaf } = walked;
		if (walked.implied) troubles.push("no-parent");

		if (entry.kind === "directory") {
			const node = this.#directory(entry, walked, troubles);
			return node === undefined ? skipped("trailing-slash") : { node, takesData: false, troubles };
		}
		if (leaf === "") return skipped("directory-not-empty");
		if (walked.slash) {
			// clean_path() takes a folder away if it can; then nothing else can be made under such a name.
			this.unlink(entry.name);
			return skipped("trailing-slash");
		}
		if (first !== undefined) return this.#link(first, entry, dir, leaf, segment, troubles);

		const there = dir.children?.get(leaf);
		if (there !== undefined && (there.inode.kind !== entry.kind || entry.kind === "symlink")) {
			if (!this.#remove(there, entry.kind, troubles))
				return { node: undefined, takesData: false, troubles };
		} else if (there !== undefined) {
			// A file is truncated and written again, under all its names; a device keeps its number.
			own(there.inode, entry);
			if (entry.kind === "file") fillWith(there.inode, entry, segment);
			return { node: there, takesData: entry.kind === "file", troubles };
		}
		const inode: Inode = {
			kind: entry.kind,
			permissions: entry.mode & permissionBits,
			uid: entry.uid,
			gid: entry.gid,
			mtime: entry.mtime,
			size: 0,
			target: entry.target,
			major: entry.rdevmajor,
			minor: entry.rdevminor,
			names: 0,
			from: undefined,
		};
		if (entry.kind === "file") fillWith(inode, entry, segment);
		return { node: this.#add(dir, leaf, inode), takesData: entry.kind === "file", troubles };
	}

	/** Takes a name away, as a kernel does for an entry of which it then makes nothing. A folder goes only if it is empty. */
	unlink(path: Uint8Array): void {
		const walked = this.#walk(Buffer.from(path).toString("latin1"));
		if (typeof walked === "string") return;
		const there = walked.dir.children?.get(walked.leaf);
		if (there !== undefined && (there.children !== undefined || !walked.slash))
			this.#remove(there, undefined, []);
	}

	/** The name at a path, symlinks followed on the way and, if wanted or if a slash follows it, at its end. */
	find(path: Uint8Array, follow = false): Node | undefined {
		const name = Buffer.from(path).toString("latin1");
		const walked = this.#walk(name, { follow: follow || name.endsWith("/") });
		if (typeof walked === "string") return undefined;
		const node = walked.leaf === "" ? walked.dir : walked.dir.children?.get(walked.leaf);
		return walked.slash && node?.inode.kind !== "directory" ? undefined : node;
	}

	/** All names below the root in the order of their bytes, parents first. */
	*nodes(): Generator<Node, void, void> {
		const stack: Node[] = sortedChildren(this.root).reverse();
		for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
			yield node;
			// One by one: a folder may have more children than a call may have arguments.
			for (const child of sortedChildren(node).reverse()) stack.push(child);
		}
	}

	/** The name under which the archive first spoke of a thing with several; undefined where that is this one. */
	#firstName(entry: ParsedEntry, name: string): string | undefined {
		const { kind, nlink, devmajor, devminor, ino } = entry;
		if (kind === "directory" || kind === "symlink" || nlink < 2) return undefined;
		const id = `${devmajor}:${devminor}:${ino}:${kind}`;
		const first = this.#links.get(id);
		if (first !== undefined) return first;
		this.#links.set(id, name);
		this.#linkBytes += name.length;
		if (this.#full) throw tooMany(entry.name);
		return undefined;
	}

	/** Undefined if the kernel makes none, and changes none. */
	#directory(entry: ParsedEntry, place: Place, troubles: Trouble[]): Node | undefined {
		const { dir, leaf, slash } = place;
		let node = leaf === "" ? dir : dir.children?.get(leaf);
		if (node !== undefined && node.inode.kind !== "directory") {
			if (slash) {
				// Nothing is replaced then: lstat(2) and chown(2) mean what a symlink leads to.
				node = this.find(entry.name);
				if (node === undefined) return undefined;
			} else {
				this.#remove(node, entry.kind, troubles);
				node = undefined;
			}
		}
		node ??= this.#add(dir, leaf, directory(0, 0));
		own(node.inode, entry);
		node.implied = false;
		return node;
	}

	/** One more name for what the archive calls by its first. */
	#link(
		first: string,
		entry: ParsedEntry,
		dir: Node,
		leaf: string,
		segment: number,
		troubles: Trouble[],
	): Applied {
		const old = this.find(Buffer.from(first, "latin1"));
		const there = dir.children?.get(leaf);
		// maybe_link() takes away what stands there whatever it is, and then finds out whether it can link.
		if (there !== undefined && !this.#remove(there, entry.kind, troubles)) {
			return { node: undefined, takesData: false, troubles };
		}
		if (there !== undefined && there === old)
			return { node: undefined, takesData: false, troubles: [...troubles, "self-link"] };
		if (old === undefined || old.inode.kind === "directory")
			return { node: undefined, takesData: false, troubles: [...troubles, "link-lost"] };
		const node = this.#add(dir, leaf, old.inode);
		const takesData = entry.kind === "file" && entry.filesize > 0;
		if (entry.kind === "file") own(old.inode, entry);
		if (takesData) fillWith(old.inode, entry, segment);
		return { node, takesData, troubles };
	}

	#add(dir: Node, leaf: string, inode: Inode): Node {
		const node = new Node(dir, leaf, inode);
		this.#nodes += 1;
		this.#nodeBytes += bytesOf(node);
		if (this.#full) throw tooMany(node.path);
		inode.names += 1;
		dir.children?.set(leaf, node);
		return node;
	}

	get #full(): boolean {
		const names = this.#nodes + this.#links.size;
		return names > maxNodes || this.#nodeBytes + this.#linkBytes > maxNameBytes;
	}

	/** Takes a name away for something of a `kind`, as unlink(2) or rmdir(2): false if it is a folder with something in it. */
	#remove(node: Node, kind: EntryKind | undefined, troubles: Trouble[]): boolean {
		if (node.children !== undefined && node.children.size > 0) {
			troubles.push("directory-not-empty");
			return false;
		}
		if (node.inode.kind !== "symlink" && node.inode.kind !== kind) troubles.push("replaced");
		this.#options.onRemove?.(node);
		node.parent?.children?.delete(node.leaf);
		node.inode.names -= 1;
		this.#nodes -= 1;
		this.#nodeBytes -= bytesOf(node);
		return true;
	}

	/** Goes to the folder that holds the last part of a path. `make`: folders that are missing; `follow`: symlinks at its end. */
	#walk(name: string, { make = false, follow = false } = {}): Place | Trouble {
		let dir = this.root;
		let hops = 0;
		let implied = false;
		let slash = name.endsWith("/");
		const rest = partsReversed(name);
		for (;;) {
			this.#steps += 1;
			if (this.#steps > freeSteps + stepsPerEntry * this.#entries) throw roundabout(name);
			const part = rest.pop();
			if (part === undefined) return { dir, leaf: "", slash, implied };
			if (part === "" || part === ".") continue;
			if (part.length > nameMax) return "name-too-long";
			if (part === "..") {
				dir = dir.parent ?? this.root;
				continue;
			}
			let next = dir.children?.get(part);
			const last = rest.length === 0;
			if (last && !(follow && next?.inode.kind === "symlink"))
				return { dir, leaf: part, slash, implied };
			if (next === undefined) {
				if (!make) return "no-parent";
				next = this.#add(dir, part, directory(0o755, 0));
				next.implied = true;
			}
			if (next.inode.kind === "symlink") {
				if (++hops > maxSymlinks) return "loop";
				const target = Buffer.from(next.inode.target ?? []).toString("latin1");
				if (target.startsWith("/")) dir = this.root;
				if (last) slash ||= target.endsWith("/");
				rest.push(...partsReversed(target));
			} else if (next.inode.kind !== "directory") return "parent-no-directory";
			else {
				dir = next;
				implied ||= next.implied;
			}
		}
	}
}

function tooMany(path: Uint8Array): EkexecError<InitrdCode> {
	return new EkexecError("check", "INITRD_LIMIT", "more entries than any initramfs has", {
		where: showBytes(path.subarray(0, 200)),
		expected: `at most ${maxNodes} names with ${maxNameBytes} bytes`,
	});
}

function roundabout(name: string): EkexecError<InitrdCode> {
	return new EkexecError("check", "INITRD_LIMIT", "paths that lead through symlinks for too long", {
		where: showBytes(Buffer.from(name.slice(0, 200), "latin1")),
		expected: `on the average ${stepsPerEntry} parts for each entry`,
	});
}

/** The parts of a path, the last first, without the empty ones behind it. */
function partsReversed(path: string): string[] {
	let end = path.length;
	while (path[end - 1] === "/") end--;
	return path.slice(0, end).split("/").reverse();
}

/** What a name takes of {@link maxNameBytes}. */
function bytesOf({ leaf, inode }: Node): number {
	return leaf.length + (inode.target?.length ?? 0);
}

function sortedChildren(node: Node): Node[] {
	return [...(node.children?.values() ?? [])].sort((a, b) => (a.leaf < b.leaf ? -1 : 1));
}
