import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
	type PackageIndex,
	type Solution,
	type SolveOptions,
	solve,
} from "../../src/debian/index.ts";
import { condense, openIndex } from "../../src/debian/packages.ts";

/** `name version: field value; …` as an index. */
function index(...packages: string[]): PackageIndex {
	const stanzas = packages.map((line) => {
		const [head = "", fields = ""] = line.split(/: (.*)/s);
		const [name, version = "1"] = head.split(" ");
		const more = fields
			.split("; ")
			.filter(Boolean)
			.map((field) => field.replace(" ", ": "));
		return [
			`Package: ${name}\nVersion: ${version}\nArchitecture: amd64`,
			`Filename: pool/${name}_${version}.deb\nSize: 1\nSHA256: ${"0".repeat(64)}`,
			...more,
			"",
		].join("\n");
	});
	return openIndex("amd64", [
		{ text: condense(stanzas.join("\n"), "x"), archive: "debian", where: "x" },
	]);
}
const names = (solution: Solution) => solution.packages.map((one) => one.name).join(" ");
const solved = (at: PackageIndex, roots: string, options?: SolveOptions) =>
	names(solve(at, roots.split(" "), options));
const refused = (at: PackageIndex, roots: string, details: object, options?: SolveOptions) =>
	expect(() => solve(at, roots.split(" "), options)).toThrow(
		expect.objectContaining({
			code: "DEBIAN_UNSATISFIABLE",
			details: expect.objectContaining(details),
		}),
	);

