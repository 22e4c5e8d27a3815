// Beside dpkg-deb, readelf and a real mirror.
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { showBytes } from "../../src/bytes/index.ts";
import {
	type DebEntry,
	type FetchedPackage,
	fetchPackages,
	libraryCheck,
	openRepository,
	type Repository,
	readControl,
	readDeb,
	readElf,
	type Solution,
	solve,
	unpackPackages,
} from "../../src/debian/index.ts";
import { testCache as cache, noMirror } from "../support/mirror.ts";
import { missing } from "../support/programs.ts";
import { scratch } from "./mini.ts";

const lacking = (await noMirror()) || missing("dpkg-deb", "readelf");
const env = { ...process.env, LC_ALL: "C", TZ: "UTC" };
const maxBuffer = 1 << 28;

describe.skipIf(lacking)(`a Debian mirror ${lacking}`, () => {
	let repository: Repository;
	let solution: Solution;
	let fetched: FetchedPackage[];
	/** All that each package holds, by its name. */
	const contents = new Map<string, DebEntry[]>();
	beforeAll(async () => {
		repository = await openRepository({ arch: "amd64", cache });
		const exclude = ["perl*", "debconf*", "dpkg", "adduser"];
		solution = solve(repository.index, ["systemd", "openssh-server", "kmod", "file"], { exclude });
		fetched = await fetchPackages(solution.packages, { cache });
		for (const { file, package: one } of fetched) {
			const entries: DebEntry[] = [];
			for await (const entry of readDeb(file)) entries.push(entry);
			contents.set(one.name, entries);
		}
	});

	test("every package of the suite can be read", () => {
		let count = 0;
		for (const name of repository.index.names()) count += repository.index.find(name).length;
		expect(count).toBeGreaterThan(60_000);
	});

	test("for arm64 and for bookworm as well", async () => {
		for (const [arch, suite] of [
			["arm64", "trixie"],
			["amd64", "bookworm"],
		] as const) {
			const { index } = await openRepository({ arch, suite, cache });
			const { packages } = solve(index, ["systemd"]);
			expect(packages.every((one) => one.arch === arch || one.arch === "all")).toBe(true);
		}
	});

	test("entries are those that dpkg-deb unpacks", async () => {
		const folder = /^(?:bin|sbin|lib|lib32|lib64)(?=\/.)/;
		const top = /^(?:bin|sbin|lib|lib32|lib64)$/;
		for (const { file, package: one } of fetched) {
			const list = execFileSync("dpkg-deb", ["--contents", file], {
				env,
				encoding: "utf8",
				maxBuffer,
			});
			const theirs = list
				.split("\n")
				.filter((line) => line !== "" && !line.endsWith(" ./"))
				.map((line) => {
					const [, type, mode, size, date, time, name] =
						/^(.)(\S+) \S+ +(\S+) (\S+) (\S+) \.\/(.*)$/.exec(line) ?? [];
					const [path = "", target] = (name ?? "").split(/ -> | link to /);
					const bare = path.replace(/\/$/, "").replace(folder, "usr/$&");
					const merged = type === "d" ? bare.replace(top, "usr/$&") : bare;
					const goal =
						type === "h" ? target?.replace(/^\.\//, "").replace(folder, "usr/$&") : target;
					return [
						type,
						type === "l" ? "" : mode,
						type === "-" ? Number(size) : 0,
						`${date} ${time}`,
						merged,
						goal,
					];
				});
			const ours: unknown[] = [];
			for (const entry of contents.get(one.name) ?? []) {
				const type = {
					file: "-",
					directory: "d",
					symlink: "l",
					link: "h",
					fifo: "p",
					character: "c",
					block: "b",
				}[entry.kind];
				ours.push([
					type,
					entry.kind === "symlink" ? "" : permissions(entry.mode),
					entry.kind === "file" ? entry.content.length : 0,
					new Date(entry.mtime * 1000).toISOString().slice(0, 16).replace("T", " "),
					showBytes(entry.name),
					"target" in entry ? showBytes(entry.target) : undefined,
				]);
			}
			expect([one.name, ours]).toEqual([one.name, theirs]);
		}
	});

	test("control files say what the index said", async () => {
		for (const { file, package: one } of fetched) {
			const control = await readControl(file);
			expect([control.get("package"), control.get("version"), control.get("architecture")]).toEqual(
				[one.name, one.version, one.arch],
			);
		}
	});

	test("ELF headers are those that readelf shows", async () => {
		const path = join(await scratch(), "elf");
		let files = 0;
		for (const name of ["systemd", "libc6", "file"]) {
			for (const entry of contents.get(name) ?? []) {
				const elf = entry.kind === "file" ? readElf(entry.content) : undefined;
				if (entry.kind !== "file" || elf === undefined || files > 120) continue;
				files += 1;
				await writeFile(path, entry.content);
				const words = ["--wide", "--dynamic", "--program-headers", "--file-header", path];
				const shown = execFileSync("readelf", words, {
					env,
					encoding: "utf8",
					maxBuffer,
					stdio: ["ignore", "pipe", "ignore"],
				});
				const all = (pattern: RegExp) => [...shown.matchAll(pattern)].map((match) => match[1]);
				expect({ name: showBytes(entry.name), ...elf, dlopens: [] }).toEqual({
					name: showBytes(entry.name),
					bits: shown.includes("Class:                             ELF64") ? 64 : 32,
					machine: shown.includes("Advanced Micro Devices X86-64") ? 62 : 3,
					type: /Type: +REL/.test(shown) ? 1 : /Type: +EXEC/.test(shown) ? 2 : 3,
					interpreter: all(/program interpreter: (.*)\]/g)[0],
					soname: all(/\(SONAME\) +Library soname: \[(.*)\]/g)[0],
					needed: all(/\(NEEDED\) +Shared library: \[(.*)\]/g),
					runpath: all(/\((?:RUNPATH|RPATH)\) +Library r\w*path: \[(.*)\]/g).flatMap((list) =>
						(list ?? "").split(":"),
					),
					dlopens: [],
				});
			}
		}
		expect(files).toBeGreaterThan(100);
	});

	test("nothing that was not excluded lacks a library; what was is told", async () => {
		const check = libraryCheck();
		for (const entry of [...contents.values()].flat()) check.add(entry);
		expect(check.finish().missing).toEqual([]);
		for (const { name } of contents.get("libsystemd-shared") ?? []) check.remove(name);
		const { missing } = check.finish();
		expect(missing.length).toBeGreaterThan(10);
		expect(missing.every(({ needs }) => /^libsystemd-(shared|core)-/.test(needs))).toBe(true);
	});

	test.skipIf(process.platform !== "linux" || process.arch !== "x64")(
		"programs run out of the cache with their own libraries (on Linux, x86-64)",
		async () => {
			const { run, path } = await unpackPackages(["cpio", "file"], { cache });
			const [cpio = "", ...words] = await run("cpio", "--version");
			expect(execFileSync(cpio, words, { encoding: "utf8" })).toMatch(/^.*cpio \(GNU cpio\) 2\.15/);
			const magic = path("usr/lib/file/magic.mgc");
			const [file = "", ...args] = await run(
				"file",
				"--brief",
				"--magic-file",
				magic,
				path("usr/bin/file"),
			);
			expect(execFileSync(file, args, { encoding: "utf8" })).toMatch(
				/^ELF 64-bit LSB pie executable, x86-64/,
			);
		},
	);
});

/** As ls and tar show them. */
function permissions(mode: number): string {
	const bits = mode.toString(2).padStart(12, "0");
	const [suid, sgid, sticky] = [bits[0] === "1", bits[1] === "1", bits[2] === "1"];
	const rwx = [...bits.slice(3)].map((bit, at) => (bit === "1" ? ("rwx"[at % 3] ?? "") : "-"));
	const special = (at: number, on: boolean, letter: string) => {
		if (on) rwx[at] = rwx[at] === "x" ? letter : letter.toUpperCase();
	};
	special(2, suid, "s");
	special(5, sgid, "s");
	special(8, sticky, "t");
	return rwx.join("");
}
