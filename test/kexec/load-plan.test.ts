import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { alignUp, concat, text, utf8 } from "../../src/bytes/index.ts";
import { readBzImage } from "../../src/kexec/bzimage.ts";
import { parseFdt, writeFdt } from "../../src/kexec/fdt.ts";
import {
	type LoadFacts,
	type LoadPlan,
	loadSources,
	type MemoryRange,
	planArm64,
	planX86,
} from "../../src/kexec/index.ts";
import { readLoadFacts } from "../../src/kexec/load-facts.ts";
import { readIomem, subtract } from "../../src/kexec/memory-map.ts";
import { extraOf, fixture, MiB, range } from "./support/layout.ts";

const none = { outer: [], inner: [] };

/** A machine as QEMU's, 512 MiB. */
const firmware = [
	range(0, 0x9fc00),
	range(0x9fc00, 0xa0000, "Reserved"),
	range(0xf0000, 0x100000, "Reserved"),
	range(0x100000, 0x1ffdf000),
	range(0x1ffdf000, 0x20000000, "ACPI Tables"),
];
const kernel = concat([fixture("bzimage-head"), new Uint8Array(8 * MiB)]);
const input = { kernel, initrdSize: 50 * MiB + 7, commandLine: "console=ttyS0" };

function checkLayout(plan: LoadPlan, free: readonly MemoryRange[], page: bigint): void {
	const { segments, entry } = plan.load;
	for (const [index, segment] of segments.entries()) {
		expect(segment.memory % page).toBe(0n);
		expect(segment.memorySize % page).toBe(0n);
		expect(segment.memorySize).toBeGreaterThanOrEqual(BigInt(segment.size));
		const inside = free.some(
			(range) => range.start <= segment.memory && segment.memory + segment.memorySize <= range.end,
		);
		expect(inside, `segment ${index} in memory`).toBe(true);
		const next = segments[index + 1];
		if (next !== undefined)
			expect(segment.memory + segment.memorySize).toBeLessThanOrEqual(next.memory);
	}
	expect(segments.some((s) => s.memory <= entry && entry < s.memory + BigInt(s.size))).toBe(true);
}

