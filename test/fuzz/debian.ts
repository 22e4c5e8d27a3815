import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readKey } from "openpgp";
import {
	AliasTable,
	chooseModules,
	compareVersions,
	libraryCheck,
	moduleTables,
	parseModinfo,
	parseStanzas,
	readControl,
	readDeb,
	readElf,
	readIndex,
	readLock,
	readModule,
	writeIndex,
	writeLock,
} from "../../src/debian/index.ts";
import { condense, openIndex } from "../../src/debian/packages.ts";
import { parseDepends, parseProvides, parseRelations } from "../../src/debian/relation.ts";
import { parseRelease } from "../../src/debian/release.ts";
import { verifyClearsigned } from "../../src/debian/signature.ts";
import { readAptSources } from "../../src/debian/sources.ts";
import { elf } from "../debian/elves.ts";
import { ar, deb, tar } from "../debian/make.ts";
import { moduleFile, someKernelFiles, someModules } from "../debian/module-file.ts";
import type { Random } from "./frame/random.ts";
import { key, signed, text as signedText } from "./frame/signed.ts";
import type { FuzzTarget } from "./frame/target.ts";

const digest = "ab".repeat(32);
const members = [
	{ name: "./usr/", type: "directory" as const },
	{ name: "./bin/a", content: "content" },
	{ name: "./usr/bin/b", type: "link" as const, linkname: "./bin/a" },
	{ name: "./usr/c", type: "symlink" as const, linkname: "../etc" },
	{ name: `./${"long/".repeat(40)}ü`, content: "x" },
];
const small = await deb(members);
const archive = await tar(members);
const packages = `Package: a\nVersion: 1:2-3\nArchitecture: amd64\nDepends: b (>= 1) | c:any,\n d\nProvides: v (= 2)\nFilename: pool/a.deb\nSize: 1\nSHA256: ${digest}\n\n`;
const release = `Suite: stable\nCodename: trixie\nDate: Sat, 21 Nov 2026 09:15:44 UTC\nArchitectures: amd64\nSHA256:\n ${digest} 1 main/binary-amd64/Packages\n`;

/** Reads all entries; a name that leads out of the tree is a finding. */
async function readAll(input: Uint8Array): Promise<void> {
	const limits = { maxUnpacked: 1 << 24, maxFile: 1 << 22, where: "fuzz" };
	for await (const { name, mode, uid, gid, mtime } of readDeb(input, limits)) {
		for (const value of [mode, uid, gid, mtime]) {
			if (!Number.isSafeInteger(value) || value < 0) throw new Error(`no number: ${value}`);
		}
		const path = Buffer.from(name).toString("latin1");
		const parts = path.split("/");
		if (parts.some((part) => part === "" || part === "." || part === "..")) {
			throw new Error(`a name that leads elsewhere: ${JSON.stringify(path)}`);
		}
	}
}

const latin1 = (input: Uint8Array) => Buffer.from(input).toString("latin1");
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, "latin1"));

const publicKey = await readKey({ armoredKey: key });

const modules = Object.entries(someModules).map(([path, file]) => ({
	path,
	bytes: moduleFile(file),
}));

const aliasPieces = [
	"pci:",
	"v",
	"d",
	"*",
	"*",
	"?",
	"[a-c]",
	"[!x]",
	"[",
	"]",
	"-",
	"_",
	"a",
	"b",
	"aaaa",
] as const;

/** Patterns and names, a line each, of pieces that look alike. */
function aliasLines(random: Random): Uint8Array {
	let made = "";
	for (let left = random.below(60); left >= 0; left--) {
		made += random.chance(8) ? "\n" : random.pick(aliasPieces);
	}
	return Buffer.from(made + "\na".repeat(random.below(3)) + "a".repeat(random.below(500)));
}

