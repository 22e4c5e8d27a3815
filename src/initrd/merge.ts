import { type CpioEntry, nameKey } from "../cpio/index.ts";

/**
 * Several lists of entries laid over one another: of two entries with one name the later wins, and folders take in what
 * both hold. A hard link to an entry that was replaced goes on standing for what it was a name of.
 */
export function mergeEntries<R>(layers: Iterable<Iterable<CpioEntry<R>>>): CpioEntry<R>[] {
	const merged = new Map<string, CpioEntry<R>>();
	for (const layer of layers) {
		const own = new Map<string, CpioEntry<R>>();
		for (const entry of layer) own.set(nameKey(entry.name), entry);
		const replaced = [...own.keys()].filter((key) => merged.has(key));
		if (replaced.length > 0) keepLinks(merged, new Set(replaced));
		for (const [key, entry] of own) merged.set(key, entry);
	}
	return [...merged.values()];
}

/** Where a replaced entry has links that stay, the first of them takes over what it was. */
function keepLinks<R>(merged: Map<string, CpioEntry<R>>, replaced: ReadonlySet<string>): void {
	const heirs = new Map<string, string>();
	for (const [key, entry] of merged) {
		if (entry.kind !== "link" || replaced.has(key)) continue;
		const target = finalKey(merged, key);
		const final = target === undefined ? undefined : merged.get(target);
		if (target === undefined || final === undefined || final.kind === "link") continue;
		const heir = heirs.get(target);
		if (!replaced.has(target))
			merged.set(key, { kind: "link", name: entry.name, target: final.name });
		else if (heir === undefined) {
			heirs.set(target, key);
			merged.set(key, { ...final, name: entry.name });
		} else merged.set(key, { kind: "link", name: entry.name, target: heir });
	}
}

function finalKey<R>(merged: Map<string, CpioEntry<R>>, start: string): string | undefined {
	const passed = new Set<string>();
	for (let key = start; ; ) {
		const entry = merged.get(key);
		if (entry?.kind !== "link") return key;
		if (passed.has(key)) return undefined;
		passed.add(key);
		key = nameKey(entry.target, "target");
	}
}
