import type { Random } from "./random.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const oddKeys = ["toString", "valueOf", "__proto__", "constructor", "length", "toJSON"] as const;
const odd: readonly [Json, ...Json[]] = [
	null,
	...[true, 0, -1, 0.5, 1e21, 2 ** 31, 2 ** 32, 2 ** 53, ""],
	...["a", "0", "../x", "/x", "a\u0000b", "\ud800", "a\nb", "\\x", "10.0.0.1", "*a*a*a*b"],
	...[[], {}, [[]], [null], { toString: 1, valueOf: 1 }, { length: 3 }],
];

/** A document like one of `samples`, in which values stand where others are expected, or are gone. */
export function jsonMaker(
	...samples: readonly [unknown, ...unknown[]]
): (random: Random) => Uint8Array {
	return (random) => {
		let json = structuredClone(random.pick(samples)) as Json;
		for (let left = random.below(4); left >= 0; left--) json = changed(json, random);
		return Buffer.from(JSON.stringify(json));
	};
}

function changed(json: Json, random: Random): Json {
	if (random.chance(8) || typeof json !== "object" || json === null) return random.pick(odd);
	if (Array.isArray(json)) {
		const at = random.below(json.length + 1);
		const there = json[at];
		if (there === undefined) return [...json, random.pick(odd)];
		if (random.chance(6)) return json.toSpliced(at, 1);
		return json.with(at, random.chance(6) ? (json[0] ?? null) : changed(there, random));
	}
	const members = Object.entries(json);
	const at = random.below(members.length);
	const [key, value] = members[at] ?? ["a", null];
	if (random.chance(12)) members.push([random.pick(oddKeys), random.pick(odd)]);
	else if (random.chance(6)) members.splice(at, 1);
	else members[at] = [key, changed(value, random)];
	return Object.fromEntries(members);
}
