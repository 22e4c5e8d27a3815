import {
	mkdir,
	readdir,
	readFile,
	rm,
	stat,
	symlink,
	truncate,
	utimes,
	writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { PrivateKey } from "openpgp";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { byteSource, codecs } from "../../src/compress/index.ts";
import { readCpio } from "../../src/cpio/index.ts";
import {
	type BuildOptions,
	buildImage,
	type Image,
	inspectImage,
	pruneCache,
	type Recipe,
	verifyImage,
} from "../../src/image/index.ts";
import { place } from "../../src/image/place.ts";
import { elf } from "../debian/elves.ts";
import { archive, newKey, scratch } from "../debian/mini.ts";

const recipe: Recipe = {
	name: "small",
	suite: "trixie",
	packages: ["tool"],
	exclude: ["hidden*", "never"],
	drop: ["usr/lib/dropped/**"],
	keepLibraries: [],
	join: [],
	files: [
		{ path: "lib", link: "usr/lib" },
		{ path: "etc/hosts", content: "127.0.0.1 localhost\n" },
		{ path: "var/run", link: "../run" },
		{ path: "run", directory: true },
	],
	enable: [{ unit: "getty@tty1.service", by: "getty.target" }],
	mask: [],
	commandLine: { amd64: "quiet", arm64: "quiet" },
	modules: { generic: [], core: [], filesystems: {} },
	firmware: { packages: [], keep: [] },
};

const triplet = "usr/lib/x86_64-linux-gnu";
const packages = [
	{
		name: "linux-image-6.1-amd64",
		files: [{ name: "./boot/vmlinuz-6.1-amd64", content: "kernel" }],
	},
	{ name: "linux-image-amd64", fields: { Depends: "linux-image-6.1-amd64" } },
	{
		name: "tool",
		fields: { Depends: "never, hidden-data" },
		files: [
			{ name: "./usr/bin/tool", content: "tool" },
			{ name: "./usr/lib/dropped/of-tool", content: "x" },
			{ name: "./usr/lib/systemd/system/getty@.service", content: "[Service]\n" },
		],
	},
	{
		name: "extra",
		fields: { Depends: "tool, hidden" },
		files: [
			{ name: "./usr/bin/extra", content: "extra" },
			{ name: "./usr/lib/dropped/of-extra", content: "x" },
			{ name: "./usr/share/doc/extra/readme", content: "x" },
			{ name: `./${triplet}/libopened.so.1`, content: elf({ soname: "libopened.so.1" }) },
		],
	},
	{
		name: "linked",
		fields: { Depends: "real" },
		files: [{ name: "./usr/bin/linked", content: elf({ type: 2, needed: ["libreal.so.1"] }) }],
	},
	{
		name: "real",
		files: [{ name: `./${triplet}/libreal.so.1`, content: elf({ soname: "libreal.so.1" }) }],
	},
	{ name: "hidden", files: [{ name: "./usr/lib/dropped/of-hidden", content: "x" }] },
	{ name: "hidden-data", files: [{ name: "./usr/lib/of-hidden-data", content: "x" }] },
	{ name: "never", files: [{ name: "./usr/lib/of-never", content: "x" }] },
];

let key: PrivateKey;
let options: BuildOptions & { readonly cache: string };
beforeAll(async () => {
	key = await newKey();
});
beforeEach(async () => {
	const made = await archive(key, packages);
	const { cache = "", signal: _, ...rest } = made.options;
	options = { ...rest, cache, recipe, packing: { codec: "gzip", level: 1 } };
});

const build = async (more: Partial<BuildOptions> = {}): Promise<Image> =>
	(await buildImage({ ...options, ...more })).image;
const paths = async (image: Image): Promise<string[]> =>
	(await inspectImage(image)).files
		.filter(({ layer }) => layer === "base")
		.map(({ path }) => path)
		.sort();

describe("packages that the user names", () => {
	test("come whole, with what they depend on; nothing changes for the others", async () => {
		const plain = [
			"bin",
			"etc/hosts",
			"etc/systemd/system/getty.target.wants/getty@tty1.service",
			"lib",
			"usr/bin/tool",
			"usr/lib/systemd/system/getty@.service",
			"var/run",
		];
		expect(await paths(await build())).toEqual(plain);
		const { image, lock } = await buildImage({ ...options, with: ["extra"] });
		expect(await paths(image)).toEqual(
			[
				...plain,
				"usr/bin/extra",
				"usr/lib/dropped/of-extra",
				"usr/lib/dropped/of-hidden",
				// The pattern that kept hidden out is lifted as a whole.
				"usr/lib/of-hidden-data",
				`${triplet}/libopened.so.1`,
			].sort(),
		);
		expect((await build({ lock })).digest).toBe(image.digest);
	});

	test("find the library that is a stand-in for all others", async () => {
		const standIns = [{ library: `${triplet}/libreal.so.1`, answers: { all: 0 } }];
		// This library has no table of symbols that a stand-in could be made of.
		const linked = { recipe: { ...recipe, packages: ["tool", "linked"], standIns } };
		await expect(build(linked)).rejects.toMatchObject({ code: "DEBIAN_ELF" });
		const image = await build({ recipe: { ...recipe, standIns }, with: ["linked"] });
		expect(await paths(image)).toContain(`${triplet}/libreal.so.1`);
	});

	test("one of the recipe's own that is named comes whole, too", async () => {
		expect(await paths(await build({ with: ["tool"] }))).toContain("usr/lib/dropped/of-tool");
	});
});

describe("an overlay", () => {
	const overlay = async (files: Readonly<Record<string, string>>): Promise<string> => {
		const folder = await scratch();
		for (const [path, content] of Object.entries(files)) {
			await mkdir(dirname(join(folder, path)), { recursive: true });
			await writeFile(join(folder, path), content);
		}
		return folder;
	};
	const entries = async (image: Image): Promise<string[]> => {
		const layer = image.layers.find(({ kind }) => kind === "overlay");
		const parts: Uint8Array[] = [];
		const packed = byteSource([await readFile(layer?.path ?? "")]);
		for await (const part of codecs.gzip.decode(packed)) parts.push(part);
		return [...readCpio(Buffer.concat(parts))].map(({ name }) =>
			Buffer.from(name).toString("latin1"),
		);
	};

	test("leaves the links of the merged /usr alone", async () => {
		const folder = await overlay({ "lib/a": "a", "usr/lib/b": "b", "etc/hosts": "mine" });
		await symlink("usr/sbin", join(folder, "sbin"));
		expect(await entries(await build({ overlay: folder }))).toEqual([
			...["etc", "etc/hosts", "usr", "usr/lib", "usr/lib/a", "usr/lib/b"],
		]);
	});

	test("may have names that are no UTF-8", async () => {
		const folder = await overlay({});
		await writeFile(Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9])]), "x");
		expect(await entries(await build({ overlay: folder }))).toEqual(["caf\xe9"]);
	});

	test.each([
		["a folder in the place of a link", { "var/run/x": "x" }, "var/run"],
		["a file in the place of a folder", { "usr/bin": "x" }, "usr/bin"],
		["a file in the place of a link to a folder", { lib: "x" }, "lib"],
		["a file twice", { "lib/a": "a", "usr/lib/a": "b" }, "usr/lib/a"],
	])("with %s is refused", async (_name, files, field) => {
		await expect(build({ overlay: await overlay({ ...files }) })).rejects.toMatchObject({
			code: "IMAGE_OVERLAY",
			details: { field },
		});
	});

	test("with another link in the place of one that programs need is refused", async () => {
		const folder = await overlay({});
		await symlink("/opt", join(folder, "bin"));
		await expect(build({ overlay: folder })).rejects.toMatchObject({ code: "IMAGE_OVERLAY" });
	});
});

