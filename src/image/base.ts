import { concat, utf8 } from "../bytes/index.ts";
import {
	compareVersions,
	type DebEntry,
	defaultDrops,
	type FetchedPackage,
	importsOf,
	inParallel,
	mergedFolders,
	readDeb,
	readElf,
	standIn,
} from "../debian/index.ts";
import { imageError } from "./errors.ts";
import { type Pruned, pruneTree } from "./prune.ts";
import { matcher, type Recipe, type SinceVersion } from "./recipe.ts";
import { FileTree, toKey } from "./tree.ts";

/** Packages read at the same time: while one is looked through, others are decompressed by threads. */
const readers = 4;

/** Unpacks packages and writes the recipe's configuration over them: the tree of the base layer. */
export async function makeBase(
	recipe: Recipe,
	packages: readonly FetchedPackage[],
	options: {
		readonly signal?: AbortSignal;
		readonly progress?: (done: number, total: number, what: string) => void;
	} = {},
): Promise<{ readonly tree: FileTree; readonly pruned: Pruned }> {
	const tree = new FileTree();
	const total = packages.reduce((sum, one) => sum + one.package.size, 0);
	let done = 0;
	const dropped = matcher(recipe.drop);
	const parts = recipe.join.map((rule) => ({ ...rule, matches: matcher([rule.from]) }));
	const drop = defaultDrops.filter((pattern) => !pattern.startsWith("!"));
	const read = await inParallel(packages, readers, options.signal, async (one, signal) => {
		const { name, version, size } = one.package;
		const where = `${name} ${version}`;
		const entries: DebEntry[] = [];
		for await (const entry of readDeb(one.file, { drop, where, signal })) {
			const path = toKey(entry.name);
			if (!dropped(path) || parts.some((part) => part.matches(path))) entries.push(entry);
		}
		done += size;
		options.progress?.(done, total, where);
		return entries;
	});
	for (const [i, one] of packages.entries()) {
		for (const entry of read[i] ?? []) tree.add(entry, one.package.name);
	}
	options.progress?.(done, total, "");
	for (const part of parts) joinFiles(tree, part.path, part.matches);
	tree.remove((path) => dropped(path));
	const versions = new Map(packages.map((one) => [one.package.name, one.package.version]));
	configure(tree, recipe, versions);
	mergeUsr(tree);
	replaceLibraries(tree, recipe, versions);
	const pruned = pruneTree(tree, recipe.keepLibraries);
	enable(tree, recipe);
	return { tree, pruned };
}

/** The links of a merged /usr, which older releases make by a script: without /lib64 no program finds its linker. */
function mergeUsr(tree: FileTree): void {
	const paths = [...tree.nodes.keys()];
	for (const name of mergedFolders) {
		if (tree.nodes.has(name) || !paths.some((path) => path.startsWith(`usr/${name}/`))) continue;
		tree.set(name, { owner: undefined, kind: "symlink", mode: 0o777, target: `usr/${name}` });
	}
}

function replaceLibraries(
	tree: FileTree,
	recipe: Recipe,
	versions: ReadonlyMap<string, string>,
): void {
	const rules = (recipe.standIns ?? []).flatMap(({ library, answers, when }) =>
		applies(when, versions) ? [{ matches: matcher([library]), answers }] : [],
	);
	if (rules.length === 0) return;
	const imports = new Map<string, Set<string>>();
	for (const [path, node] of tree.nodes) {
		const elf = node.kind === "file" ? readElf(node.content, path) : undefined;
		if (node.kind !== "file" || elf?.bits !== 64 || elf.needed.length === 0) continue;
		const names = importsOf(node.content, path);
		for (const needed of elf.needed) {
			const all = imports.get(needed) ?? new Set();
			for (const name of names) all.add(name);
			imports.set(needed, all);
		}
	}
	for (const [path, node] of tree.nodes) {
		const rule = node.kind === "file" ? rules.find(({ matches }) => matches(path)) : undefined;
		if (node.kind !== "file" || rule === undefined) continue;
		const soname = readElf(node.content, path)?.soname ?? "";
		const wanted = imports.get(soname) ?? new Set();
		tree.set(path, { ...node, content: standIn(node.content, wanted, rule.answers, path) });
	}
}

function applies(when: SinceVersion | undefined, versions: ReadonlyMap<string, string>): boolean {
	if (when === undefined) return true;
	const version = versions.get(when.package);
	return version !== undefined && compareVersions(version, when.from) >= 0;
}

function joinFiles(tree: FileTree, path: string, matches: (path: string) => boolean): void {
	const sources = [...tree.nodes.keys()].filter(matches).sort();
	const contents: Uint8Array[] = [];
	for (const source of sources) {
		const node = tree.nodes.get(source);
		if (node?.kind !== "file") continue;
		contents.push(node.content);
		if (node.content.at(-1) !== 0x0a) contents.push(utf8("\n"));
	}
	const owner = tree.nodes.get(sources[0] ?? "")?.owner;
	tree.remove(matches);
	if (contents.length > 0) {
		tree.set(path, { kind: "file", mode: 0o644, owner, content: concat(contents) });
	}
}

function configure(tree: FileTree, recipe: Recipe, versions: ReadonlyMap<string, string>): void {
	for (const file of recipe.files) {
		if (!applies(file.when, versions)) continue;
		const { path } = file;
		const node = { owner: undefined };
		if ("link" in file)
			tree.set(path, { ...node, kind: "symlink", mode: 0o777, target: file.link });
		else if ("directory" in file)
			tree.set(path, { ...node, kind: "directory", mode: file.mode ?? 0o755 });
		else
			tree.set(path, {
				...node,
				kind: "file",
				mode: file.mode ?? 0o644,
				content: utf8(file.content),
			});
	}
}

/** What `systemctl enable` and `mask` would do, as symlinks. */
function enable(tree: FileTree, recipe: Recipe): void {
	for (const { unit, by } of recipe.enable) {
		const place = ["etc", "usr/lib"]
			.map((folder) => `${folder}/systemd/system/${unit}`)
			.find((path) => tree.nodes.has(path));
		if (place === undefined) {
			throw imageError(
				"usage",
				"IMAGE_RECIPE",
				"the recipe enables a unit that is not in the image",
				{
					where: `recipe ${recipe.name}`,
					found: unit,
				},
			);
		}
		tree.set(`etc/systemd/system/${by}.wants/${unit}`, {
			kind: "symlink",
			mode: 0o777,
			owner: undefined,
			target: `/${place}`,
		});
	}
	for (const unit of recipe.mask) {
		tree.set(`etc/systemd/system/${unit}`, {
			kind: "symlink",
			mode: 0o777,
			owner: undefined,
			target: "/dev/null",
		});
	}
}
