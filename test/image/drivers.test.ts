import { describe, expect, test } from "vitest";
import { text, utf8 } from "../../src/bytes/index.ts";
import { driversOf, driverTable, formatDrivers } from "../../src/image/drivers.ts";
import { chooseLayers } from "../../src/rescue/image-traits.ts";
import { healthyFacts } from "../support/facts.ts";

const nothing = { depends: [], softdeps: [], weakdeps: [], exports: [] };
const modules = [
	{
		...nothing,
		name: "tg3",
		path: "kernel/drivers/net/tg3.ko",
		aliases: ["pci:v000014E4d00001657sv*sd*bc*sc*i*"],
		firmware: ["tigon/tg3.bin"],
	},
	{
		...nothing,
		name: "ext4",
		path: "kernel/fs/ext4/ext4.ko",
		aliases: ["fs-ext4"],
		firmware: [],
	},
	{
		...nothing,
		name: "ahci",
		path: "kernel/drivers/ata/ahci.ko",
		aliases: ["pci:v*d*sv*sd*bc01sc06i01*"],
		firmware: [],
	},
];
const kernel = {
	order: "",
	builtin: "kernel/fs/fuse/virtiofs.ko\nkernel/drivers/xen/xenbus/xenbus-probe.ko\n",
	builtinModinfo: utf8("virtio_pci.alias=pci:v00001AF4d*sv*sd*bc*sc*i*\0virtio_pci.license=GPL\0"),
};
const drivers = driversOf(modules, kernel);

describe("drivers of an image", () => {
	test("modules and what is built in, on the buses of disks and cards", () => {
		expect(drivers.map(({ module }) => module)).toEqual([
			"ahci",
			"tg3",
			"virtio_pci",
			"xenbus_probe",
		]);
		expect(JSON.parse(text(formatDrivers(drivers)))).toEqual({ drivers });
	});

	test("are found by a device's modalias, also by its class alone", () => {
		const table = driverTable(drivers);
		expect(table.find("pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00")).toEqual([
			"virtio_pci",
		]);
		expect(table.find("pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01")).toEqual(["ahci"]);
		expect(table.find("pci:v00008086d00001237sv00001AF4sd00001100bc06sc00i00")).toEqual([]);
	});

	test("what is built in is known by its name at least", () => {
		const table = driverTable(drivers);
		expect(table.has("xenbus-probe")).toBe(true);
		expect(table.has("virtiofs")).toBe(false);
	});

	test("firmware is sent where a device's driver asks for it, or where nobody knows", () => {
		const layers = [{ kind: "base" }, { kind: "firmware" }];
		const image = { layers } as unknown as Parameters<typeof chooseLayers>[0];
		const sent = (modaliases: readonly string[], table = driverTable(drivers)) =>
			chooseLayers(image, healthyFacts({ modaliases }), table).map(({ kind }) => kind);
		expect(sent(["pci:v000014E4d00001657sv0sd0bc02sc00i00"])).toEqual(["base", "firmware"]);
		expect(sent(["pci:v00001AF4d00001000sv0sd0bc02sc00i00"])).toEqual(["base"]);
		expect(chooseLayers(image, healthyFacts(), undefined)).toHaveLength(2);
	});
});
