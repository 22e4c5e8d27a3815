import { utf8 } from "../../bytes/index.ts";
import { underscored } from "./alias.ts";
import { type ModuleInfo, moduleName, parseModinfo } from "./modinfo.ts";
import { type IndexEntry, writeIndex } from "./trie.ts";

/** A module with its place in the tree: `kernel/fs/ext4/ext4.ko.xz`, below `/lib/modules/RELEASE`. */
export interface PlacedModule extends ModuleInfo {
	readonly path: string;
}

/** The files that the kernel's build leaves beside the modules. */
export interface KernelFiles {
	/** `modules.order`: paths as built, `.ko` without a compression's suffix; the order decides which of two drivers comes first. */
	readonly order: string;
	/** `modules.builtin`: paths of what is no module in this kernel. */
	readonly builtin: string;
	/** `modules.builtin.modinfo`: `name.key=value`, each ended by NUL. */
	readonly builtinModinfo?: Uint8Array;
}

/** A file of `/lib/modules/RELEASE`. */
export interface TableFile {
	readonly name: string;
	readonly content: Uint8Array;
}

/**
 * What depmod(8) would write for exactly these modules: text tables and kmod's binary indexes, which alone modprobe
 * and udev read. Modules that are no part of the set are in none of the tables.
 */
export function moduleTables(modules: readonly PlacedModule[], kernel: KernelFiles): TableFile[] {
	const ordered = inOrder(modules, kernel.order);
	const byName = new Map(ordered.map((module) => [module.name, module]));
	const depth = loadOrder(ordered, byName);
	const lines = ordered.map((module) => {
		const needed = [...allDependencies(module, byName)].sort(
			(a, b) => (depth.get(b) ?? 0) - (depth.get(a) ?? 0),
		);
		return `${module.path}:${needed.map((dependency) => ` ${dependency.path}`).join("")}`;
	});
	const aliases: [string, ModuleInfo, number][] = ordered.flatMap((module, priority) =>
		module.aliases.map((alias): [string, ModuleInfo, number] => [alias, module, priority]),
	);
	const symbols = ordered.flatMap((module, priority) =>
		module.exports.map((symbol) => ({ key: `symbol:${symbol}`, value: module.name, priority })),
	);
	const present = new Set(ordered.map((module) => withoutSuffix(module.path)));
	const files: [string, string | Uint8Array][] = [
		["modules.order", keepLines(kernel.order, (line) => present.has(line))],
		["modules.dep", join(lines)],
		[
			"modules.dep.bin",
			writeIndex(
				ordered.map(({ name }, priority) => ({
					key: name,
					value: lines[priority] ?? "",
					priority,
				})),
			),
		],
		[
			"modules.alias",
			"# Aliases extracted from modules themselves.\n" +
				join(aliases.map(([alias, { name }]) => `alias ${alias} ${name}`)),
		],
		["modules.alias.bin", writeIndex(aliases.flatMap(aliasEntry))],
		[
			"modules.softdep",
			"# Soft dependencies extracted from modules themselves.\n" +
				join(ordered.flatMap((m) => m.softdeps.map((s) => `softdep ${m.name} ${s.text}`))),
		],
		[
			"modules.weakdep",
			"# Weak dependencies extracted from modules themselves.\n" +
				join(ordered.flatMap((m) => m.weakdeps.map((weak) => `weakdep ${m.name} ${weak}`))),
		],
		[
			"modules.symbols",
			"# Aliases for symbols, used by symbol_request().\n" +
				join(symbols.map(({ key, value }) => `alias ${key} ${value}`)),
		],
		["modules.symbols.bin", writeIndex(symbols)],
		["modules.devname", deviceNames(ordered)],
		["modules.builtin", kernel.builtin],
		[
			"modules.builtin.bin",
			writeIndex(
				[...new Set(textLines(kernel.builtin).map(moduleName))].map((key) => ({
					key,
					value: "",
					priority: 0,
				})),
			),
		],
	];
	if (kernel.builtinModinfo !== undefined) {
		files.push(
			["modules.builtin.modinfo", kernel.builtinModinfo],
			["modules.builtin.alias.bin", writeIndex(builtinIndex(kernel.builtinModinfo))],
		);
	}
	return files.map(([name, content]) => ({
		name,
		content: typeof content === "string" ? utf8(content) : content,
	}));
}

