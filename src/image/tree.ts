import type { CpioEntry } from "../cpio/index.ts";
import type { DebEntry } from "../debian/index.ts";

/** What a tree holds at a path. `owner` is the package it came from, or nothing for what the recipe wrote. */
export type TreeNode = { readonly owner: string | undefined; readonly mode: number } & (
	| { readonly kind: "file"; readonly content: Uint8Array }
	| { readonly kind: "directory" }
	| { readonly kind: "symlink"; readonly target: string }
	| { readonly kind: "link"; readonly target: string }
);

/**
 * Files on their way into a layer. Paths and targets are strings of one character a byte, without a leading slash;
 * {@link toBytes} and {@link toKey} lead across. All belong to root: an image needs no other owner.
 */
export class FileTree {
	readonly nodes: Map<string, TreeNode> = new Map();

	/** Adds an entry of a package. What came before at that path is replaced, but never a directory by a link. */
	add(entry: DebEntry, owner: string): void {
		const path = toKey(entry.name);
		const earlier = this.nodes.get(path)?.kind;
		switch (entry.kind) {
			case "file":
				this.nodes.set(path, { owner, mode: entry.mode, kind: "file", content: entry.content });
				break;
			case "directory":
				if (earlier === undefined)
					this.nodes.set(path, { owner, mode: entry.mode, kind: "directory" });
				break;
			case "symlink":
				if (earlier === "directory") break;
				this.nodes.set(path, { owner, mode: 0o777, kind: "symlink", target: toKey(entry.target) });
				break;
			case "link":
				this.nodes.set(path, { owner, mode: 0o777, kind: "link", target: toKey(entry.target) });
				break;
			default:
				// Devices and pipes: udev and tmpfiles make those that are needed.
				break;
		}
	}

	set(path: string, node: TreeNode): void {
		this.nodes.set(path, node);
	}

	/**
	 * Takes entries away and says how many. A file that has other names lives on under the first of them.
	 */
	remove(unwanted: (path: string, node: TreeNode) => boolean): number {
		const gone = [...this.nodes].filter(([path, node]) => unwanted(path, node));
		for (const [path] of gone) this.nodes.delete(path);
		const heirs = new Map<string, string>();
		for (const [path, node] of this.nodes) {
			if (node.kind !== "link" || this.nodes.has(node.target)) continue;
			const heir = heirs.get(node.target);
			const origin = gone.find(([name]) => name === node.target)?.[1];
			if (heir !== undefined) this.nodes.set(path, { ...node, target: heir });
			else if (origin?.kind === "file") {
				heirs.set(node.target, path);
				this.nodes.set(path, origin);
			} else this.nodes.delete(path);
		}
		return gone.length;
	}

	/** The path behind all symlinks, or undefined where one leads nowhere. Hard links count as what they are. */
	resolve(path: string): string | undefined {
		let parts = path.split("/").filter(Boolean);
		let done: string[] = [];
		// As the kernel: more than 40 links in a row are a loop.
		for (let followed = 0; parts.length > 0; ) {
			const part = parts.shift();
			if (part === undefined || part === ".") continue;
			if (part === "..") {
				done.pop();
				continue;
			}
			done.push(part);
			const node = this.nodes.get(done.join("/"));
			if (node?.kind !== "symlink") continue;
			if (++followed > 40) return undefined;
			if (node.target.startsWith("/")) done = [];
			else done.pop();
			parts = [...node.target.split("/").filter(Boolean), ...parts];
		}
		const end = done.join("/");
		return end === "" || this.nodes.has(end) ? end : undefined;
	}

	/** The regular file a path leads to. */
	file(path: string): (TreeNode & { readonly kind: "file" }) | undefined {
		const end = this.resolve(path);
		let node = end === undefined ? undefined : this.nodes.get(end);
		if (node?.kind === "link") node = this.nodes.get(node.target);
		return node?.kind === "file" ? node : undefined;
	}

	/** Removes directories that hold nothing, unless the recipe asked for them. */
	removeEmpty(): void {
		const paths = [...this.nodes.keys()].sort().reverse();
		const full = new Set<string>();
		for (const path of paths) {
			const node = this.nodes.get(path);
			const keep = node?.kind !== "directory" || node.owner === undefined || full.has(path);
			if (!keep) this.nodes.delete(path);
			else full.add(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
		}
	}

	/**
	 * As the cpio writer takes them, what resembles one another side by side: programs behind texts, each package's
	 * together. So a compressor finds more than it would by path.
	 */
	entries(): CpioEntry<never>[] {
		const keys = new Map(
			[...this.nodes].map(([path, node]) => [path, `${rankOf(node)} ${node.owner ?? ""}\0${path}`]),
		);
		const order = (path: string): string => keys.get(path) ?? "";
		return [...this.nodes]
			.sort(([a], [b]) => (order(a) < order(b) ? -1 : 1))
			.map(([path, node]) => entryOf(toBytes(path), node));
	}
}

const elfMagic = 0x7f454c46;

function rankOf(node: TreeNode): number {
	if (node.kind === "directory") return 0;
	if (node.kind !== "file") return 1;
	const { content } = node;
	if (content.length < 4) return 1;
	return new DataView(content.buffer, content.byteOffset).getUint32(0) === elfMagic ? 3 : 2;
}

function entryOf(name: Uint8Array, node: TreeNode): CpioEntry<never> {
	if (node.kind === "file") return { kind: "file", name, mode: node.mode, content: node.content };
	if (node.kind === "directory") return { kind: "directory", name, mode: node.mode };
	return { kind: node.kind, name, target: toBytes(node.target) };
}

/** Bytes of a name as a string of one character a byte. */
export function toKey(bytes: Uint8Array): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

export function toBytes(key: string): Uint8Array {
	return Buffer.from(key, "latin1");
}
