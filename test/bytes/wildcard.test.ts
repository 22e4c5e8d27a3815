import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { oneOf, Wildcard, wildcard } from "../../src/bytes/index.ts";

describe("wildcard", () => {
	test.each([
		["", "", true],
		["", "a", false],
		["*", "", true],
		["*", "a\nb", true],
		["?", "", false],
		["a?c", "abc", true],
		["a*c", "abbbc", true],
		["a*c", "abbb", false],
		["*.conf", "x.conf", true],
		["*.conf", "x.conf~", false],
		["a.c", "abc", false],
		["*a*", "bab", true],
	])("%j means %j: %s", (pattern, text, means) => {
		expect(wildcard(pattern).test(text)).toBe(means);
	});

	test("it says what the regular expression of the same meaning says", () => {
		const letters = fc.string({ unit: fc.constantFrom("a", "b", "*", "?"), maxLength: 8 });
		const texts = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 });
		fc.assert(
			fc.property(letters, texts, (pattern, text) => {
				const source = pattern.replaceAll("*", ".*").replaceAll("?", ".");
				expect(wildcard(pattern).test(text)).toBe(new RegExp(`^${source}$`).test(text));
			}),
		);
	});

	test("many stars over a long text come to an end", () => {
		expect(wildcard(`${"*a".repeat(500)}b`).test("a".repeat(4096))).toBe(false);
	});

	test("a skip leaves the next steps out", () => {
		const optional = new Wildcard(["a", { skip: 2 }, "b", "c", "d"]);
		expect(["ad", "abcd", "abd", "acd"].map((text) => optional.test(text))).toEqual([
			true,
			true,
			false,
			false,
		]);
	});
});

describe("oneOf", () => {
	test.each([
		["abc", "abc", "d-"],
		["a-c", "abc", "d-"],
		["-a", "-a", "b"],
		["a-", "a-", "b"],
		["c-a", "", "abc-"],
		["\\a\\-c", "a-c", "b\\"],
		["", "", "a"],
	])("[%s] holds %j and not %j", (set, inside, outside) => {
		const within = oneOf(set);
		expect([...inside].filter((each) => !within(each))).toEqual([]);
		expect([...outside].filter(within)).toEqual([]);
	});
});
