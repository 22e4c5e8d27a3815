import {
	compareVersions,
	libraryCheck,
	parseStanzas,
	readDeb,
	readElf,
	readLock,
	writeLock,
} from "../../src/debian/index.ts";
import { condense, openIndex } from "../../src/debian/packages.ts";
import { parseRelease } from "../../src/debian/release.ts";
import { elf } from "../debian/elves.ts";
import { ar, deb, tar } from "../debian/make.ts";
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

export const targets: readonly FuzzTarget[] = [
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
