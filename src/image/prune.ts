import { text } from "../bytes/index.ts";
import { type Elf, libraryCheck, readElf } from "../debian/index.ts";
import { imageError } from "./errors.ts";
import { type FileTree, type TreeNode, toBytes } from "./tree.ts";

/** Whether a library stays though no program is linked with it. */
type KeepLibrary = (path: string, node: TreeNode) => boolean;

/** What went because something it needs, or everything that needed it, is not in the image. Paths, sorted. */
export interface Pruned {
	/** Scripts without their interpreter. */
	readonly scripts: readonly string[];
	/** Libraries that no program is linked with. */
	readonly libraries: readonly string[];
	/** Symlinks that lead nowhere. */
	readonly links: readonly string[];
}

/**
 * Takes out what cannot work or is not used by anything. After that, a program that lacks a library is an error
 * (`IMAGE_LIBRARY`) that names both.
 */
export function pruneTree(tree: FileTree, keepLibrary: KeepLibrary = () => false): Pruned {
	const scripts = removed(tree, (path) => {
		const node = tree.nodes.get(path);
		if (node?.kind !== "file" || node.mode % 2 === 0) return false;
		const interpreter = interpreterOf(node.content);
		return interpreter !== undefined && tree.file(interpreter) === undefined;
	});
	const libraries = removeLibraries(tree, keepLibrary);
	const links: string[] = [];
	for (;;) {
		const dangling = removed(tree, (path) => {
			const node = tree.nodes.get(path);
			if (node?.kind !== "symlink" || node.owner === undefined) return false;
			return !/^\/(?:dev|proc|run|sys)\//.test(node.target) && tree.resolve(path) === undefined;
		});
		if (dangling.length === 0) break;
		links.push(...dangling);
	}
	tree.removeEmpty();
	check(tree);
	return { scripts, libraries, links: links.sort() };
}

function removed(tree: FileTree, unwanted: (path: string) => boolean): string[] {
	const paths = new Set([...tree.nodes.keys()].filter(unwanted));
	if (paths.size > 0) tree.remove((path) => paths.has(path));
	return [...paths].sort();
}

/** Path of the program behind `#!`, behind env(1) if that is what it is. */
function interpreterOf(content: Uint8Array): string | undefined {
	if (content[0] !== 0x23 || content[1] !== 0x21) return undefined;
	const line = text(content.subarray(2, 258)).split("\n", 1)[0] ?? "";
	const [program = "", ...words] = line.trim().split(/\s+/);
	if (!/(?:^|\/)env$/.test(program)) return program;
	const name = words.find((word) => !word.startsWith("-") && !word.includes("="));
	return name === undefined ? undefined : `usr/bin/${name}`;
}

/** Shared libraries in the folders the dynamic linker searches; below those lie plug-ins, which stay. */
const libraryPath = /^usr\/lib(?:64)?\/(?:[^/]+-linux-gnu\/)?[^/]+\.so(?:\.[^/]*)?$/;

function removeLibraries(tree: FileTree, keep: KeepLibrary): string[] {
	const elves = new Map<string, Elf>();
	for (const [path, node] of tree.nodes) {
		if (node.kind !== "file") continue;
		const elf = readElf(node.content, path);
		if (elf !== undefined) elves.set(path, elf);
	}
	const used = new Set<string>();
	const waiting: string[] = [];
	const use = (path: string | undefined): void => {
		if (path === undefined || used.has(path)) return;
		used.add(path);
		waiting.push(path);
	};
	for (const path of elves.keys()) if (!libraryPath.test(path)) use(path);
	for (const [path, node] of tree.nodes) {
		if (libraryPath.test(path) && keep(path, node)) use(tree.resolve(path));
	}
	for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
		const elf = elves.get(path);
		if (elf === undefined) continue;
		if (elf.interpreter !== undefined) use(tree.resolve(elf.interpreter));
		const needed = [
			...elf.needed,
			...elf.dlopens.filter((one) => one.priority === "required").flatMap((one) => one.sonames),
		];
		const own = path.slice(0, path.lastIndexOf("/"));
		const folders = [
			...elf.runpath.map((f) => f.replace(/\$(?:ORIGIN|\{ORIGIN\})/g, own)),
			...searched,
		];
		for (const name of needed) {
			use(
				folders
					.map((folder) => tree.resolve(`${folder}/${name}`))
					.find((found) => found !== undefined),
			);
		}
	}
	return removed(tree, (path) => {
		const node = tree.nodes.get(path);
		if (!libraryPath.test(path) || node === undefined) return false;
		if (node.kind === "file") return elves.has(path) && !used.has(path);
		if (node.kind !== "symlink") return false;
		const end = tree.resolve(path);
		return end !== undefined && elves.has(end) && !used.has(end);
	});
}

const searched = ["usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "usr/lib", "usr/lib64"];

function check(tree: FileTree): void {
	const check = libraryCheck();
	for (const [path, node] of tree.nodes) {
		const name = toBytes(path);
		if (node.kind === "file") check.add({ name, kind: "file", content: node.content });
		else if (node.kind === "symlink")
			check.add({ name, kind: "symlink", target: toBytes(node.target) });
		else if (node.kind === "link") check.add({ name, kind: "link", target: toBytes(node.target) });
	}
	const { missing } = check.finish();
	const first = missing[0];
	if (first === undefined) return;
	throw imageError("check", "IMAGE_LIBRARY", "a program of the image would not start", {
		where: first.file,
		expected: `${first.needs} in the image`,
		found: missing.map(({ file, needs }) => `${file} without ${needs}`).join("; "),
		remedy: "Take the package of that library out of the recipe's exclude, or drop the program.",
	});
}