describe("kexec_load on x86-64", () => {
	const plan = planX86(input, { firmware, iomem: none });

	test("segments lie in memory, apart, on pages", () => {
		checkLayout(
			plan,
			firmware.filter((range) => range.kind === "System RAM"),
			4096n,
		);
		const [first] = plan.load.segments.filter((segment) => segment.file === 0);
		expect(first).toMatchObject({ offset: 20_480, memory: 0x1000000n });
	});

	test("the kernel's segment is all that its decompressor works in: the old kernel's page tables stay out", () => {
		const [first] = plan.load.segments.filter((segment) => segment.file === 0);
		const { initSize } = readBzImage(kernel);
		expect(initSize).toBeGreaterThan(kernel.length);
		expect(first?.memorySize).toBe(BigInt(alignUp(initSize, 4096)));
	});

	test("boot parameters: header, memory map, initrd, command line", () => {
		const bytes = extraOf(plan);
		const view = new DataView(bytes.buffer, bytes.byteOffset);
		const extra = plan.load.segments.find((segment) => segment.file === 2);
		const initrd = plan.load.segments.find((segment) => segment.file === 1);
		expect(view.getUint32(0x202, true)).toBe(0x53726448);
		expect(view.getUint8(0x210)).toBe(0xd0);
		expect(BigInt(view.getUint32(0x218, true))).toBe(initrd?.memory);
		expect(view.getUint32(0x21c, true)).toBe(input.initrdSize);
		const lineAt = view.getUint32(0x228, true) - Number(extra?.memory);
		expect(text(bytes.subarray(lineAt, lineAt + 14))).toBe("console=ttyS0\0");
		expect(view.getUint8(0x1e8)).toBe(firmware.length);
		expect(view.getBigUint64(0x2d0 + 3 * 20, true)).toBe(0x100000n);
		expect([0, 1, 4].map((i) => view.getUint32(0x2d0 + i * 20 + 16, true))).toEqual([1, 2, 3]);
	});

	test("the trampoline knows where it lies, the parameters and the 64-bit entry", () => {
		const bytes = extraOf(plan).subarray(4096);
		const view = new DataView(bytes.buffer, bytes.byteOffset);
		const at = plan.load.segments.find((segment) => segment.file === 2)?.memory ?? 0n;
		expect(plan.load.entry).toBe(at + 4096n);
		expect(view.getBigUint64(0x60, true)).toBe(at + 4096n + 0x38n);
		expect(view.getBigUint64(0x68, true)).toBe(at);
		expect(view.getBigUint64(0x70, true)).toBe(0x1000200n);
	});

	test("what the running kernel does not use as memory, and reserved stretches, stay free", () => {
		const iomem = readIomem(
			"00100000-0fffffff : System RAM\n  01000000-01ffffff : Kernel code\n  05000000-0503ffff : Reserved\n10000000-1ffdefff : Reserved\n",
		);
		const small = planX86({ ...input, initrdSize: MiB }, { firmware, iomem });
		checkLayout(
			small,
			subtract([range(0x100000, 0x10000000)], [range(0x5000000, 0x5040000)]),
			4096n,
		);
	});

	test("more than 128 entries of memory map go on in setup_data", () => {
		const many = [
			...firmware,
			...Array.from({ length: 200 }, (_, i) =>
				range(2 ** 32 + i * 8192, 2 ** 32 + i * 8192 + 4096, "Reserved"),
			),
		];
		const big = planX86(input, { firmware: many, iomem: none });
		const bytes = extraOf(big);
		const view = new DataView(bytes.buffer, bytes.byteOffset);
		const at = Number(
			view.getBigUint64(0x250, true) - (big.load.segments.find((s) => s.file === 2)?.memory ?? 0n),
		);
		expect(view.getUint8(0x1e8)).toBe(128);
		expect([view.getUint32(at + 8, true), view.getUint32(at + 12, true)]).toEqual([
			1,
			(205 - 128) * 20,
		]);
	});

	test("EFI: system table, runtime map and ACPI pointer are handed over", () => {
		const old = new Uint8Array(4096);
		old.set(utf8("EL64"), 0x1c0);
		new DataView(old.buffer).setUint32(0x1c4, 0x7f000000, true);
		const runtime = [
			{
				type: 5n,
				physical: 0x7e000000n,
				virtual: 0xfffffffefe000000n,
				pages: 16n,
				attribute: 0x800000000000000fn,
			},
		];
		const facts: LoadFacts = {
			firmware,
			iomem: none,
			bootParams: old,
			rsdp: 0x7fbfe014n,
			efi: { vendor: 1n, tables: 2n, smbios: 3n, runtime },
		};
		const efi = planX86(input, facts);
		const bytes = extraOf(efi);
		const view = new DataView(bytes.buffer, bytes.byteOffset);
		const base = efi.load.segments.find((segment) => segment.file === 2)?.memory ?? 0n;
		expect(view.getBigUint64(0x70, true)).toBe(0x7fbfe014n);
		expect(text(bytes.subarray(0x1c0, 0x1c4))).toBe("EL64");
		expect([
			view.getUint32(0x1c4, true),
			view.getUint32(0x1c8, true),
			view.getUint32(0x1d4, true),
		]).toEqual([0x7f000000, 48, 48]);
		const map = view.getUint32(0x1d0, true) - Number(base);
		expect(view.getBigUint64(map + 16, true)).toBe(0xfffffffefe000000n);
		const setup = Number(view.getBigUint64(0x250, true) - base);
		expect([view.getUint32(setup + 8, true), view.getBigUint64(setup + 16, true)]).toEqual([4, 1n]);
	});

	test("refusals", () => {
		const code = (facts: LoadFacts, more: object = {}) => {
			try {
				planX86({ ...input, ...more }, facts);
			} catch (error) {
				return (error as { code?: string }).code;
			}
			return undefined;
		};
		expect(code({ firmware: [], iomem: none })).toBe("LOAD_NO_MAP");
		expect(code({ firmware: [range(0x100000, 64 * MiB)], iomem: none })).toBe("LOAD_NO_ROOM");
		expect(code({ firmware, iomem: none }, { initrdSize: 600 * MiB })).toBe("LOAD_NO_ROOM");
		expect(code({ firmware, iomem: none }, { commandLine: "x".repeat(2048) })).toBe(
			"LOAD_COMMAND_LINE",
		);
		const fixed = kernel.slice();
		fixed[0x234] = 0;
		expect(code({ firmware, iomem: none }, { kernel: fixed })).toBe("LOAD_KERNEL");
	});

	test("any memory map gives a sound layout or a refusal", () => {
		const some = fc
			.tuple(fc.nat(2000), fc.integer({ min: 1, max: 600 }))
			.map(([at, size]) => range(at * MiB, (at + size) * MiB));
		fc.assert(
			fc.property(
				fc.array(some, { maxLength: 4 }),
				fc.integer({ min: 1, max: 200 * MiB }),
				(maps, initrdSize) => {
					const apart: MemoryRange[] = [];
					for (const next of maps) apart.push(...subtract([next], apart));
					apart.sort((a, b) => (a.start < b.start ? -1 : 1));
					try {
						checkLayout(
							planX86({ ...input, initrdSize }, { firmware: apart, iomem: none }),
							apart,
							4096n,
						);
					} catch (error) {
						expect(["LOAD_NO_ROOM", "LOAD_NO_MAP"]).toContain((error as { code?: string }).code);
					}
				},
			),
			{ numRuns: 60 },
		);
	});
});

