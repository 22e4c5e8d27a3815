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
		/** Names of packages whose files and libraries all stay, and which find nothing replaced. */
		readonly whole?: readonly string[];
		readonly signal?: AbortSignal;
		readonly progress?: (done: number, total: number, what: string) => void;
	} = {},
): Promise<{ readonly tree: FileTree; readonly pruned: Pruned }> {
	const tree = new FileTree();
	const whole = new Set(options.whole);
	const isWhole = (owner: string | undefined): boolean => owner !== undefined && whole.has(owner);
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
			const kept = whole.has(name) || !dropped(path) || parts.some((part) => part.matches(path));
			if (kept) entries.push(entry);
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
	tree.remove((path, node) => dropped(path) && !isWhole(node.owner));
	const versions = new Map(packages.map((one) => [one.package.name, one.package.version]));
	configure(tree, recipe, versions);
	mergeUsr(tree);
	replaceLibraries(tree, recipe, versions, isWhole);
	const keep = matcher(recipe.keepLibraries);
	const pruned = pruneTree(tree, (path, node) => keep(path) || isWhole(node.owner));
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
	isWhole: (owner: string | undefined) => boolean,
): void {
	const rules = (recipe.standIns ?? []).flatMap(({ library, answers, when }) =>
		applies(when, versions) ? [{ matches: matcher([library]), answers }] : [],
	);
	if (rules.length === 0) return;
	const imports = new Map<string, Set<string>>();
	const needs = new Map<string, readonly string[]>();
	const asked: string[] = [];
	for (const [path, node] of tree.nodes) {
		const elf = node.kind === "file" ? readElf(node.content, path) : undefined;
		if (node.kind !== "file" || elf?.bits !== 64 || elf.needed.length === 0) continue;
		if (elf.soname !== undefined) needs.set(elf.soname, elf.needed);
		if (isWhole(node.owner)) asked.push(elf.soname ?? "", ...elf.needed);
		const names = importsOf(node.content, path);
		for (const needed of elf.needed) {
			const all = imports.get(needed) ?? new Set();
			for (const name of names) all.add(name);
			imports.set(needed, all);
		}
	}
	const real = new Set<string>();
	for (let soname = asked.pop(); soname !== undefined; soname = asked.pop()) {
		if (real.has(soname)) continue;
		real.add(soname);
		asked.push(...(needs.get(soname) ?? []));
	}
	for (const [path, node] of tree.nodes) {
		const rule = node.kind === "file" ? rules.find(({ matches }) => matches(path)) : undefined;
		if (node.kind !== "file" || rule === undefined) continue;
		const soname = readElf(node.content, path)?.soname ?? "";
		if (real.has(soname)) continue;
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
		// An instance, as getty@tty1.service, is a link to its template.
		const file = unit.replace(/@[^@]+(?=\.)/, "@");
		const place = ["etc", "usr/lib"]
			.map((folder) => `${folder}/systemd/system/${file}`)
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
