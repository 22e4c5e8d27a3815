import { randomBytes } from "node:crypto";
import {
	chmodSync,
	closeSync,
	constants,
	fchmodSync,
	fchownSync,
	futimesSync,
	lchownSync,
	linkSync,
	lstatSync,
	lutimesSync,
	openSync,
	rmdirSync,
	symlinkSync,
	unlinkSync,
	utimesSync,
	writeSync,
} from "node:fs";
import { EkexecError, showBytes } from "../bytes/index.ts";
import type { ByteSource, Chunks } from "../compress/index.ts";
import type { CpioEvent, CpioFault, ParsedEntry } from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";
import { Folders, native } from "./folder.ts";
import type { Inode, Node } from "./node.ts";
import { matcher } from "./pattern.ts";
import { plainKey, type Remarked, Remarks } from "./remarks.ts";
import { Root } from "./root.ts";
import { type ScanOptions, type Segment, type SegmentStart, scanInitrd } from "./scan.ts";
import { ioError } from "./source.ts";
import { makeSpecial, maxSpecials } from "./special.ts";

export interface ExtractOptions extends ScanOptions {
	/** Only what these mean, and the folders on the way to it: see the `extract` command. Everything unless told. */
	readonly patterns?: readonly string[];
	/** Set owners, times and the set-id bits too. Owners need root. Off unless told. */
	readonly preserve?: boolean;
	/** Replace files that are already there. Off unless told. */
	readonly overwrite?: boolean;
	/** Told of each name as it is extracted. */
	readonly onEntry?: (path: Uint8Array) => void;
}

export interface ExtractResult {
	readonly segments: readonly Segment[];
	/** Names that are there now, folders made on the way counted. */
	readonly extracted: number;
	/**
	 * What was not extracted, and why: devices, fifos, sockets and symlinks that could not be made, and entries that a kernel
	 * makes nothing of either, or removes. In the order of the archives, each as its entry names it.
	 */
	readonly skipped: readonly Remarked[];
	/** What was extracted though a kernel would skip it, or takes it otherwise than it says, and why. */
	readonly notes: readonly Remarked[];
	/** More of both than are listed. */
	readonly omitted: number;
	/**
	 * Whether some archive goes over into NULs where an entry must be, as in a file that was never written whole: what stood
	 * there is lost, and nobody can say what it was.
	 */
	readonly damaged: boolean;
	/** Names that, without `preserve`, have lost their set-id bits, and those that belong to the process instead of their owner. */
	readonly lost: { readonly setId: number; readonly owner: number };
}

/**
 * Unpacks an initrd into a folder as a kernel would unpack it into an empty root: later entries win, `..` and absolute
 * names and symlinks stay within that root. But for one thing: folders that no entry makes are made, as cpio -d does, so
 * that nothing is lost which a kernel loses for want of them. Such entries are told in `notes`, as is what replaces something
 * of another type or is named oddly; what is not extracted is told in `skipped`, both with the reasons that `verify` gives:
 * an entry below a file, in place of a folder that is not empty, with data where none belongs, and the like.
 *
 * Symlinks are made last, so none of the archive's is ever followed on disk, and of those that were there before none is
 * followed either: nothing is written outside the folder.
 *
 * Permissions are the archive's (without `preserve` less the set-id bits), owners and times the process's own. Files that
 * were there before are an error unless `overwrite`. Throws what {@link scanInitrd} throws, `INITRD_IO`, `INITRD_UNSAFE`;
 * what was extracted until then remains.
 */
export async function extractInitrd(
	from: ByteSource | Chunks,
	folder: string,
	options: ExtractOptions = {},
): Promise<ExtractResult> {
	const extractor = new Extractor(folder, options);
	try {
		const segments = await scanInitrd(
			from,
			{
				event: (event, segment) => extractor.event(event, segment.index),
				fault: (fault, segment) => extractor.fault(fault, segment),
				wantsData: () => extractor.takesData,
			},
			options,
		);
		extractor.finish();
		const { skipped, notes, omitted, damaged } = extractor.remarks;
		const { count, lost } = extractor;
		return { segments, extracted: count, skipped, notes, omitted, damaged, lost };
	} finally {
		extractor.close();
	}
}

