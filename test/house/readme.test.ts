import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const root = new URL("../../", import.meta.url);
const readme = readFileSync(new URL("README.md", root), "utf8");

/** Rows of the table below a heading, a cell each. */
function rows(heading: string): string[][] {
	const from = readme.indexOf(`## ${heading}\n`);
	const section = readme.slice(from + 3, readme.indexOf("\n## ", from + 3));
	const lines = section.split("\n").filter((line) => line.startsWith("|"));
	return lines.slice(2).map((line) =>
		line
			.split("|")
			.slice(1, -1)
			.map((cell) => cell.trim()),
	);
}

const proofs = ["What emergency-kexec does, and where it is shown here", "Where others break"];

describe.each(proofs)("%s", (heading) => {
	test("has rows", () => expect(rows(heading).length).toBeGreaterThan(10));

	test.each(rows(heading).map((cells) => [cells[0] ?? "", cells.at(-1) ?? ""] as const))(
		"%s: its tests exist",
		(_matter, shown) => {
			const named = shown.split("; ").map((each) => /^`(test\/[^`]+)`: (.+)$/.exec(each));
			expect(named).not.toContain(null);
			for (const [, path = "", names = ""] of named.flatMap((each) =>
				each === null ? [] : [[...each]],
			)) {
				const source = readFileSync(new URL(path, root), "utf8");
				const quoted = names.match(/"[^"]+"/g) ?? [];
				expect(quoted.length).toBeGreaterThan(0);
				for (const name of quoted) expect(source).toContain(name.slice(1, -1));
			}
		},
	);
});

test("whatever file the pages name exists", () => {
	for (const page of ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "bench/README.md"]) {
		const text = readFileSync(new URL(page, root), "utf8");
		for (const [, path = ""] of text.matchAll(/`((?:src|test|bench|nix|fixtures)\/[\w./-]*)`/g)) {
			expect(() => readFileSync(new URL(path, root))).not.toThrow(/ENOENT/);
		}
	}
});