describe("device trees", () => {
	const dtb = fixture("virt.dtb");
	test("QEMU's tree is written as it was read", () => {
		const tree = parseFdt(dtb);
		expect(parseFdt(writeFdt(tree))).toEqual(tree);
		expect(tree.root.children.map(({ name }) => name)).toContain("chosen");
	});
	test.each([0, 4, 40, 100, 1000])("cut at %i it is refused", (length) => {
		expect(() => parseFdt(dtb.subarray(0, length))).toThrow(
			expect.objectContaining({ code: expect.stringMatching(/^(FDT_BROKEN|BYTES_TRUNCATED)$/) }),
		);
	});
});

describe("kexec_load on arm64", () => {
	const image = concat([fixture("arm64-head"), new Uint8Array(MiB)]);
	const iomem = {
		outer: [range(0x40000000, 0x60000000)],
		inner: [range(0x5f000000, 0x5f100000, "reserved")],
	};
	const facts: LoadFacts = { firmware: [], iomem, fdt: fixture("virt.dtb") };
	const plan = planArm64(
		{ kernel: image, initrdSize: 5 * MiB, commandLine: "console=ttyAMA0" },
		facts,
	);

	test("segments lie in memory, apart, on pages of 64 KiB", () => {
		checkLayout(plan, subtract(iomem.outer, iomem.inner), 65_536n);
		const [first] = plan.load.segments;
		expect(first?.memory).toBe(0x40000000n);
	});

	test("the tree is the old one with another command line and initrd, and no used-up seeds", () => {
		const segment = plan.load.segments.find((s) => s.file === 2 && s.offset > 0);
		const bytes = extraOf(plan).subarray(segment?.offset);
		const chosen = new Map(
			parseFdt(bytes).root.children.find((node) => node.name === "chosen")?.properties,
		);
		const initrd = plan.load.segments.find((s) => s.file === 1)?.memory ?? 0n;
		const number = (name: string) => {
			const value = chosen.get(name) ?? new Uint8Array(8);
			return new DataView(value.buffer, value.byteOffset).getBigUint64(0);
		};
		expect(text(chosen.get("bootargs") ?? new Uint8Array())).toBe("console=ttyAMA0\0");
		expect([number("linux,initrd-start"), number("linux,initrd-end")]).toEqual([
			initrd,
			initrd + BigInt(5 * MiB),
		]);
		expect(chosen.has("kaslr-seed") || chosen.has("rng-seed")).toBe(false);
		const jump = extraOf(plan);
		const view = new DataView(jump.buffer, jump.byteOffset);
		expect(view.getBigUint64(0x18, true)).toBe(segment?.memory);
		expect(view.getBigUint64(0x20, true)).toBe(0x40000000n);
	});

	test("refusals", () => {
		const wanted = { kernel: image, initrdSize: 0, commandLine: "" };
		const { fdt: _, ...bare } = facts;
		expect(() => planArm64({ ...wanted, kernel }, facts)).toThrow(
			expect.objectContaining({ code: "LOAD_KERNEL" }),
		);
		expect(() => planArm64(wanted, bare)).toThrow(expect.objectContaining({ code: "LOAD_NO_MAP" }));
		expect(() => planArm64(wanted, { ...facts, iomem: none })).toThrow(
			expect.objectContaining({ code: "LOAD_NO_MAP" }),
		);
		const tight = { ...facts, iomem: { outer: [range(0x40000000, 0x42000000)], inner: [] } };
		expect(() => planArm64(wanted, tight)).toThrow(
			expect.objectContaining({ code: "LOAD_NO_ROOM" }),
		);
	});
});