class Extractor {
	readonly remarks = new Remarks();
	readonly #options: ExtractOptions;
	readonly #wanted: (key: string) => boolean;
	readonly #root: Root;
	readonly #folders: Folders;
	/** Names on disk of each inode that has any; folders and symlinks apart. */
	readonly #names = new Map<Inode, Set<Node>>();
	/** Wanted folders and symlinks: made or finished at the end. */
	readonly #later = new Set<Node>();
	/** Content of several names of which none was wanted so far. */
	readonly #stashes = new Map<Inode, string>();
	/** Devices and fifos so far. */
	#specials = 0;
	#fd: number | undefined;
	#inode: Inode | undefined;

	constructor(folder: string, options: ExtractOptions) {
		this.#options = options;
		const { patterns = [] } = options;
		this.#wanted = patterns.length === 0 ? () => true : matcher(patterns);
		this.#root = new Root({ lenient: true, onRemove: (node) => this.#remove(node) });
		this.#folders = new Folders(folder, this.#root.root);
	}

	get count(): number {
		let names = this.#later.size;
		for (const nodes of this.#names.values()) names += nodes.size;
		for (const node of this.#folders.made) if (!this.#later.has(node)) names += 1;
		return names;
	}

	get lost(): ExtractResult["lost"] {
		const lost = { setId: 0, owner: 0 };
		if (this.#options.preserve === true) return lost;
		const count = ({ permissions, uid, gid }: Inode, names: number): void => {
			if (permissions >= 0o2000) lost.setId += names;
			if (uid !== process.geteuid?.() || gid !== process.getegid?.()) lost.owner += names;
		};
		for (const [inode, names] of this.#names) count(inode, names.size);
		for (const { inode } of this.#later) if (inode.kind === "directory") count(inode, 1);
		return lost;
	}

	/** Whether the data of the present entry goes anywhere. */
	get takesData(): boolean {
		return this.#fd !== undefined;
	}

	event(event: CpioEvent, segment: number): void {
		if (event.type === "entry") this.#entry(event.entry, segment);
		else if (event.type === "data") this.#data(event.bytes);
		else if (event.type === "end") this.#end();
		else if (event.type === "trailer") this.#root.trailer();
	}

	/** What the kernel passes over, or takes otherwise than it stands: the parser goes on behind it. */
	fault(fault: CpioFault, segment: SegmentStart): void {
		if (fault.kernel === "removes") this.#root.unlink(fault.name);
		// What has no name could be what is wanted.
		const wanted = fault.name.length === 0 || this.#wanted(plainKey(fault.name));
		if (wanted) this.remarks.ofFault(fault, segment);
	}

	#entry(entry: ParsedEntry, segment: number): void {
		const { node, takesData, troubles } = this.#root.apply(entry, segment);
		const wanted = this.#wanted(node?.key ?? plainKey(entry.name));
		if (wanted) this.remarks.ofEntry(entry.name, troubles, node !== undefined);
		if (node === undefined) return;
		const { inode } = node;
		if (wanted) this.#options.onEntry?.(node.path);
		if (inode.kind === "directory") {
			if (wanted) {
				this.#folders.of(node);
				this.#later.add(node);
			}
			return;
		}
		if (inode.kind === "symlink") {
			if (wanted) this.#later.add(node);
			return;
		}
		const names = this.#names.get(inode);
		// A kernel links by name: what was a file when the link was noted can be a fifo by now, and opening that waits for ever.
		const takes = takesData && inode.kind === "file";
		if (wanted && !names?.has(node)) this.#make(node, names, takes);
		if (!takes || this.#fd !== undefined) return;
		const path = this.#onDisk(inode) ?? (entry.nlink >= 2 ? this.#stash(inode) : undefined);
		if (path !== undefined) this.#openFor(inode, path);
	}

	/** Puts a name on disk: one more for what is there, or the first. A new file stays open if it `takes` what comes. */
	#make(node: Node, names: Set<Node> | undefined, takes: boolean): void {
		const { inode } = node;
		const other = this.#onDisk(inode);
		if (other !== undefined) {
			const path = this.#free(node);
			attempt(() => linkSync(native(other), native(path)), "link", node);
		} else if (inode.kind === "file") {
			const fd = this.#create(node);
			if (takes) {
				this.#fd = fd;
				this.#inode = inode;
			} else {
				this.#settle(fd, inode);
				closeSync(fd);
			}
		} else {
			this.#free(node);
			if (!this.#special(node)) return;
		}
		if (names === undefined) this.#names.set(inode, new Set([node]));
		else names.add(node);
	}

	/** A new file, open for writing. */
	#create(node: Node): number {
		const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
		const make = (path: string) => openSync(native(path), flags, 0o600);
		const path = this.#folders.path(node);
		try {
			return make(path);
		} catch (error) {
			const { code } = error as NodeJS.ErrnoException;
			if (code !== "EEXIST") throw ioError(error, "create", node.path);
		}
		// Seldom: looked at only then, so that all other files cost one call less.
		const freed = this.#free(node);
		return attempt(() => make(freed), "create", node);
	}

	/** The path of a name that nothing has on disk, or an error. */
	#free(node: Node): string {
		const path = this.#folders.path(node);
		const there = attempt(
			() => lstatSync(native(path), { throwIfNoEntry: false }),
			"look at",
			node,
		);
		if (there === undefined) return path;
		if (this.#options.overwrite !== true || there.isDirectory()) {
			throw new EkexecError<InitrdCode>(
				"refused",
				"INITRD_UNSAFE",
				"something of this name is already there",
				{
					where: showBytes(node.path),
					found: there.isDirectory() ? "a folder" : "a file",
					remedy: there.isDirectory()
						? "Extract to an empty folder."
						: "Extract to an empty folder, or use --overwrite.",
				},
			);
		}
		attempt(() => unlinkSync(native(path)), "replace", node);
		return path;
	}

	#openFor(inode: Inode, path: string): void {
		const flags = constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW;
		try {
			this.#fd = openSync(native(path), flags);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EACCES")
				throw ioError(error, "write", this.#first(inode)?.path ?? "the folder");
			this.#anew(inode, path);
		}
		this.#inode = inode;
	}

	/**
	 * Opens a new file under all the names of one that an earlier entry closed to writing: whoever is not root cannot open
	 * that, nor need its permissions be changed by name, since its content goes away now anyhow.
	 */
	#anew(inode: Inode, path: string): void {
		const [first, ...others] = this.#names.get(inode) ?? [];
		const unlink = (path: string, node?: Node) =>
			attempt(() => unlinkSync(native(path)), "replace", node);
		unlink(path, first);
		if (first === undefined) {
			const stash = native(this.#stash(inode));
			this.#fd = attempt(() => openSync(stash, constants.O_WRONLY), "write", undefined);
			return;
		}
		this.#fd = this.#create(first);
		for (const node of others) {
			unlink(this.#folders.path(node), node);
			const [from, to] = [this.#folders.path(first), this.#folders.path(node)];
			attempt(() => linkSync(native(from), native(to)), "link", node);
		}
	}

	#data(bytes: Uint8Array): void {
		if (this.#fd === undefined) return;
		const fd = this.#fd;
		for (let at = 0; at < bytes.length; ) {
			at += attempt(() => writeSync(fd, bytes, at), "write", this.#first(this.#inode));
		}
	}

	#end(): void {
		if (this.#fd === undefined || this.#inode === undefined) return;
		this.#settle(this.#fd, this.#inode);
		closeSync(this.#fd);
		this.#fd = undefined;
		this.#inode = undefined;
	}

	/** Gives an open file its owner, permissions and time. Writing or changing owners clears set-id bits: those come last. */
	#settle(fd: number, inode: Inode): void {
		const node = this.#first(inode);
		attempt(
			() => {
				if (this.#options.preserve === true) fchownSync(fd, inode.uid, inode.gid);
				fchmodSync(fd, this.#permissions(inode));
				if (this.#options.preserve === true) futimesSync(fd, inode.mtime, inode.mtime);
			},
			"set owner and permissions of",
			node,
		);
	}

	/** A file of another owner that runs as its owner must not become one that runs as us. */
	#permissions(inode: Inode): number {
		return this.#options.preserve === true ? inode.permissions : inode.permissions & 0o1777;
	}

	/** Makes a device or fifo, or says why not; answers whether it did. */
	#special(node: Node): boolean {
		const { inode } = node;
		const reason = makeSpecial(inode, () => {
			this.#specials += 1;
			return this.#specials > maxSpecials ? undefined : this.#folders.pathForOthers(node);
		});
		if (reason !== undefined) {
			this.remarks.skip(node.path, reason);
			return false;
		}
		this.#own(this.#folders.path(node), node);
		return true;
	}

	#stash(inode: Inode): string {
		const path = `${this.#folders.of(this.#root.root)}/.ekexec-${randomBytes(8).toString("hex")}`;
		closeSync(
			attempt(
				() =>
					openSync(native(path), constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600),
				"create",
				undefined,
			),
		);
		this.#stashes.set(inode, path);
		return path;
	}

	#first(inode: Inode | undefined): Node | undefined {
		for (const node of (inode && this.#names.get(inode)) ?? []) return node;
		return undefined;
	}

	/** Where an inode's content is, under whatever name. */
	#onDisk(inode: Inode): string | undefined {
		const first = this.#first(inode);
		return first === undefined ? this.#stashes.get(inode) : this.#folders.path(first);
	}

	/** A later entry takes the place of this name. */
	#remove(node: Node): void {
		const { inode } = node;
		if (inode.kind === "symlink") this.#later.delete(node);
		else if (inode.kind === "directory") {
			this.#later.delete(node);
			if (!this.#folders.made.has(node)) return;
			const path = this.#folders.path(node);
			this.#folders.forget(node);
			attempt(() => rmdirSync(native(path)), "replace", node);
		} else {
			const names = this.#names.get(inode);
			if (names?.has(node) !== true) return;
			attempt(() => unlinkSync(native(this.#folders.path(node))), "replace", node);
			names.delete(node);
			if (names.size === 0) this.#names.delete(inode);
		}
	}

	/** Symlinks, then the folders' own attributes, the deepest first. */
	finish(): void {
		const preserve = this.#options.preserve === true;
		const folders: Node[] = [];
		for (const node of this.#later) {
			const { inode } = node;
			if (inode.kind === "directory") folders.push(node);
			else {
				const reason = this.#symlink(node);
				if (reason === undefined) continue;
				this.#later.delete(node);
				this.remarks.skip(node.path, reason);
			}
		}
		for (const node of this.#folders.made) if (!this.#later.has(node)) folders.push(node);
		const depth = (node: Node) => (node.parent === undefined ? 0 : node.key.split("/").length);
		const deepestFirst = folders.map((node) => ({ node, depth: depth(node) }));
		deepestFirst.sort((a, b) => b.depth - a.depth);
		for (const { node } of deepestFirst) {
			const { inode } = node;
			// A folder that was there before keeps what it had, unless the archive's attributes are asked for.
			if (!preserve && !this.#folders.made.has(node)) continue;
			const path = native(`${this.#folders.of(node)}/.`);
			attempt(
				() => {
					if (preserve && !node.implied) lchownSync(path, inode.uid, inode.gid);
					chmodSync(path, this.#permissions(inode));
					if (preserve && !node.implied) utimesSync(path, inode.mtime, inode.mtime);
				},
				"set owner and permissions of",
				node,
			);
		}
	}

	/** Makes a symlink, or says why this file system has none like it. */
	#symlink(node: Node): string | undefined {
		const { inode } = node;
		const target = Buffer.from(inode.target ?? []);
		const path = native(this.#free(node));
		try {
			symlinkSync(target, path);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code === "ENAMETOOLONG")
				return "its target or its name is longer than the file system takes";
			throw ioError(error, "make the symlink", node.path);
		}
		this.#own(path, node);
		return undefined;
	}

	/** Gives what is never opened its owner and time. */
	#own(path: string | Buffer, node: Node): void {
		if (this.#options.preserve !== true) return;
		const { uid, gid, mtime } = node.inode;
		attempt(
			() => {
				lchownSync(path, uid, gid);
				lutimesSync(path, mtime, mtime);
			},
			"set the owner of",
			node,
		);
	}

	close(): void {
		if (this.#fd !== undefined) closeSync(this.#fd);
		for (const path of this.#stashes.values()) {
			try {
				unlinkSync(native(path));
			} catch {
				// The first error is the one to tell.
			}
		}
		this.#folders.close();
	}
}

function attempt<T>(call: () => T, doing: string, node: Node | undefined): T {
	try {
		return call();
	} catch (error) {
		throw ioError(error, doing, node?.path ?? "the folder");
	}
}