describe("solver", () => {
	test("follows Depends and Pre-Depends, cycles too", () => {
		const at = index("a: Depends b", "b: Pre-Depends c", "c: Depends a", "d");
		expect(solved(at, "a")).toBe("a b c");
	});

	test("takes the first alternative that exists", () => {
		expect(solved(index("a: Depends x | y | z", "y", "z"), "a")).toBe("a y");
	});

	test("an alternative that is in the set anyway spares the first", () => {
		expect(solved(index("a: Depends x | y, b", "b: Depends y", "x", "y"), "a")).toBe("a b y");
	});

	test("takes the newest version, or an older one where that is asked for", () => {
		const at = index("a 1", "a 2", "b: Depends a (<< 2)");
		expect(solve(at, ["a"]).packages[0]?.version).toBe("2");
		expect(solve(at, ["b"]).packages.map((one) => one.version)).toEqual(["1", "1"]);
		expect(solve(at, ["a", "b"]).packages.map((one) => one.version)).toEqual(["1", "1"]);
	});

	test("virtual packages, versioned ones only for versioned questions", () => {
		const at = index("p: Provides v", "q: Provides v (= 2)", "a: Depends v", "b: Depends v (>= 2)");
		expect(solved(at, "a")).toBe("a p");
		expect(solved(at, "b")).toBe("b q");
		expect(solved(at, "a b")).toBe("a b q");
	});

	test("qualifiers of architecture", () => {
		expect(solved(index("a: Depends b:any, c:native", "b", "c"), "a")).toBe("a b c");
		refused(index("a: Depends b:i386", "b"), "a", { where: "a → b:i386" });
	});

	test("a conflict turns the choice", () => {
		const at = index("a: Depends x | y", "x: Conflicts b", "y", "b");
		expect(solved(at, "a b")).toBe("a b y");
	});

	test("a dead end far below is left again", () => {
		const at = index(
			"a: Depends x | y",
			"x: Depends x1",
			"x1: Depends none",
			"y: Depends y1",
			"y1",
		);
		expect(solved(at, "a")).toBe("a y y1");
	});

	test("Breaks counts, conflicts with oneself and with a name one provides do not", () => {
		refused(index("a: Breaks b (<< 2)", "b 1"), "a b", {
			found: expect.stringContaining("conflicts"),
		});
		expect(solved(index("a: Breaks b (<< 2)", "b 2"), "a b")).toBe("a b");
		expect(solved(index("a: Provides v; Conflicts v"), "a")).toBe("a");
		refused(index("a: Provides v; Conflicts v", "b: Provides v"), "a b", {});
	});

	test("excluded packages and what they provide count as present; what that waives is told", () => {
		const at = index(
			"a: Depends perl (>= 5), debconf-2.0, b",
			"b: Depends libicu7",
			"debconf: Provides debconf-2.0",
			"perl 5",
			"libicu7",
		);
		const solution = solve(at, ["a"], { exclude: ["perl", "debconf", "libicu*"] });
		expect(names(solution)).toBe("a b");
		expect(solution.waived).toEqual([
			{ package: "a", clause: "perl (>= 5)" },
			{ package: "a", clause: "debconf-2.0" },
			{ package: "b", clause: "libicu7" },
		]);
	});

	test("an exclusion is of the whole name", () => {
		expect(solved(index("a: Depends perl-base", "perl-base"), "a", { exclude: ["perl"] })).toBe(
			"a perl-base",
		);
		expect(solved(index("a: Depends lib.x", "lib.x", "libyx"), "a", { exclude: ["lib?x"] })).toBe(
			"a lib.x",
		);
	});

	test("what is asked for cannot be excluded", () => {
		refused(index("perl"), "perl", { field: "perl", found: "p*" }, { exclude: ["p*"] });
	});

	test("the error names the way down, and what there is", () => {
		const at = index("a: Depends b", "b: Depends c (>= 3)", "c 2");
		refused(at, "a", { where: "a → b → c (>= 3)", found: "c 2" });
		refused(at, "nothing", { where: "nothing", found: "no package of that name" });
	});

	test("a root may be a relation", () => {
		const at = index("a 1", "a 2", "b");
		expect(solve(at, ["a (<< 2)"]).packages[0]?.version).toBe("1");
		expect(solved(at, "none|b")).toBe("b");
	});

	test("what comes out is closed, free of conflicts, and the same whatever the order of the list", () => {
		const name = fc.constantFrom(..."abcdefgh");
		const clause = fc
			.uniqueArray(name, { minLength: 1, maxLength: 3 })
			.map((list) => list.join(" | "));
		const one = fc.record({
			name,
			depends: fc.array(clause, { maxLength: 3 }),
			conflicts: fc.array(name, { maxLength: 1 }),
			provides: fc.array(name, { maxLength: 1 }),
		});
		const universe = fc.uniqueArray(one, {
			selector: ({ name }) => name,
			minLength: 1,
			maxLength: 8,
		});
		fc.assert(
			fc.property(universe, name, (list, root) => {
				const lines = list.map(
					({ name, depends, conflicts, provides }) =>
						`${name}: ${[
							...(depends.length ? [`Depends ${depends.join(", ")}`] : []),
							...(conflicts.length ? [`Conflicts ${conflicts}`] : []),
							...(provides.length ? [`Provides ${provides}`] : []),
						].join("; ")}`,
				);
				const attempt = (order: string[]): string => {
					try {
						return names(solve(index(...order), [root]));
					} catch {
						return "refused";
					}
				};
				const result = attempt(lines);
				expect(attempt([...lines].reverse())).toBe(result);
				expect(result !== "refused").toBe(solvable(list, root));
				if (result === "refused") return;
				const set = list.filter((p) => result.split(" ").includes(p.name));
				expect(consistent(set, root)).toBe(true);
			}),
			{ numRuns: 500 },
		);
	});
});

interface Simple {
	readonly name: string;
	readonly depends: readonly string[];
	readonly conflicts: readonly string[];
	readonly provides: readonly string[];
}

/** Whether a set holds the root, all it depends on, and nothing that conflicts. */
function consistent(set: readonly Simple[], root: string): boolean {
	const has = (name: string, but?: string) =>
		set.some((p) => p.name !== but && (p.name === name || p.provides.includes(name)));
	return (
		has(root) &&
		set.every(
			(p) =>
				p.depends.every((clause) => clause.split(" | ").some((name) => has(name))) &&
				p.conflicts.every((name) => !has(name, p.name)),
		)
	);
}

/** The same question, answered by trying all subsets. */
function solvable(list: readonly Simple[], root: string): boolean {
	for (let mask = 1; mask < 2 ** list.length; mask++) {
		if (
			consistent(
				list.filter((_, at) => Math.floor(mask / 2 ** at) % 2 === 1),
				root,
			)
		)
			return true;
	}
	return false;
}