test("facts for loading, as sysfs tells them", () => {
	const item = (path: string, content: string | Uint8Array) => ({
		path: utf8(path),
		errno: 0,
		state: "whole" as const,
		size: 0,
		bytes: typeof content === "string" ? utf8(content) : content,
	});
	const params = new Uint8Array(4096);
	const contents = [
		[
			item("/sys/firmware/memmap/1/type", "Reserved\n"),
			item("/sys/firmware/memmap/1/start", "0x9fc00\n"),
			item("/sys/firmware/memmap/1/end", "0x9ffff\n"),
			item("/sys/firmware/memmap/0/start", "0x0\n"),
			item("/sys/firmware/memmap/0/end", "0x9fbff\n"),
			item("/sys/firmware/memmap/0/type", "System RAM\n"),
		],
		[item("/proc/iomem", "00000000-00000000 : System RAM\n00001000-0009fbff : System RAM\n")],
		[item("/sys/kernel/boot_params/data", params)],
		[item("/sys/firmware/efi/systab", "ACPI20=0x7fbfe014\nSMBIOS=0x7fbcc000\n")],
		[item("/sys/firmware/efi/fw_vendor", "0x7fe4f598\n")],
		[item("/sys/firmware/efi/config_table", "0x7fec0f18\n")],
		[
			item("/sys/firmware/efi/runtime-map/0/type", "0x5\n"),
			item("/sys/firmware/efi/runtime-map/0/num_pages", "0x10\n"),
			item("/sys/firmware/efi/runtime-map/0/phys_addr", "0x7e000000\n"),
			item("/sys/firmware/efi/runtime-map/0/virt_addr", "0xfffffffefe000000\n"),
			item("/sys/firmware/efi/runtime-map/0/attribute", "0x800000000000000f\n"),
			// Hexadecimal digits without their prefix are no number.
			item("/sys/firmware/efi/runtime-map/0/other", "f00\n"),
		],
		[],
	];
	const answers = loadSources().map((source, i) => ({
		source,
		items: contents[i] ?? [],
		errno: 0,
		state: "whole" as const,
	}));
	expect(readLoadFacts(answers)).toEqual({
		firmware: [range(0, 0x9fc00), range(0x9fc00, 0xa0000, "Reserved")],
		iomem: { outer: [range(0x1000, 0x9fc00)], inner: [] },
		bootParams: params,
		rsdp: 0x7fbfe014n,
		efi: {
			vendor: 0x7fe4f598n,
			tables: 0x7fec0f18n,
			smbios: 0x7fbcc000n,
			runtime: [
				{
					type: 5n,
					physical: 0x7e000000n,
					virtual: 0xfffffffefe000000n,
					pages: 16n,
					attribute: 0x800000000000000fn,
				},
			],
		},
	});
	expect(alignUp(1, 4096)).toBe(4096);
});
