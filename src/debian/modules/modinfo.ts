import { text } from "../../bytes/index.ts";
import { ObjectFile } from "./elf.ts";

/** A soft dependency: modules to load before and after, by name or alias (modprobe.d(5)). */
export interface SoftDependency {
	readonly pre: readonly string[];
	readonly post: readonly string[];
	/** As the module says it: `pre: a b post: c`. */
	readonly text: string;
}

/** What a kernel module says about itself. */
export interface ModuleInfo {
	/** As the kernel calls it: with `_`, never `-`. */
	readonly name: string;
	/** Patterns of what it serves, in the module's order. */
	readonly aliases: readonly string[];
	/** Modules whose symbols it uses. */
	readonly depends: readonly string[];
	readonly softdeps: readonly SoftDependency[];
	/** Modules it can use but does not ask to be loaded, by name or alias. */
	readonly weakdeps: readonly string[];
	/** Files below `/lib/firmware` that it may ask for. */
	readonly firmware: readonly string[];
	/** Symbols it offers to others. */
	readonly exports: readonly string[];
}

/** A module's name from its path: what stands before `.ko`, `-` written as `_`. */
export function moduleName(path: string): string {
	const base = path.slice(path.lastIndexOf("/") + 1);
	const dot = base.indexOf(".");
	return (dot === -1 ? base : base.slice(0, dot)).replaceAll("-", "_");
}

/** The pairs of a `.modinfo` section: `key=value`, each ended by NUL. What has no `=` is left out. */
export function parseModinfo(section: Uint8Array): [string, string][] {
	const pairs: [string, string][] = [];
	for (const item of text(section).split("\0")) {
		const equals = item.indexOf("=");
		if (equals > 0) pairs.push([item.slice(0, equals), item.slice(equals + 1)]);
	}
	return pairs;
}

/** Reads an unpacked module (`.ko`). Its name comes from `path`, as for kmod. Throws `MODULES_ELF`. */
export function readModule(bytes: Uint8Array, path: string): ModuleInfo {
	const object = new ObjectFile(bytes, path);
	const pairs = parseModinfo(object.section(".modinfo") ?? new Uint8Array(0));
	const all = (key: string): string[] => pairs.filter(([k]) => k === key).map(([, value]) => value);
	// Each exported symbol leaves a local one behind (include/linux/export.h); the plain name alone does not tell.
	const prefix = "__ksymtab_";
	const exports = new Set<string>();
	for (const symbol of object.symbols()) {
		if (symbol.startsWith(prefix)) exports.add(symbol.slice(prefix.length));
	}
	return {
		name: moduleName(path),
		aliases: all("alias"),
		depends: all("depends")
			.flatMap((list) => list.split(","))
			.filter((name) => name !== "")
			.map((name) => name.replaceAll("-", "_")),
		softdeps: all("softdep").map(parseSoftDependency),
		weakdeps: all("weakdep").flatMap((list) => list.split(/\s+/).filter((name) => name !== "")),
		firmware: all("firmware"),
		exports: [...exports].sort(),
	};
}

function parseSoftDependency(softdep: string): SoftDependency {
	const lists: Record<string, string[]> = { pre: [], post: [] };
	let list: string[] | undefined;
	for (const word of softdep.split(/\s+/)) {
		if (word === "pre:" || word === "post:") list = lists[word.slice(0, -1)];
		else if (word !== "") list?.push(word);
	}
	return { pre: lists.pre ?? [], post: lists.post ?? [], text: softdep };
}
