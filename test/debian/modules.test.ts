import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { text } from "../../src/bytes/index.ts";
import {
	AliasTable,
	chooseModules,
	moduleName,
	moduleTables,
	type PlacedModule,
	parseModinfo,
	readIndex,
	readModule,
	writeIndex,
} from "../../src/debian/index.ts";
import { underscored } from "../../src/debian/modules/alias.ts";
import { moduleFile, someKernelFiles, someModules } from "./module-file.ts";

const placed: PlacedModule[] = Object.entries(someModules).map(([path, file]) => ({
	...readModule(moduleFile(file), path),
	path,
}));

describe("readModule", () => {
	test("reads what a module says about itself", () => {
		const ahci = placed.find((module) => module.name === "ahci");
		expect(ahci).toMatchObject({
			aliases: ["pci:v*d*sv*sd*bc01sc06i01*", "pci:v00008086d00002922sv*sd*bc*sc*i*"],
			depends: ["libahci", "libata", "scsi_mod"],
			firmware: ["none/ahci-fw.bin"],
			exports: [],
		});
		expect(placed.find((module) => module.name === "mbcache")?.exports).toEqual([
			"mb_cache_create",
			"mb_cache_destroy",
		]);
		expect(placed.find((module) => module.name === "ext4")?.softdeps).toEqual([
			{ pre: ["crc32c"], post: ["mbcache"], text: "pre: crc32c post: mbcache" },
		]);
	});

	test("names come from the path, as the kernel writes them", () => {
		expect(moduleName("kernel/fs/a-b/c-d.ko.xz")).toBe("c_d");
	});

	test("pairs without = are left out", () => {
		expect(parseModinfo(new TextEncoder().encode("a=b=c\0junk\0=x\0d=\0"))).toEqual([
			["a", "b=c"],
			["d", ""],
		]);
	});

	test.each([
		["an empty file", new Uint8Array(0)],
		["something else", new TextEncoder().encode("#!/bin/something else at all")],
	])("refuses %s", (_name, bytes) => {
		expect(() => readModule(bytes, "x.ko")).toThrow(
			expect.objectContaining({ code: "MODULES_ELF" }),
		);
	});

	test("any damage is an error with a code, never a crash", () => {
		const whole = moduleFile(someModules["kernel/drivers/ata/ahci.ko"] ?? { modinfo: [] });
		fc.assert(
			fc.property(
				fc.nat(whole.length - 1),
				fc.nat(255),
				fc.nat(whole.length),
				(at, byte, length) => {
					const damaged = whole.slice(0, length);
					damaged[at] = byte;
					try {
						readModule(damaged, "x.ko");
					} catch (error) {
						expect(error).toMatchObject({ code: "MODULES_ELF" });
					}
				},
			),
		);
	});
});

describe("indexes", () => {
	const key = fc.string({
		unit: fc.integer({ min: 1, max: 0x7f }).map((c) => String.fromCharCode(c)),
		maxLength: 12,
	});
	const entry = fc.record({ key, value: key, priority: fc.nat(5) });

	test("hold every entry, keys in order, values by priority", () => {
		fc.assert(
			fc.property(fc.array(entry, { maxLength: 60 }), (entries) => {
				const found = readIndex(writeIndex(entries));
				const show = (list: typeof entries) => list.map((e) => JSON.stringify(e)).sort();
				expect(show(found)).toEqual(show(entries));
				found.forEach((one, at) => {
					const before = found[at - 1];
					if (before?.key === one.key) expect(before.priority).toBeLessThanOrEqual(one.priority);
				});
			}),
		);
	});

	test("the smallest one is what kmod writes for one key", () => {
		// From depmod itself: magic, version, root; leaf "b" with prefix; root with one child.
		const bytes = writeIndex([{ key: "ab", value: "v", priority: 7 }]);
		expect(Buffer.from(bytes).toString("hex")).toBe(
			"b007f4570002000120000018" + "6200" + "00000001" + "00000007" + "7600" + "6161" + "c000000c",
		);
	});

	test("keys beyond 7 bits are refused, as kmod refuses them", () => {
		expect(() => writeIndex([{ key: "ä", value: "", priority: 0 }])).toThrow(
			expect.objectContaining({ code: "MODULES_NAME" }),
		);
	});

	test("damage is an error with a code", () => {
		const whole = writeIndex(["ab", "abc", "b"].map((key) => ({ key, value: key, priority: 0 })));
		fc.assert(
			fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
				const damaged = whole.slice();
				damaged[at] = byte;
				try {
					readIndex(damaged);
				} catch (error) {
					expect(error).toMatchObject({ code: expect.stringMatching(/^(MODULES_INDEX|BYTES_)/) });
				}
			}),
		);
	});
});

