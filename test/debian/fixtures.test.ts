// Packages of dpkg-deb, archives of GNU tar, libraries of clang: see fixtures/debian.ts.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { libraryCheck, readControl, readDeb, readElf } from "../../src/debian/index.ts";
import { ar } from "./make.ts";

const fixture = async (name: string) =>
	new Uint8Array(await readFile(new URL(`../../fixtures/debian/${name}`, import.meta.url)));
const long = `usr/share/${"a-long-name-".repeat(10)}/${"b".repeat(120)}`;

/** Name, kind and what belongs to it, sorted by name. */
async function entries(input: Uint8Array): Promise<string[]> {
	const found: string[] = [];
	for await (const entry of readDeb(input)) {
		const what =
			entry.kind === "file"
				? JSON.stringify(Buffer.from(entry.content).toString())
				: "target" in entry
					? Buffer.from(entry.target).toString()
					: "";
		const mode = entry.kind === "symlink" || entry.kind === "link" ? "" : entry.mode.toString(8);
		found.push([Buffer.from(entry.name).toString(), entry.kind, mode, entry.mtime, what].join(" "));
	}
	return found.sort();
}
const expected = [
	"etc directory 755 1700000000 ",
	'etc/empty file 644 1700000000 ""',
	`etc/far symlink  1700000000 /${long}`,
	'etc/főtanúsítvány file 644 1700000000 "name\\n"',
	"usr directory 755 1700000000 ",
	"usr/bin directory 755 1700000000 ",
	"usr/bin directory 755 1700000000 ",
	'usr/bin/tool file 4755 1700000000 "tool\\n"',
	"usr/bin/tool2 link  1700000000 usr/bin/tool",
	"usr/lib directory 755 1700000000 ",
	"usr/lib/link symlink  1700000000 ../bin/tool2",
	"usr/share directory 755 1700000000 ",
	`usr/share/${"a-long-name-".repeat(10)} directory 755 1700000000 `,
	`${long} file 644 1700000000 "deep\\n"`,
].sort();

describe("files of other programs", () => {
	test.each(["none", "gzip", "xz", "zstd"])("a package in %s of dpkg-deb", async (compression) => {
		const bytes = await fixture(`${compression}.deb`);
		expect(await entries(bytes)).toEqual(expected);
		expect([...(await readControl(bytes))].slice(0, 3)).toEqual([
			["package", "fixture"],
			["version", "1:2.0-3"],
			["architecture", "amd64"],
		]);
	});

	test.each(["gnu", "pax"])("an archive in the %s format of GNU tar", async (format) => {
		const data = await fixture(`${format}.tar`);
		const wrapped = ar([
			["debian-binary", "2.0\n"],
			["control.tar", ""],
			["data.tar", data],
		]);
		expect(await entries(wrapped)).toEqual(expected);
	});

	test.each([
		["x86_64", 64, 62],
		["aarch64", 64, 183],
		["i386", 32, 3],
	] as const)("a library for %s", async (name, bits, machine) => {
		const content = await fixture(`${name}.so`);
		expect(readElf(content)).toEqual({
			bits,
			machine,
			type: 3,
			interpreter: undefined,
			soname: "libfixture.so.1",
			needed: ["libneeded.so.2"],
			runpath: ["$ORIGIN/../lib", "/opt/lib"],
			dlopens: [],
		});
		const check = libraryCheck();
		check.add({ name: Buffer.from("opt/bin/x"), kind: "file", content });
		expect(check.finish().missing).toEqual([
			{ file: "opt/bin/x", needs: "libneeded.so.2", how: "needed" },
		]);
	});
});
