import { utf8 } from "../bytes/index.ts";
import type { FileTree } from "./tree.ts";

/** One file of an image. Path with one character a byte; `size` in bytes, of links 0. */
export interface ContentsFile {
	readonly path: string;
	readonly size: number;
	readonly layer: string;
	readonly package?: string;
}

/** `contents.json`: every file that is no directory. */
export interface Contents {
	readonly files: readonly ContentsFile[];
}

export function contentsOf(layer: string, tree: FileTree): Contents {
	const files = [...tree.nodes]
		.filter(([, node]) => node.kind !== "directory")
		.map(([path, node]) => ({
			path,
			size: node.kind === "file" ? node.content.length : 0,
			layer,
			...(node.owner === undefined ? {} : { package: node.owner }),
		}));
	files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
	return { files };
}

/** One file a line. */
export function formatContents(contents: Contents): Uint8Array {
	return utf8(
		`{"files":[\n${contents.files.map((file) => JSON.stringify(file)).join(",\n")}\n]}\n`,
	);
}
