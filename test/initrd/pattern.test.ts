import { expect, test } from "vitest";
import { matcher } from "../../src/initrd/pattern.ts";

/** Keys are one character a byte. */
const key = (name: string) => Buffer.from(name).toString("latin1");

test.each<[string, readonly string[], readonly string[]]>([
	["[ab]c", ["ac", "bc", "ac/x", "[ab]c"], ["cc", "a"]],
	["[!a]", ["b", "[!a]"], ["a", "/"]],
	["[a\\]]", ["a", "]"], ["\\"]],
	["[a\\-c]", ["a", "-", "c"], ["b"]],
	["[\\x41-C]", ["A", "B", "C"], ["x", "4"]],
	["a\\*", ["a*", "a*/x", "a\\*"], ["ab"]],
	["a\\?", ["a?"], ["ab"]],
	["\\[x]", ["[x]"], ["x"]],
	["a\\\\b", ["a\\b", "a\\\\b"], ["ab"]],
	["a\\", ["a\\"], ["a"]],
	["x\\x2dy", ["x-y", "x\\x2dy"], ["x2dy"]],
	["a[1]", ["a1", "a[1]", "a[1]/x"], ["a"]],
	["[", ["["], ["x"]],
	["b*", ["b", "bc"], ["ab"]],
])("%s", (pattern, meant, others) => {
	const means = matcher([pattern]);
	expect(meant.filter((name) => !means(key(name)))).toEqual([]);
	expect(others.filter((name) => means(key(name)))).toEqual([]);
});

test("a name that is no text, as a list shows it", () => {
	expect(matcher(["etc/\\xff"])("etc/\xff")).toBe(true);
	expect(matcher(["ä"])(key("ä"))).toBe(true);
	expect(matcher(["\\xc3\\xa4"])(key("ä"))).toBe(true);
});
