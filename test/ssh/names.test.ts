import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { splitArguments } from "../../src/ssh/config-lines.ts";
import { commandLine, formatTarget, isPlainWord, parseTarget } from "../../src/ssh/index.ts";
import { matchList, matchPattern } from "../../src/ssh/pattern.ts";
import { expandTokens, parseSeconds } from "../../src/ssh/resolve.ts";

const codeOf = (action: () => unknown): string => {
	try {
		return `no error: ${JSON.stringify(action())}`;
	} catch (error) {
		return (error as { code?: string }).code ?? String(error);
	}
};

describe("targets", () => {
	const good: readonly (readonly [string, string | undefined, string, number | undefined])[] = [
		["host", undefined, "host", undefined],
		["root@host", "root", "host", undefined],
		["root@host:2222", "root", "host", 2222],
		["a@b@host", "a@b", "host", undefined],
		["::1", undefined, "::1", undefined],
		["root@fe80::1%eth0", "root", "fe80::1%eth0", undefined],
		["[::1]", undefined, "::1", undefined],
		["root@[fe80::1%eth0]:22", "root", "fe80::1%eth0", 22],
		["192.0.2.1:65535", undefined, "192.0.2.1", 65535],
		["ssh://host", undefined, "host", undefined],
		["ssh://root@host:22/", "root", "host", 22],
		["SSH://me%40example@[2001:db8::1]:22", "me@example", "2001:db8::1", 22],
		["my_alias-1.x", undefined, "my_alias-1.x", undefined],
	];
	test.each(good)("%s", (written, user, host, port) => {
		expect(parseTarget(written)).toEqual({ user, host, port });
		expect(parseTarget(formatTarget(parseTarget(written)))).toEqual({ user, host, port });
	});

	test.each([
		"",
		"@host",
		"root@",
		"host:",
		"host:0",
		"host:65536",
		"host:22x",
		"a:b:c",
		"[::1]:",
		"[::1",
		"[host]x",
		"-oProxyCommand=x",
		"root@-x",
		"-x@host",
		"x -oProxyCommand=y@host",
		"ho st",
		"host;id",
		"$(id)@host",
		"`id`",
		"host'",
		"a\nb",
		"ssh://user:password@host",
		"ssh://host/path",
		"ssh://a%zz@host",
		"::1%a;b",
		"fe80::1%eth0%;id",
		"[fe80::1%eth0%`id`]:22",
		"::12345",
	])("%j is refused", (written) => {
		expect(codeOf(() => parseTarget(written))).toBe("SSH_TARGET");
	});
});

describe("words", () => {
	test("those that need no quoting in any shell", () => {
		expect(commandLine(["dd", "of=/dev/shm/x", "bs=65536"])).toBe("dd of=/dev/shm/x bs=65536");
	});

	test.each([
		[[]],
		[[""]],
		[["a b"]],
		[["$HOME"]],
		[["a;b"]],
		[["~"]],
		[["a*"]],
		[["{a,b}"]],
		[["a\nb"]],
		[["ä"]],
		[["A=b", "c"]],
		[["x", "=ls"]],
		[["x", "%1"]],
		[["x", "a'b"]],
		[["x", "a\\b"]],
		[["x", "#"]],
		[["x", "!"]],
		[["x", "^a"]],
		[["x", "a".repeat(200_000)]],
	])("%j is refused", (words) => {
		expect(codeOf(() => commandLine(words))).toBe("SSH_WORD");
	});

	test("a word that is plain is one word of a line", () => {
		fc.assert(
			fc.property(fc.string(), (word) => {
				if (isPlainWord(word)) expect(commandLine(["x", word]).split(" ")).toEqual(["x", word]);
				else expect(codeOf(() => commandLine(["x", word]))).toBe("SSH_WORD");
			}),
		);
	});
});

describe("patterns", () => {
	test("agree with the regular expression they stand for", () => {
		const piece = fc.constantFrom("a", "b", "*", "?", ".");
		fc.assert(
			fc.property(
				fc.array(piece, { maxLength: 8 }),
				fc.array(fc.constantFrom("a", "b", "."), { maxLength: 8 }),
				(pattern, text) => {
					const source = pattern
						.map((char) => (char === "*" ? ".*" : char === "?" ? "." : char === "." ? "\\." : char))
						.join("");
					expect(matchPattern(text.join(""), pattern.join(""))).toBe(
						new RegExp(`^${source}$`).test(text.join("")),
					);
				},
			),
		);
	});

	test("do not explode", () => {
		expect(matchPattern("a".repeat(5000), `${"*a".repeat(500)}b`)).toBe(false);
	});

	test("lists", () => {
		expect(matchList("a", ["a", "!a"])).toBe("negated");
		expect(matchList("a", ["!b"])).toBe(false);
		expect(matchList("a", ["b", "?"])).toBe(true);
	});
});

describe("values of ssh_config", () => {
	test.each([
		["a b\tc", ["a", "b", "c"]],
		[`"a b" 'c d'`, ["a b", "c d"]],
		[`a"b c"d`, ["ab cd"]],
		[`a\\ b \\"c\\" \\x`, ["a b", '"c"', "\\x"]],
		[`'a\\'b'`, ["a'b"]],
		["a #b", ["a"]],
		["a#b", ["a#b"]],
		['""', [""]],
		['"a', undefined],
		["'a", undefined],
	])("%s", (text, words) => {
		expect(splitArguments(text)).toEqual(words);
	});

	test.each([
		["90", 90],
		["1m30s", 90],
		["2h", 7200],
		["1W", 604_800],
		["1x", undefined],
		["", undefined],
		["-1", undefined],
	])("the time %s", (text, seconds) => {
		expect(parseSeconds(text)).toBe(seconds);
	});

	test("tokens", () => {
		const unknown = (token: string): never => {
			throw new Error(token);
		};
		expect(expandTokens("%h:%%p", { h: "x" }, unknown)).toBe("x:%p");
		expect(() => expandTokens("%z", { h: "x" }, unknown)).toThrow("z");
		expect(() => expandTokens("%", { h: "x" }, unknown)).toThrow();
	});
});