describe("the cache", () => {
	test.each([
		["cut", (path: string) => truncate(path, 10)],
		[
			"of other bytes",
			async (path: string) => writeFile(path, "x".repeat((await stat(path)).size)),
		],
		["gone", (path: string) => rm(path)],
	])("a layer or kernel that is %s is made again", async (_name, damage) => {
		const image = await build();
		for (const [folder, file] of [
			["layers", "layer"],
			["layers", "layer.json"],
			["kernels", "kernel"],
			["kernels", "kernel.json"],
			["modules", "modules.json"],
		] as const) {
			for (const name of await readdir(join(options.cache, folder))) {
				await damage(join(options.cache, folder, name, file));
			}
			const again = await build();
			expect(again.digest).toBe(image.digest);
			await verifyImage(again);
		}
	});

	test("an image that is there already stays: another rescue may be reading it", async () => {
		const image = await build();
		const { ino } = await stat(image.directory);
		const images = await Promise.all(Array.from({ length: 4 }, () => build()));
		expect(images.map(({ directory }) => directory)).toEqual(Array(4).fill(image.directory));
		expect((await stat(image.directory)).ino).toBe(ino);
	});

	test("what is put in one place at the same time is one of those that were made", async () => {
		const out = join(await scratch(), "image");
		const image = (text: string) =>
			["manifest.json", "kernel"].map((name) => [name, Buffer.from(text)] as const);
		const texts = Array.from({ length: 8 }, (_, i) => `image ${i}`);
		await Promise.all(texts.map((text) => place(out, image(text))));
		expect(await readdir(dirname(out))).toEqual(["image"]);
		const manifest = await readFile(join(out, "manifest.json"), "utf8");
		expect(texts).toContain(manifest);
		expect(await readFile(join(out, "kernel"), "utf8")).toBe(manifest);
		await place(out, image("last"));
		expect(await readFile(join(out, "kernel"), "utf8")).toBe("last");
	});

	test("of files that were copied, as to another file system, sound ones stay and damaged ones do not", async () => {
		const folder = await scratch();
		const source = join(folder, "source");
		const out = join(folder, "image");
		await writeFile(source, "sound");
		const files = [
			["manifest.json", Buffer.from("{}")],
			["kernel", source],
		] as const;
		await place(out, files);
		const copy = async (text: string): Promise<number> => {
			await rm(join(out, "kernel"));
			await writeFile(join(out, "kernel"), text);
			return (await stat(out)).ino;
		};
		const kept = await copy("sound");
		await place(out, files);
		expect((await stat(out)).ino).toBe(kept);
		await copy("spoil");
		await place(out, files);
		expect(await readFile(join(out, "kernel"), "utf8")).toBe("sound");
	});

	test("what is no image is not replaced by one", async () => {
		const out = await scratch();
		await writeFile(join(out, "letters"), "to mother");
		await expect(build({ out })).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
		expect(await readdir(out)).toEqual(["letters"]);
	});
});

