import { lstat, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { unpackPackages } from "../../src/debian/index.ts";
import { elf } from "./elves.ts";
import type { TarMember } from "./make.ts";
import { archive, type MiniPackage, newKey } from "./mini.ts";

const key = await newKey();

const setUp = (packages: readonly MiniPackage[]) => archive(key, packages);
const one = (files: TarMember[]) => setUp([{ name: "app", files }]);

describe("unpacked packages", () => {
	test("files, links and modes, with what they depend on", async () => {
		const { options } = await setUp([
			{
				name: "app",
				fields: { Depends: "lib" },
				files: [
					{ name: "./bin/app", content: "app", mode: 0o4755 },
					{ name: "./usr/bin/second", type: "link", linkname: "./bin/app" },
					{ name: "./usr/lib/absolute", type: "symlink", linkname: "/usr/share/x" },
					{ name: "./etc/relative", type: "symlink", linkname: "../usr/share/x" },
					{ name: "./dev/null", type: "character-device", devmajor: 1, devminor: 3 },
					{ name: "./usr/share/doc/app/README", content: "not wanted" },
				],
			},
			{ name: "lib", files: [{ name: "./usr/share/x", content: "x" }] },
		]);
		const { root, packages, path } = await unpackPackages(["app"], options);
		expect(packages.map((p) => p.name)).toEqual(["app", "lib"]);
		expect(await readFile(join(root, "bin/app"), "utf8")).toBe("app");
		expect((await stat(path("usr/bin/app"))).mode % 0o10000).toBe(0o755);
		expect((await stat(path("usr/bin/second"))).ino).toBe((await stat(path("usr/bin/app"))).ino);
		expect(await readlink(path("usr/lib/absolute"))).toBe("../share/x");
		expect(await readFile(path("usr/lib/absolute"), "utf8")).toBe("x");
		expect(await readFile(path("etc/relative"), "utf8")).toBe("x");
		await expect(lstat(path("dev/null"))).rejects.toMatchObject({ code: "ENOENT" });
		await expect(lstat(path("usr/share/doc"))).rejects.toMatchObject({ code: "ENOENT" });
	});

	test("a second call finds them, several at once agree", async () => {
		const { server, options } = await one([{ name: "./usr/bin/app", content: "app" }]);
		const all = await Promise.all([1, 2, 3].map(() => unpackPackages(["app"], options)));
		expect(new Set(all.map(({ root }) => root)).size).toBe(1);
		expect(await readdir(join(options.cache ?? "", "tools"))).toHaveLength(1);
		server.requests.length = 0;
		await unpackPackages(["app"], options);
		expect(server.requests.filter((path) => path.startsWith("pool/"))).toEqual([]);
	});

	test("locked packages need no index", async () => {
		const { server, options } = await one([{ name: "./usr/bin/app", content: "app" }]);
		const { packages, root } = await unpackPackages(["app"], options);
		server.requests.length = 0;
		expect((await unpackPackages([], { ...options, locked: packages })).root).toBe(root);
		expect(server.requests).toEqual([]);
	});

	test("a failure leaves nothing behind", async () => {
		const { options } = await one([{ name: "./ok", content: "x" }, { name: "./a/../../b" }]);
		await expect(unpackPackages(["app"], options)).rejects.toMatchObject({ code: "DEBIAN_PATH" });
		expect(await readdir(join(options.cache ?? "", "tools"))).toEqual([]);
	});

	test("no chain of links leads out", async () => {
		const { options } = await one([
			{ name: "./out", type: "symlink", linkname: "d/top/../../aside" },
			{ name: "./d/top", type: "symlink", linkname: "/" },
			{ name: "./d/e/up", type: "symlink", linkname: "../../d/./top/.." },
		]);
		const { path } = await unpackPackages(["app"], options);
		expect(await readlink(path("out"))).toBe("aside");
		expect(await readlink(path("d/top"))).toBe("..");
		expect(await readlink(path("d/e/up"))).toBe("..");
	});

	test("a folder that was cleared away by half is made again", async () => {
		const { options } = await one([{ name: "./usr/bin/app", content: "app" }]);
		const { root, path } = await unpackPackages(["app"], options);
		await rm(join(root, ".ekexec.json"));
		await writeFile(path("usr/bin/app"), "half");
		expect((await unpackPackages(["app"], options)).root).toBe(root);
		expect(await readFile(path("usr/bin/app"), "utf8")).toBe("app");
		expect(await readdir(join(options.cache ?? "", "tools"))).toHaveLength(1);
	});

	test.each<[string, MiniPackage[]]>([
		[
			"a link that leads out",
			[{ name: "app", files: [{ name: "./usr/x", type: "symlink", linkname: "../../etc" }] }],
		],
		[
			"a file below another package's link",
			[
				{
					name: "app",
					fields: { Depends: "other" },
					files: [{ name: "./usr/x", type: "symlink", linkname: "y" }],
				},
				{ name: "other", files: [{ name: "./usr/x/file", content: "" }] },
			],
		],
		[
			"a folder in the place of a link",
			[
				{
					name: "app",
					files: [
						{ name: "./d/top", type: "symlink", linkname: "/" },
						{ name: "./out", type: "symlink", linkname: "d/top/../../aside" },
						{ name: "./d/in", type: "symlink", linkname: "../out" },
						{ name: "./out/", type: "directory" },
						{ name: "./out/file", content: "" },
					],
				},
			],
		],
		[
			"a link in the place of a folder",
			[
				{
					name: "app",
					files: [
						{ name: "./usr/x/", type: "directory" },
						{ name: "./usr/x", type: "symlink", linkname: "y" },
					],
				},
			],
		],
	])("%s is refused", async (_, packages) => {
		const { options } = await setUp(packages);
		await expect(unpackPackages(["app"], options)).rejects.toMatchObject({ code: "DEBIAN_PATH" });
	});
});

const foreign = arch() === "x64" ? "arm64" : "amd64";
describe.skipIf(process.platform !== "linux")("words to run a program (on Linux)", () => {
	const own = arch() === "arm64" ? "arm64" : "amd64";
	const interpreter = "/lib64/ld.so";
	const files: TarMember[] = [
		{ name: "./usr/bin/static", content: elf({}), mode: 0o755 },
		{
			name: "./usr/sbin/dynamic",
			content: elf({ interpreter, runpath: "/usr/lib/app:$ORIGIN" }),
			mode: 0o755,
		},
		{ name: "./usr/bin/script", content: "#!/bin/sh\n", mode: 0o755 },
	];

	test.skipIf(own !== "amd64")("static, dynamic, neither (on x86-64)", async () => {
		const { options } = await one(files);
		const { root, run } = await unpackPackages(["app"], options);
		expect(await run("static", "-v")).toEqual([join(root, "usr/bin/static"), "-v"]);
		const libraries = ["usr/lib/x86_64-linux-gnu", "usr/lib", "usr/lib/app"].map((at) =>
			join(root, at),
		);
		expect(await run("dynamic", "-v")).toEqual([
			join(root, interpreter),
			"--inhibit-cache",
			"--library-path",
			libraries.join(":"),
			join(root, "usr/sbin/dynamic"),
			"-v",
		]);
		await expect(run("script")).rejects.toMatchObject({ code: "DEBIAN_ELF" });
		await expect(run("none")).rejects.toMatchObject({ code: "DEBIAN_MISSING" });
	});

	test("programs for another architecture are not run", async () => {
		const { options } = await one(files);
		const { packages } = await unpackPackages(["app"], options);
		const { run } = await unpackPackages([], { ...options, arch: foreign, locked: packages });
		await expect(run("static")).rejects.toMatchObject({ code: "DEBIAN_ELF", kind: "failed" });
	});
});
