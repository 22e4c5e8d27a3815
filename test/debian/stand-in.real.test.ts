import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { utf8 } from "../../src/bytes/index.ts";
import { importsOf, readElf, standIn } from "../../src/debian/index.ts";
import { find, missing } from "../support/programs.ts";
import { elf } from "./elves.ts";

const lacking = missing("clang");

describe.skipIf(lacking || process.arch !== "x64")(`a library's stand-in ${lacking}`, () => {
	let home = "";
	const at = (name: string): string => join(home, name);
	const clang = (...words: string[]): void => {
		execFileSync(find("clang") ?? "clang", words, { cwd: home, stdio: "pipe" });
	};
	const run = (): string => {
		try {
			return execFileSync(at("program"), {
				encoding: "utf8",
				stdio: ["ignore", "pipe", "pipe"],
				env: { LD_LIBRARY_PATH: home, LD_BIND_NOW: "1" },
			});
		} catch (error) {
			return String((error as { stderr?: unknown }).stderr);
		}
	};
	let original: Uint8Array = new Uint8Array();

	beforeAll(() => {
		home = mkdtempSync(join(tmpdir(), "ekexec-stand-in-"));
		writeFileSync(at("below.c"), "int below(void) { return 7; }\n");
		writeFileSync(
			at("library.c"),
			`#include <stdlib.h>
			int below(void);
			int table[4] = { 1, 2, 3, 4 };
			__attribute__((constructor)) static void start(void) { table[1] = below(); }
			int ask(int x) { int sum = 0; for (int i = 0; i < x; i++) sum += table[i % 4] * below(); return sum + rand(); }
			int unused(void) { return 3; }
			long other(void) { return below(); }
`,
		);
		writeFileSync(
			at("map"),
			"OLD_1 { global: ask; table; unused; local: below; }; NEW_2 { other; } OLD_1;\n",
		);
		writeFileSync(
			at("program.c"),
			`#define _GNU_SOURCE
			#include <dlfcn.h>
			#include <stdio.h>
			extern int table[4]; int ask(int); long other(void); int getppid(void);
			int main(void) { printf("%d %ld %d %s %s\\n", ask(3), other(), table[1], getppid() == 1 ? "own" : "libc's", dlsym(RTLD_DEFAULT, "unused") ? "all" : "no more"); }
`,
		);
		writeFileSync(at("names.c"), "int getppid(void) { return 1; }\n");
		clang("-shared", "-fPIC", "-Wl,-soname,libnames.so", "-o", "libnames.so", "names.c");
		clang("-shared", "-fPIC", "-o", "libbelow.so", "below.c");
		const linking = ["-Wl,--version-script=map", "-Wl,-soname,libasked.so.1"];
		clang(
			"-O1",
			"-shared",
			"-fPIC",
			...linking,
			"-o",
			"libasked.so.1",
			"library.c",
			"-L.",
			"-lbelow",
		);
		const libraries = ["-L.", "-l:libasked.so.1", "-lnames"];
		clang("-o", "program", "program.c", "-Wl,--allow-shlib-undefined", ...libraries);
		original = readFileSync(at("libasked.so.1"));
	});
	afterAll(() => rmSync(home, { recursive: true, force: true }));

	test("the program starts without what the library needed, and is answered", () => {
		expect(run()).toMatch(/^\d+ 7 7 own all\n$/);
		rmSync(at("libbelow.so"));
		expect(run()).toMatch(/libbelow\.so: cannot open/);
		const wanted = new Set(importsOf(readFileSync(at("program")), "program"));
		expect([...wanted]).toEqual(expect.arrayContaining(["ask", "other", "printf"]));
		expect(wanted.has("unused")).toBe(false);
		const made = standIn(original, wanted, { all: -38, named: { other: 5 } }, "libasked.so.1");
		writeFileSync(at("libasked.so.1"), made);
		expect(run()).toBe("-38 5 0 own no more\n");
		expect(readElf(made)).toMatchObject({ soname: "libasked.so.1", needed: [], runpath: [] });
		expect(made.length).toBe(original.length);
	});

	test("without answers it has no functions: others' of that name are found", () => {
		const names = readFileSync(at("libnames.so"));
		writeFileSync(at("libnames.so"), standIn(names, new Set(["getppid"]), {}, "libnames.so"));
		expect(run()).toBe("-38 5 0 libc's no more\n");
	});
});

test.each([
	["no ELF file", utf8("#!/bin/sh\n")],
	["a program", elf({ type: 2 })],
	["a library for a machine we know no code of", elf({ bits: 32, machine: 3 })],
	["a library without a table of symbols", elf({ type: 3, soname: "libself.so.1" })],
])("%s is refused", (_name, bytes) => {
	expect(() => standIn(bytes, new Set(), { all: 0 }, "libself.so.1")).toThrow(
		expect.objectContaining({ code: "DEBIAN_ELF" }),
	);
});
