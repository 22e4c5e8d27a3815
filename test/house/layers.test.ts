import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

/** Folders of `src` from the lowest up: a file imports from its own folder and from those before it. */
const rooms = [
	"bytes",
	"cpio",
	"netlink",
	"compress",
	"initrd",
	"network",
	"kexec",
	"debian",
	"image",
	"ssh",
	"rescue",
	"vm",
	"cli",
];

/** Packages that only one place may import. */
const owners: Readonly<Record<string, RegExp>> = {
	yargs: /^cli\//,
	ssh2: /^ssh\//,
	"ssh2-sftp-client": /^ssh\//,
	netlink: /^netlink\/socket\.ts$/,
	fflate: /^compress\//,
	"lzma-native": /^compress\//,
};

/** Files that stay free of `node:`, so that they run anywhere. */
const pure = /^(bytes|cpio|netlink)\/(?!socket\.ts$)/;

const source = fileURLToPath(new URL("../../src", import.meta.url));
const files = readdirSync(source, { recursive: true, encoding: "utf8" })
	.filter((file) => file.endsWith(".ts"))
	.sort();

function importsOf(file: string): string[] {
	const code = readFileSync(join(source, file), "utf8").replace(
		/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm,
		"",
	);
	const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*|new URL\(\s*)["']([^"']+)["']/g;
	return [...code.matchAll(pattern)].map((match) => match[1] ?? "");
}

describe("import rule of the house", () => {
	test("every folder of src has its place in the order", () => {
		const folders = new Set(files.filter((f) => f.includes("/")).map((f) => f.split("/", 1)[0]));
		expect([...folders].filter((folder) => !rooms.includes(folder ?? ""))).toEqual([]);
	});

	test.each(files)("%s", (file) => {
		const own = file.includes("/") ? rooms.indexOf(file.split("/", 1)[0] ?? "") : rooms.length;
		for (const target of importsOf(file)) {
			if (target.startsWith(".")) {
				const path = normalize(join(dirname(file), target));
				const inside = relative(".", path);
				if (inside.startsWith("..") || !inside.includes("/")) continue;
				const room = rooms.indexOf(inside.split("/", 1)[0] ?? "");
				expect(room, `${file} imports ${target}, which lies above it`).toBeLessThanOrEqual(own);
			} else if (target.startsWith("node:")) {
				expect(pure.test(file), `${file} is pure, yet imports ${target}`).toBe(false);
			} else {
				const owner = owners[target.split("/", 1)[0] ?? ""];
				if (owner) expect(file, `${file} may not import ${target}`).toMatch(owner);
			}
		}
	});
});
