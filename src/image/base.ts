import { concat, utf8 } from "../bytes/index.ts";
import { compareVersions, defaultDrops, type FetchedPackage, readDeb } from "../debian/index.ts";
import { imageError } from "./errors.ts";
import { type Pruned, pruneTree } from "./prune.ts";
import { matcher, type Recipe } from "./recipe.ts";
import { FileTree, toKey } from "./tree.ts";

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
	for (const one of packages) {
		const { name, version, size } = one.package;
		const where = `${name} ${version}`;
		options.progress?.(done, total, where);
		for await (const entry of readDeb(one.file, { drop, where, ...signalOf(options) })) {
			const path = toKey(entry.name);
			const joined = parts.some((part) => part.matches(path));
			if (joined || !dropped(path)) tree.add(entry, name);
		}
		done += size;
	}
	options.progress?.(done, total, "");
	for (const part of parts) joinFiles(tree, part.path, part.matches);
	tree.remove((path) => dropped(path));
	configure(tree, recipe, new Map(packages.map((one) => [one.package.name, one.package.version])));
	const pruned = pruneTree(tree, recipe.keepLibraries);
	enable(tree, recipe);
	return { tree, pruned };
}

function signalOf(options: { readonly signal?: AbortSignal }): { readonly signal?: AbortSignal } {
	return options.signal === undefined ? {} : { signal: options.signal };
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
		if (file.when !== undefined) {
			const version = versions.get(file.when.package);
			if (version === undefined || compareVersions(version, file.when.from) < 0) continue;
		}
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