export const targets: readonly FuzzTarget[] = [
	{
		name: "debian/control",
		seeds: () => [small],
		fixtures: (path) => path.endsWith(".deb"),
		async run(input) {
			await readControl(input, { where: "fuzz" });
		},
	},
	{
		// Nothing but the very text that was signed may come out.
		name: "debian/clearsigned",
		seeds: () => [Buffer.from(signed)],
		fixtures: () => false,
		async run(input) {
			const now = Date.parse("2026-03-01");
			const told = await verifyClearsigned(input, [publicKey], now, "fuzz");
			if (told.trimEnd() !== signedText.trimEnd()) throw new Error(`not what was signed: ${told}`);
		},
	},
	{
		name: "debian/apt-sources",
		seeds: () =>
			[
				"deb [arch=amd64] http://a.example/debian trixie main contrib # c\n",
				"Types: deb deb-src\nURIs: http://a.example/debian mirror+file:/nonexistent\nSuites: trixie trixie-updates\nComponents: main\nEnabled: no\nSigned-By:\n x\n .\n y\n",
			].map(bytesOf),
		fixtures: () => false,
		async run(input) {
			const folder = mkdtempSync(join(tmpdir(), "ekexec-fuzz-apt-"));
			try {
				writeFileSync(join(folder, "sources.list"), input);
				await readAptSources(folder);
			} finally {
				rmSync(folder, { recursive: true });
			}
		},
	},
	{
		name: "debian/relation",
		seeds: () => ["a (>= 1:2) | b:any, c [amd64] <!x>, $d", "v (= 2), w"].map(bytesOf),
		fixtures: () => false,
		run(input) {
			parseDepends(latin1(input));
			parseRelations(latin1(input));
			parseProvides(latin1(input));
		},
	},
	{
		// A module, and the tables that are made with it among others.
		name: "debian/module",
		seeds: () => modules.map(({ bytes }) => bytes),
		fixtures: () => false,
		run(input) {
			const others = modules.map(({ path, bytes }) => ({ ...readModule(bytes, path), path }));
			const path = "kernel/x.ko";
			const all = [...others, { ...readModule(input, path), path }];
			for (const { name, content } of moduleTables(all, {
				...someKernelFiles,
				builtinModinfo: input,
			})) {
				if (name.endsWith(".bin")) readIndex(content);
			}
			chooseModules(all, { names: ["x", "ext4"], modaliases: ["pci:v00008086d00002922sv0"] });
			parseModinfo(input);
		},
	},
	{
		name: "debian/index",
		seeds: () => [
			writeIndex([]),
			writeIndex([
				{ key: "ab", value: "x", priority: 1 },
				{ key: "abc", value: "y", priority: 2 },
				{ key: "b", value: "z", priority: 0 },
				{ key: "b", value: "z2", priority: 3 },
			]),
		],
		fixtures: () => false,
		run(input) {
			readIndex(input);
		},
	},
	{
		name: "debian/alias",
		make: aliasLines,
		fixtures: () => false,
		run(input) {
			const lines = latin1(input).split("\n").slice(0, 50);
			const table = new AliasTable(lines.map((alias) => ({ alias, module: "m" })));
			for (const line of lines) table.find(line);
		},
	},
	{
		name: "debian/deb",
		seeds: () => [small],
		fixtures: (path) => path.endsWith(".deb"),
		run: readAll,
	},
	{
		name: "debian/tar",
		seeds: () => [archive],
		fixtures: (path) => path.endsWith(".tar"),
		run: (input) =>
			readAll(
				ar([
					["debian-binary", "2.0\n"],
					["control.tar", ""],
					["data.tar", input],
				]),
			),
	},
	{
		name: "debian/elf",
		seeds: () => [
			elf({
				interpreter: "/lib64/ld.so",
				needed: ["libc.so.6"],
				runpath: "$ORIGIN:/x",
				dlopen: "[]",
			}),
			elf({ bits: 32, big: true, soname: "libx.so.1" }),
		],
		fixtures: (path) => path.endsWith(".so"),
		run(input) {
			readElf(input);
			const check = libraryCheck();
			check.add({ name: bytesOf("usr/lib/x"), kind: "file", content: input });
			check.finish();
		},
	},
	{
		name: "debian/packages",
		seeds: () => [bytesOf(packages), bytesOf(packages.repeat(3))],
		fixtures: () => false,
		run(input) {
			const text = condense(latin1(input), "fuzz");
			const index = openIndex("amd64", [{ text, archive: "debian", where: "fuzz" }]);
			for (const name of [...index.names()].slice(0, 20)) {
				for (const one of index.find(name)) {
					if (one.name !== name) throw new Error(`asked for ${name}, got ${one.name}`);
					if (/(^|\/)\.\.?(\/|$)|^\//.test(one.path)) throw new Error(`path ${one.path}`);
				}
			}
		},
	},
	{
		name: "debian/release",
		seeds: () => [bytesOf(release)],
		fixtures: () => false,
		run(input) {
			parseStanzas(latin1(input));
			for (const path of parseRelease(latin1(input)).files.keys()) {
				if (/(^|\/)\.\.?(\/|$)|^\//.test(path)) throw new Error(`path ${path}`);
			}
		},
	},
	{
		name: "debian/lock",
		seeds: () => [
			bytesOf(
				writeLock({
					suite: "trixie",
					arch: "amd64",
					roots: ["a"],
					exclude: [],
					releases: [{ suite: "trixie", date: "2026-11-21T09:15:44.000Z", sha256: digest }],
					packages: [
						{
							name: "a",
							version: "1",
							arch: "amd64",
							size: 1,
							sha256: digest,
							path: "pool/a.deb",
							archive: "debian",
						},
					],
				}),
			),
		],
		fixtures: () => false,
		run(input) {
			const lock = readLock(latin1(input));
			if (writeLock(readLock(writeLock(lock))) !== writeLock(lock)) throw new Error("it changes");
		},
	},
	{
		name: "debian/version",
		seeds: () => ["1:2.0~rc1-3+b1\n1:2.0-3", "0\n00", "1a~\n1a"].map(bytesOf),
		fixtures: () => false,
		run(input) {
			const [a = "", b = ""] = latin1(input).split("\n");
			const order = Math.sign(compareVersions(a, b));
			if (order + Math.sign(compareVersions(b, a)) !== 0) throw new Error(`no order: ${a} ${b}`);
			if (compareVersions(a, a) !== 0) throw new Error(`not itself: ${a}`);
		},
	},
];
