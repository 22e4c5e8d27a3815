// What is read from text: control files, relations, Release files, locks.
import { describe, expect, test } from "vitest";
import {
	type Lock,
	parseStanza,
	parseStanzas,
	readLock,
	writeLock,
} from "../../src/debian/index.ts";
import { parseDepends, parseProvides, showClause } from "../../src/debian/relation.ts";
import { parseRelease } from "../../src/debian/release.ts";

const syntax = (field?: string) =>
	expect.objectContaining({
		code: "DEBIAN_SYNTAX",
		...(field === undefined ? {} : { details: expect.objectContaining({ field }) }),
	});

describe("control files", () => {
	test("fields, continued lines, comments and several stanzas", () => {
		const text = "Package: a\nDepends: b,\n c\n# no field\n d\nEmpty:\n\n\nPackage: z\n";
		const [first, second, ...rest] = parseStanzas(text);
		expect([...(first ?? [])]).toEqual([
			["package", "a"],
			["depends", "b,\nc\nd"],
			["empty", ""],
		]);
		expect(second?.get("package")).toBe("z");
		expect(rest).toEqual([]);
	});

	test.each([
		["a field given twice", "A: 1\nB: 2\na: 3\n", "line 3"],
		["a continuation of nothing", " x\n", "line 1"],
		["a line without a colon", "A: 1\nB\n", "line 2"],
		["a name with a blank", "A b: 1\n", "line 1"],
	])("%s is refused", (_, text, line) => {
		expect(() => parseStanzas(text)).toThrow(syntax(line));
	});

	test("one stanza is one stanza", () => {
		expect(() => parseStanza("A: 1\n\nB: 2\n")).toThrow(syntax());
		expect(() => parseStanza("\n")).toThrow(syntax());
	});
});

describe("relations", () => {
	test("alternatives, versions, architectures", () => {
		const clauses = parseDepends("a (>= 1:2-3) | b:any, c (<<4~),  d\n");
		expect(clauses).toEqual([
			[
				{ name: "a", operator: ">=", version: "1:2-3" },
				{ name: "b", qualifier: "any" },
			],
			[{ name: "c", operator: "<<", version: "4~" }],
			[{ name: "d" }],
		]);
		expect(clauses.map(showClause)).toEqual(["a (>= 1:2-3) | b:any", "c (<< 4~)", "d"]);
	});

	test("the obsolete signs mean or equal", () => {
		expect(parseDepends("a (< 1), b (> 2)").map(showClause)).toEqual(["a (<= 1)", "b (>= 2)"]);
	});

	test("what is provided, and in which version", () => {
		expect(parseProvides("a, b (= 2)")).toEqual([{ name: "a" }, { name: "b", version: "2" }]);
		expect(parseProvides("")).toEqual([]);
	});

	test.each(["a (1)", "a (>= 1", "a b", "a [amd64]", "a (>= 1) x", "-a"])(
		"%j is refused",
		(bad) => {
			expect(() => parseDepends(bad)).toThrow(syntax());
		},
	);
});

describe("Release files", () => {
	const digest = "ab".repeat(32);
	const date = "Date: Sat, 21 Nov 2026 09:15:44 UTC\n";

	test("dates are UTC, digests belong to paths", () => {
		const release = parseRelease(
			`Codename: trixie\n${date}Valid-Until: Sat, 28 Nov 2026 09:15:44 UTC\nAcquire-By-Hash: yes\nArchitectures: all amd64\nSHA256:\n ${digest}   17 main/x\n`,
		);
		expect(release.date).toBe(Date.UTC(2026, 10, 21, 9, 15, 44));
		expect(release.validUntil).toBe(Date.UTC(2026, 10, 28, 9, 15, 44));
		expect(release.byHash).toBe(true);
		expect(release.separateAll).toBe(true);
		expect(release.files).toEqual(new Map([["main/x", { size: 17, sha256: digest }]]));
	});

	test.each([
		["no date", "Codename: trixie\n"],
		["a date in local time", "Date: Sat, 21 Nov 2026 09:15:44\n"],
		["a date in words", "Date: yesterday\n"],
		["a broken Valid-Until", `${date}Valid-Until: never\n`],
		["a path that leads out", `${date}SHA256:\n ${digest} 1 main/../../x\n`],
		["an absolute path", `${date}SHA256:\n ${digest} 1 /x\n`],
		["a short digest", `${date}SHA256:\n abcd 1 main/x\n`],
		["a size that is none", `${date}SHA256:\n ${digest} -1 main/x\n`],
	])("%s is refused", (_, text) => {
		expect(() => parseRelease(text)).toThrow(syntax());
	});
});

describe("locks", () => {
	const lock: Lock = {
		suite: "trixie",
		arch: "amd64",
		roots: ["bash", "a | b"],
		exclude: ["perl*"],
		releases: [{ suite: "trixie", date: "2026-11-21T09:15:44.000Z", sha256: "cd".repeat(32) }],
		packages: [
			{
				name: "bash",
				version: "5.2-1",
				arch: "amd64",
				size: 17,
				sha256: "ab".repeat(32),
				path: "pool/main/b/bash/bash_5.2-1_amd64.deb",
				archive: "debian",
			},
		],
	};

	test("is read as it was written, a package a line", () => {
		const text = writeLock(lock);
		expect(readLock(text)).toEqual(lock);
		expect(text.split("\n").filter((line) => line.includes("bash_5.2"))).toHaveLength(1);
		expect(writeLock(readLock(text))).toBe(text);
	});

	const [bash] = lock.packages;
	test.each([
		["another format", { format: "ekexec-lock 2" }],
		["another architecture", { arch: "i386" }],
		["a path out of the archive", { packages: [{ ...bash, path: "pool/../../etc/passwd.deb" }] }],
		["a path from the root", { packages: [{ ...bash, path: "/pool/x.deb" }] }],
		["a path with a query", { packages: [{ ...bash, path: "pool/x?y.deb" }] }],
		["no digest", { packages: [{ ...bash, sha256: "" }] }],
		["a size below one", { packages: [{ ...bash, size: 0 }] }],
		["a package of another architecture", { packages: [{ ...bash, arch: "arm64" }] }],
		["a package twice", { packages: [bash, bash] }],
		["a date that is none", { releases: [{ suite: "x", date: "soon", sha256: "ab".repeat(32) }] }],
	])("%s is refused", (_, change) => {
		const value = { ...(JSON.parse(writeLock(lock)) as object), ...change };
		expect(() => readLock(JSON.stringify(value), "lock.json")).toThrow(syntax());
	});

	test("what is no JSON is refused", () => {
		expect(() => readLock("{", "lock.json")).toThrow(syntax());
	});
});
