import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { condense, openIndex, readCondensed } from "../../src/debian/packages.ts";

const stanza = (name: string, version = "1", more = "") =>
	`Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nFilename: pool/${name}_${version.replace(":", "%3a")}.deb\nSize: 17\nSHA256: ${"ab".repeat(32)}\n${more}\n`;
const index = (...texts: string[]) =>
	openIndex(
		"amd64",
		texts.map((text, at) => ({
			text: condense(text, "Packages"),
			archive: `archive ${at}`,
			where: "x",
		})),
	);

describe("index of packages", () => {
	test("fields are what the stanza says", () => {
		const [bash] = index(
			stanza(
				"bash",
				"5.2-1",
				"Essential: yes\nInstalled-Size: 10\nSection: shells\nPre-Depends: libc6 (>= 2)\nDepends: base-files,\n debianutils | x\nConflicts: c\nBreaks: b (<< 2)\nProvides: sh (= 1)\nDescription: x\n Package: not a field\n",
			),
		).find("bash");
		expect(bash).toMatchObject({
			name: "bash",
			version: "5.2-1",
			size: 17,
			installedSize: 10240,
			essential: true,
			section: "shells",
			path: "pool/bash_5.2-1.deb",
			archive: "archive 0",
			depends: [
				[{ name: "libc6", operator: ">=", version: "2" }],
				[{ name: "base-files" }],
				[{ name: "debianutils" }, { name: "x" }],
			],
			conflicts: [{ name: "c" }, { name: "b", operator: "<<", version: "2" }],
			provides: [{ name: "sh", version: "1" }],
		});
	});

	test("every name is found, whatever its neighbours, and no other", () => {
		const name = fc.stringMatching(/^[ab][ab+.-]{1,4}$/);
		fc.assert(
			fc.property(fc.uniqueArray(name, { maxLength: 30 }), name, (names, other) => {
				const found = index(names.map((one) => stanza(one)).join(""));
				for (const one of names) expect(found.find(one).map((p) => p.name)).toEqual([one]);
				expect(found.find(other)).toHaveLength(names.includes(other) ? 1 : 0);
				expect([...found.names()]).toEqual([...names].sort());
			}),
		);
	});

	test("newest version first, of equals that of the earlier file", () => {
		const found = index(stanza("a", "1") + stanza("a", "2~"), stanza("a", "2") + stanza("a", "1"));
		expect(found.find("a").map((one) => [one.version, one.archive])).toEqual([
			["2", "archive 1"],
			["2~", "archive 0"],
			["1", "archive 0"],
			["1", "archive 1"],
		]);
	});

	test("providers by name, but only those whose version provides it", () => {
		const found = index(
			stanza("z", "1", "Provides: v\n") + stanza("z", "2"),
			stanza("b", "1", "Provides: v (= 3), w\n"),
		);
		expect(found.providers("v").map((one) => `${one.name} ${one.version}`)).toEqual(["b 1", "z 1"]);
		expect(found.providers("w").map((one) => one.name)).toEqual(["b"]);
		expect(found.providers("z")).toEqual([]);
	});

	test("packages of another architecture are passed over", () => {
		expect(index(stanza("a").replace("amd64", "i386")).find("a")).toEqual([]);
		expect(index(stanza("a").replace("amd64", "all")).find("a")).toHaveLength(1);
	});

	test("a kept list is taken only whole and unaltered", () => {
		const text = condense(stanza("a"), "x");
		const bytes = Buffer.from(text, "latin1");
		expect(readCondensed(bytes)).toBe(text);
		expect(readCondensed(bytes.subarray(0, -1))).toBeUndefined();
		expect(readCondensed(Buffer.from(text.replace("pool/a", "pool/b")))).toBeUndefined();
		expect(readCondensed(Buffer.from(text.replace(" 1 ", " 0 ")))).toBeUndefined();
		expect(readCondensed(Buffer.alloc(0))).toBeUndefined();
	});

	test("an empty list has no packages", () => {
		expect(index("").find("a")).toEqual([]);
		expect([...index("").names()]).toEqual([]);
	});

	test.each([
		["a path that leads out of the pool", stanza("a").replace("pool/", "pool/../../")],
		["no digest", stanza("a").replace(/SHA256.*\n/, "")],
		["a size that is none", stanza("a").replace("17", "many")],
		["a field twice", stanza("a").replace("Size: 17", "Size: 17\nSize: 18")],
		["a line that is no field", `${stanza("a").trimEnd()}\nnonsense\n`],
		["a stanza without a name", "Version: 1\nSize: 1\n\n"],
	])("%s is refused", (_, text) => {
		expect(() => index(text).find("a")).toThrow(expect.objectContaining({ code: "DEBIAN_SYNTAX" }));
	});
});
