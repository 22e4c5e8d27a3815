import { expect, test } from "vitest";
import { matcher } from "../../src/image/recipe.ts";

test.each<[string, string[], string, boolean]>([
	["a literal", ["etc/motd"], "etc/motd", true],
	["a dot is a dot", ["usr/a.b"], "usr/axb", false],
	["* stays within a name", ["usr/*/x"], "usr/a/b/x", false],
	["** crosses names", ["usr/**"], "usr/a/b/x", true],
	["a folder itself is not below it", ["usr/**"], "usr", false],
	["either of several", ["lib/{a,b*}.so"], "lib/bcd.so", true],
	["none of several", ["lib/{a,b*}.so"], "lib/cd.so", false],
	["an exception behind wins", ["usr/**", "!usr/a/*"], "usr/a/x", false],
	["a rule behind an exception wins again", ["usr/**", "!usr/a/*", "usr/a/x"], "usr/a/x", true],
	["an exception alone matches nothing", ["!usr/a"], "usr/b", false],
])("%s", (_name, patterns, path, expected) => {
	expect(matcher(patterns)(path)).toBe(expected);
});
