import { AliasTable } from "./alias.ts";
import type { PlacedModule } from "./tables.ts";

/** What a set of modules is to serve. */
export interface ModuleWishes {
	/** Modules wanted by path: told the path below `kernel/` without `.ko` and what follows. */
	readonly paths?: (path: string) => boolean;
	/** Modules wanted by name or alias. Those that this kernel has built in, or lacks, are left out. */
	readonly names?: readonly string[];
	/** What devices ask for: the contents of `/sys/devices/…/modalias`. */
	readonly modaliases?: readonly string[];
	/** Of what answers to modaliases, only modules at these paths are taken. All unless told. */
	readonly within?: (path: string) => boolean;
}

export interface ModuleChoice {
	/** The modules and all they depend on, by path. */
	readonly modules: readonly PlacedModule[];
	/** Names and modaliases that no module answers to: built in, or not there at all. */
	readonly unanswered: readonly string[];
}

/** The smallest set that holds what is wished and everything that needs: hard, soft and weak dependencies. */
export function chooseModules(all: readonly PlacedModule[], wishes: ModuleWishes): ModuleChoice {
	const byName = new Map(all.map((module) => [module.name, module]));
	const aliases = new AliasTable(
		all.flatMap((module) => module.aliases.map((alias) => ({ alias, module: module.name }))),
	);
	const chosen = new Set<PlacedModule>();
	const unanswered: string[] = [];
	const named = (name: string): PlacedModule[] => {
		const exact = byName.get(name.replaceAll("-", "_"));
		if (exact !== undefined) return [exact];
		return aliases.find(name).flatMap((found) => byName.get(found) ?? []);
	};
	const add = (module: PlacedModule): void => {
		if (chosen.has(module)) return;
		chosen.add(module);
		const soft = module.softdeps.flatMap(({ pre, post }) => [...pre, ...post]);
		for (const name of [...module.depends, ...soft, ...module.weakdeps]) {
			for (const needed of named(name)) add(needed);
		}
	};
	for (const module of all) if (wishes.paths?.(shortPath(module))) add(module);
	for (const name of wishes.names ?? []) {
		const found = named(name);
		if (found.length === 0) unanswered.push(name);
		for (const module of found) add(module);
	}
	const { within = () => true } = wishes;
	for (const modalias of wishes.modaliases ?? []) {
		const found = named(modalias);
		if (found.length === 0) unanswered.push(modalias);
		for (const module of found) if (within(shortPath(module))) add(module);
	}
	const modules = [...chosen].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
	return { modules, unanswered };
}

/** Path below `kernel/` without `.ko` and what follows. */
function shortPath(module: PlacedModule): string {
	return module.path.replace(/^kernel\//, "").replace(/\.ko(?:\.\w+)?$/, "");
}