describe("pruning", () => {
	const target = { modaliases: [], filesystems: [] };
	const age = async (folder: string, hours: number): Promise<void> => {
		for (const name of await readdir(join(options.cache, folder)).catch(() => [])) {
			const time = new Date(Date.now() - hours * 3600_000);
			await utimes(join(options.cache, folder, name), time, time);
		}
	};
	const prune = (keep: number) => pruneCache({ cache: options.cache, keep });
	const shown = (removed: readonly string[]): string[] =>
		removed.map((path) => path.slice(options.cache.length + 1)).sort();

	test("images of another kind push none out, and the older of one kind goes with its layers", async () => {
		const old = await build();
		const folders = ["images", "layers", "kernels", "modules"];
		for (const folder of folders) await age(folder, 3);
		await build({ target });
		await build({ recipe: { ...recipe, name: "other" } });
		expect((await prune(1)).removed).toEqual([]);

		for (const folder of folders) await age(folder, 2);
		const files = [...recipe.files, { path: "etc/new", content: "x" }];
		await build({ recipe: { ...recipe, files } });
		const own = old.directory.slice(options.cache.length + 1);
		// The layer of the old one is that of the one made for a target, and of the other's.
		expect(shown((await prune(1)).removed)).toEqual([own]);
		expect((await prune(0)).removed.length).toBeGreaterThan(2);
	});

	test("what is in the making stays, what was left lying for hours goes", async () => {
		const image = await build();
		const left = {
			"images/small-amd64-x.AbCdEf": "images",
			"imported/abc.1.00000000": "imported",
			"layers/abc.1.00000000": "layers",
			"kernels/abc": "kernels",
			"modules/abc": "modules",
			"victims/.draft-x": "victims",
			"victims/bookworm-0123456789abcdef": "victims",
		};
		for (const path of Object.keys(left)) {
			await mkdir(join(options.cache, path), { recursive: true });
			await writeFile(join(options.cache, path, "file"), "12345");
		}
		await writeFile(join(options.cache, "victims/id_ed25519"), "key");
		expect(await prune(1)).toEqual({ removed: [], freed: 0 });
		for (const folder of new Set(Object.values(left))) await age(folder, 2);
		const pruned = await prune(1);
		expect(shown(pruned.removed)).toEqual(Object.keys(left).sort());
		expect(pruned.freed).toBe(5 * Object.keys(left).length);
		await verifyImage(image);
		expect((await buildImage(options)).cached).toEqual(["base", "modules"]);
	});
});
