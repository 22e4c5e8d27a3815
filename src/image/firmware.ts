import { type FetchedPackage, readDeb } from "../debian/index.ts";
import { type FirmwareRecipe, matcher } from "./recipe.ts";
import { FileTree, toKey } from "./tree.ts";

/**
 * The tree of the firmware layer: of what the chosen modules ask for, that which the recipe keeps and the packages
 * hold. Symlinks come with what they lead to. `wanted` are paths below `/lib/firmware`, perhaps with wildcards.
 */
export async function makeFirmware(
	recipe: FirmwareRecipe,
	packages: readonly FetchedPackage[],
	wanted: readonly string[],
	signal?: AbortSignal,
): Promise<FileTree> {
	const kept = matcher(recipe.keep);
	const asked = matcher(wanted.filter((path) => !path.startsWith("!")));
	const all = new FileTree();
	const prefix = "usr/lib/firmware/";
	for (const one of packages) {
		const where = `${one.package.name} ${one.package.version}`;
		const options = { where, ...(signal === undefined ? {} : { signal }) };
		for await (const entry of readDeb(one.file, options)) {
			const path = toKey(entry.name);
			if (path.startsWith(prefix) && entry.kind !== "directory") all.add(entry, one.package.name);
		}
	}
	const tree = new FileTree();
	const take = (path: string): void => {
		const node = all.nodes.get(path);
		if (node === undefined || tree.nodes.has(path)) return;
		tree.set(path, node);
		if (node.kind === "link") take(node.target);
		if (node.kind !== "symlink") return;
		const end = all.resolve(path);
		if (end !== undefined) take(end);
	};
	for (const path of all.nodes.keys()) {
		// Packages may compress what modules ask for by its plain name; the kernel looks for these, too.
		const name = path.slice(prefix.length).replace(/\.(?:xz|zst)$/, "");
		if (kept(name) && asked(name)) take(path);
	}
	return tree;
}