/** Modules as `modules.order` lists them; what it does not name comes last, by path. */
function inOrder(modules: readonly PlacedModule[], order: string): PlacedModule[] {
	const rank = new Map(textLines(order).map((line, index) => [line, index]));
	const rankOf = (module: PlacedModule): number =>
		rank.get(withoutSuffix(module.path)) ?? rank.size;
	return [...modules].sort(
		(a, b) => rankOf(a) - rankOf(b) || (a.path < b.path ? -1 : a.path > b.path ? 1 : 0),
	);
}

/** `kernel/a/b.ko` of `kernel/a/b.ko.xz`. */
export function withoutSuffix(path: string): string {
	return path.replace(/\.(?:xz|zst|gz)$/, "");
}

function allDependencies(
	module: PlacedModule,
	byName: ReadonlyMap<string, PlacedModule>,
): Set<PlacedModule> {
	const found = new Set<PlacedModule>();
	const visit = (of: PlacedModule): void => {
		for (const name of of.depends) {
			const dependency = byName.get(name);
			if (dependency === undefined || found.has(dependency)) continue;
			found.add(dependency);
			visit(dependency);
		}
	};
	visit(module);
	found.delete(module);
	return found;
}

/** For every module a number that is greater than those of all it depends on: modprobe loads a line from its end. */
function loadOrder(
	modules: readonly PlacedModule[],
	byName: ReadonlyMap<string, PlacedModule>,
): Map<PlacedModule, number> {
	const numbers = new Map<PlacedModule, number>();
	const entered = new Set<PlacedModule>();
	const visit = (module: PlacedModule): void => {
		if (entered.has(module)) return;
		entered.add(module);
		for (const name of module.depends) {
			const dependency = byName.get(name);
			if (dependency !== undefined) visit(dependency);
		}
		numbers.set(module, numbers.size);
	};
	for (const module of modules) visit(module);
	return numbers;
}

function aliasEntry([alias, { name }, priority]: [string, ModuleInfo, number]): IndexEntry[] {
	const key = underscored(alias);
	return key === undefined ? [] : [{ key, value: name, priority }];
}

/** Modules that are loaded when somebody opens their device: `name node c10:229`, for systemd-tmpfiles and udev. */
function deviceNames(modules: readonly PlacedModule[]): string {
	const lines: string[] = [];
	for (const { name, aliases } of modules) {
		let node: string | undefined;
		let device: string | undefined;
		for (const alias of aliases) {
			if (alias.startsWith("devname:")) node = alias.slice("devname:".length);
			const match = alias.match(/^(char|block)-major-(\d+)-(\d+)/);
			if (match) device = `${match[1] === "char" ? "c" : "b"}${match[2]}:${match[3]}`;
			if (node !== undefined && device !== undefined) {
				lines.push(`${name} ${node} ${device}`);
				break;
			}
		}
	}
	return `# Device nodes to trigger on-demand module loading.\n${join(lines)}`;
}

/** What the modules built into a kernel serve, by the package's `modules.builtin.modinfo`. */
export function builtinAliases(
	modinfo: Uint8Array,
): { readonly module: string; readonly alias: string }[] {
	return parseModinfo(modinfo).flatMap(([where, alias]) => {
		const dot = where.indexOf(".");
		return where.slice(dot + 1) === "alias" ? [{ module: where.slice(0, dot), alias }] : [];
	});
}

function builtinIndex(modinfo: Uint8Array): IndexEntry[] {
	return builtinAliases(modinfo).flatMap(({ module, alias }) => {
		const key = underscored(alias);
		return key === undefined ? [] : [{ key, value: module, priority: 0 }];
	});
}

function textLines(text: string): string[] {
	return text.split("\n").filter((line) => line !== "");
}

function keepLines(text: string, keep: (line: string) => boolean): string {
	return join(textLines(text).filter(keep));
}

function join(lines: readonly string[]): string {
	return lines.map((line) => `${line}\n`).join("");
}
