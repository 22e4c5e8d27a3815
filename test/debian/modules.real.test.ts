import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { moduleTables, type PlacedModule, readModule } from "../../src/debian/index.ts";
import { find, missing } from "../support/programs.ts";
import { moduleFile, someKernelFiles, someModules } from "./module-file.ts";

const lacking = missing("depmod");
const release = "6.1.0-test";

describe.skipIf(lacking)(`tables beside depmod ${lacking}`, () => {
	let root = "";
	const folder = () => join(root, "lib/modules", release);
	const placed: PlacedModule[] = Object.entries(someModules).map(([path, file]) => ({
		...readModule(moduleFile(file), path),
		path,
	}));
	const ours = new Map(
		moduleTables(placed, someKernelFiles).map((file) => [file.name, file.content]),
	);

	beforeAll(async () => {
		root = await mkdtemp(join(tmpdir(), "ekexec-depmod-"));
		for (const [path, file] of Object.entries(someModules)) {
			await mkdir(dirname(join(folder(), path)), { recursive: true });
			await writeFile(join(folder(), path), moduleFile(file));
		}
		await writeFile(join(folder(), "modules.order"), someKernelFiles.order);
		await writeFile(join(folder(), "modules.builtin"), someKernelFiles.builtin);
		await writeFile(join(folder(), "modules.builtin.modinfo"), someKernelFiles.builtinModinfo);
		execFileSync(find("depmod") ?? "depmod", ["-b", root, release], { stdio: "ignore" });
	});
	afterAll(async () => rm(root, { recursive: true, force: true }));

	// depmod writes symbols in the order of its hash table, so that one is compared as a set.
	test.each([
		"modules.alias",
		"modules.softdep",
		"modules.devname",
		"modules.symbols",
		"modules.dep",
	])("%s says the same", async (name) => {
		const lines = (bytes: Uint8Array | undefined) =>
			Buffer.from(bytes ?? [])
				.toString()
				.split("\n")
				.filter((line) => !line.startsWith("#"))
				.sort();
		expect(lines(ours.get(name))).toEqual(lines(await readFile(join(folder(), name))));
	});

	test.each([
		"modules.alias.bin",
		"modules.dep.bin",
		"modules.symbols.bin",
		"modules.builtin.bin",
		"modules.builtin.alias.bin",
	])("%s is the same to the byte", async (name) => {
		const theirs = await readFile(join(folder(), name));
		expect(Buffer.from(ours.get(name) ?? []).toString("hex")).toBe(theirs.toString("hex"));
	});

	test("modprobe finds its way in ours", async () => {
		for (const [name, content] of ours) await writeFile(join(folder(), name), content);
		const show = (...names: string[]) =>
			execFileSync(
				find("modprobe") ?? "modprobe",
				["-d", root, "-S", release, "--show-depends", ...names],
				{
					encoding: "utf8",
				},
			)
				.split("\n")
				.map((line) => line.trim().split("/").at(-1))
				.filter((name) => name !== "");
		expect(show("ahci")).toEqual(["scsi_mod.ko", "libata.ko", "libahci.ko", "ahci.ko"]);
		expect(show("pci:v00008086d00002922sv0sd0bc00sc00i00")).toEqual(show("ahci"));
		expect(show("symbol:mb_cache_create")).toEqual(["mbcache.ko"]);
		expect(show("virtio_pci").join()).toMatch(/builtin/);
	});
});