describe("aliases", () => {
	test.each([
		["a-b", "a_b"],
		["a[b-c]-d", "a[b-c]_d"],
		["a]b", undefined],
		["a[b", undefined],
	])("%s is kept as %s", (alias, expected) => {
		expect(underscored(alias)).toBe(expected);
	});

	const table = new AliasTable(
		placed.flatMap(({ name, aliases }) => aliases.map((alias) => ({ alias, module: name }))),
	);
	test.each([
		["pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01", ["ahci"]],
		["pci:v00001B4Bd00009172sv0sd0bc01sc06i01", ["ahci"]],
		["pci:v00001B4Bd00009172sv0sd0bc02sc00i00", []],
		["virtio:d00000001v00001AF4", ["virtio_net"]],
		["hid:b0003g0001v000005ACp0000020E", ["hid_odd"]],
		["hid:b0003g0001v000005ACp0000020A", []],
		["fs-fuse", ["fuse"]],
		["nothing", []],
	])("%s is served by %j", (asked, expected) => {
		expect(table.find(asked)).toEqual(expected);
	});
});

test("aliases that no kernel has cost neither an error nor time", () => {
	const odd = ["a[z-a]", "a[!z-a]", "a[]", `${"*a".repeat(200)}b`];
	const table = new AliasTable(odd.map((alias) => ({ alias, module: alias })));
	expect(table.find("ab")).toEqual(["a[!z-a]"]);
	expect(table.find("a".repeat(1024))).toEqual([]);
});

describe("chooseModules", () => {
	const names = (wishes: Parameters<typeof chooseModules>[1]) =>
		chooseModules(placed, wishes)
			.modules.map((module) => module.name)
			.sort();

	test("brings hard, soft and weak dependencies along", () => {
		expect(names({ names: ["fuse"] })).toEqual([
			"crc32c_generic",
			"ext4",
			"fuse",
			"jbd2",
			"mbcache",
		]);
	});

	test("finds drivers by what devices ask for", () => {
		const modaliases = ["pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01"];
		expect(names({ modaliases })).toEqual(["ahci", "libahci", "libata", "scsi_mod"]);
		expect(names({ modaliases, within: (path) => path.startsWith("drivers/net/") })).toEqual([]);
	});

	test("takes whole folders", () => {
		expect(names({ paths: (path) => path === "drivers/net/virtio_net" })).toEqual([
			"net_failover",
			"virtio_net",
		]);
	});

	test("tells what nothing answers to", () => {
		expect(chooseModules(placed, { names: ["zfs"], modaliases: ["acpi:X:"] }).unanswered).toEqual([
			"zfs",
			"acpi:X:",
		]);
	});
});

describe("moduleTables", () => {
	const tables = new Map(
		moduleTables(placed, someKernelFiles).map((file) => [file.name, file.content]),
	);
	const table = (name: string) => text(tables.get(name) ?? new Uint8Array(0));

	test("a line of modules.dep loads from its end", () => {
		const line = table("modules.dep")
			.split("\n")
			.find((one) => one.startsWith("kernel/drivers/ata/ahci.ko:"));
		expect(line).toBe(
			"kernel/drivers/ata/ahci.ko: kernel/drivers/ata/libahci.ko kernel/drivers/ata/libata.ko kernel/drivers/scsi/scsi_mod.ko",
		);
	});

	test("devices that load a module when opened", () => {
		expect(table("modules.devname").split("\n")).toContain("fuse fuse c10:229");
	});

	test("modules left out are in no table", () => {
		const few = moduleTables(
			placed.filter((module) => module.name === "scsi_mod"),
			someKernelFiles,
		);
		for (const { name, content } of few) {
			if (name.startsWith("modules.builtin")) continue;
			expect(text(content), name).not.toMatch(/ahci|ext4/);
		}
	});
});
