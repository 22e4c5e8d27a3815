// What a new kernel works in before it manages its own memory must be its segment, and nobody else's. What the old
// kernel needs for the jump, its page tables first of all, it keeps out of segments and out of nothing else.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concat, text, utf8 } from "../../src/bytes/index.ts";
import { readArm64Image } from "../../src/kexec/arm64-image.ts";
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
import { type EfiMemory, readLoadFacts } from "../../src/kexec/load-facts.ts";
import { readIomem } from "../../src/kexec/memory-map.ts";
import { extraOf, fixture, MiB, range } from "./support/layout.ts";

const GiB = 1024 * MiB;
const none = { outer: [], inner: [] };
const kernel = concat([fixture("bzimage-head"), new Uint8Array(8 * MiB)]);
const image = concat([fixture("arm64-head"), new Uint8Array(MiB)]);
const tree = fixture("virt.dtb");
const input = { kernel, initrdSize: 5 * MiB, commandLine: "console=ttyS0" };

interface Stretch {
	readonly from: bigint;
	readonly to: bigint;
}
const stretch = (from: bigint, size: number | bigint): Stretch => ({
	from,
	to: from + BigInt(size),
});
const segmentOf = (plan: LoadPlan, file: number) => {
	const found = plan.load.segments.find((segment) => segment.file === file);
	if (found === undefined) throw new Error(`no segment of file ${file}`);
	return { ...found, ...stretch(found.memory, found.memorySize) };
};
const codeOf = (act: () => unknown): string | undefined => {
	try {
		act();
	} catch (error) {
		return (error as { code?: string }).code;
	}
	return undefined;
};

/** Where an x86 kernel loaded at `at` unpacks itself (arch/x86/boot/compressed/head_64.S). */
const worksIn = (at: bigint): Stretch => {
	const { preferredAddress, alignment, initSize } = readBzImage(kernel);
	const step = BigInt(alignment);
	const aligned = ((at + step - 1n) / step) * step;
	const from = aligned < BigInt(preferredAddress) ? BigInt(preferredAddress) : aligned;
	return stretch(from, initSize);
};

/** All of `wanted` is the kernel's segment, and none of it another's. */
function expectOwn(plan: LoadPlan, wanted: Stretch): void {
	const own = segmentOf(plan, 0);
	expect(own.from <= wanted.from && wanted.to <= own.to).toBe(true);
	for (const other of plan.load.segments.filter(({ file }) => file !== 0)) {
		const end = other.memory + other.memorySize;
		expect(end <= wanted.from || other.memory >= wanted.to).toBe(true);
	}
}

/** All of it is memory in one piece. */
function expectMemory(wanted: Stretch, memory: readonly MemoryRange[]): void {
	expect(memory.some(({ start, end }) => start <= wanted.from && wanted.to <= end)).toBe(true);
}

/** Around what a kernel takes, and beyond. */
const sizes = fc.oneof(fc.integer({ min: 60, max: 100 }), fc.integer({ min: 1, max: 6000 }));
const holes = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 300 }));
const initrds = fc.oneof(fc.integer({ min: 1, max: MiB }), fc.integer({ min: 1, max: 200 * MiB }));
/** Memory in up to five pieces, from any address on, with holes of any size. */
const memories = (from: number) =>
	fc
		.array(fc.tuple(holes, sizes), {
			minLength: 1,
			maxLength: 5,
		})
		.map((pieces) => {
			let at = from;
			return pieces.map(([hole, size]) => {
				const start = at + hole * MiB;
				at = start + size * MiB;
				return range(start, at);
			});
		});

describe("a kernel's working memory is its segment", () => {
	test("x86-64, whatever the memory map", () => {
		fc.assert(
			fc.property(memories(MiB), initrds, (firmware, initrdSize) => {
				let plan: LoadPlan;
				try {
					plan = planX86({ ...input, initrdSize }, { firmware, iomem: none });
				} catch (error) {
					expect(error).toMatchObject({ code: "LOAD_NO_ROOM" });
					return;
				}
				const wanted = worksIn(segmentOf(plan, 0).memory);
				expectOwn(plan, wanted);
				expectMemory(wanted, firmware);
			}),
			{ numRuns: 1000 },
		);
	});

	test("arm64, whatever the memory map", () => {
		const { imageSize, textOffset } = readArm64Image(image);
		fc.assert(
			fc.property(memories(GiB), initrds, (outer, initrdSize) => {
				let plan: LoadPlan;
				try {
					plan = planArm64(
						{ kernel: image, initrdSize, commandLine: "" },
						{ firmware: [], iomem: { outer, inner: [] }, fdt: tree },
					);
				} catch (error) {
					expect(error).toMatchObject({ code: "LOAD_NO_ROOM" });
					return;
				}
				const own = segmentOf(plan, 0);
				const initrd = segmentOf(plan, 1);
				const wanted = stretch(own.from, imageSize);
				expectOwn(plan, wanted);
				expectMemory(wanted, outer);
				expect((own.from - BigInt(textOffset)) % BigInt(2 * MiB)).toBe(0n);
				// booting.rst: a window of 32 GiB that begins at a multiple of 1 GiB holds both.
				const window = (own.from / BigInt(GiB)) * BigInt(GiB);
				expect(initrd.from >= window && initrd.to <= window + 32n * BigInt(GiB)).toBe(true);
			}),
			{ numRuns: 300 },
		);
	});
});

describe("x86-64", () => {
	test("no place below the preferred address: the kernel would move up, out of its segment", () => {
		const firmware = [range(MiB, 70 * MiB)];
		expect(codeOf(() => planX86(input, { firmware, iomem: none }))).toBe("LOAD_NO_ROOM");
		const more = [...firmware, range(4 * GiB, 5 * GiB)];
		const plan = planX86(input, { firmware: more, iomem: none });
		expect(segmentOf(plan, 0).memory).toBe(BigInt(4 * GiB));
	});

	test("five-level page tables: a kernel that does not know them is refused", () => {
		const facts = { firmware: [range(MiB, GiB)], iomem: none, fiveLevels: true };
		expect(codeOf(() => planX86(input, facts))).toBe(undefined);
		const old = kernel.slice();
		old[0x236] = (old[0x236] ?? 0) % 32;
		expect(codeOf(() => planX86({ ...input, kernel: old }, facts))).toBe("LOAD_KERNEL");
		expect(codeOf(() => planX86({ ...input, kernel: old }, { ...facts, fiveLevels: false }))).toBe(
			undefined,
		);
	});

	const e820 = (plan: LoadPlan): [from: number, to: number, type: number][] => {
		const view = new DataView(extraOf(plan).buffer, extraOf(plan).byteOffset);
		return Array.from({ length: view.getUint8(0x1e8) }, (_, i) => {
			const at = 0x2d0 + i * 20;
			const start = Number(view.getBigUint64(at, true));
			return [
				start,
				start + Number(view.getBigUint64(at + 8, true)),
				view.getUint32(at + 16, true),
			];
		});
	};

	test("a map made from /proc/iomem: no window of PCI is called reserved, what is reserved stays so", () => {
		const iomem = readIomem(`00000000-00000fff : Reserved
00001000-0009fbff : System RAM
000a0000-000bffff : PCI Bus 0000:00
00100000-1fffffff : System RAM
  01000000-01ffffff : Kernel code
  05000000-05000fff : Reserved
20000000-200fffff : ACPI Tables
b0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]
  b0000000-bfffffff : Reserved
c0000000-febfffff : PCI Bus 0000:00
  febd0000-febd0fff : 0000:00:02.0
fec00000-fec003ff : IOAPIC 0
`);
		expect(e820(planX86(input, { firmware: [], iomem }))).toEqual([
			[0, 0x1000, 2],
			[0x1000, 0x9fc00, 1],
			[0x100000, 0x5000000, 1],
			[0x5000000, 0x5001000, 2],
			[0x5001000, 0x20000000, 1],
			[0x20000000, 0x20100000, 3],
			[0xb0000000, 0xc0000000, 2],
		]);
	});

	test("memory that was plugged in later is the next kernel's to find", () => {
		const params = new Uint8Array(4096);
		const view = new DataView(params.buffer);
		const atStart = [range(0, 0x9f000), range(MiB, 0x30000000)];
		atStart.forEach(({ start, end }, i) => {
			view.setBigUint64(0x2d0 + i * 20, start, true);
			view.setBigUint64(0x2d0 + i * 20 + 8, end - start, true);
			view.setUint32(0x2d0 + i * 20 + 16, 1, true);
		});
		view.setUint8(0x1e8, atStart.length);
		const reserved = range(0xfffc0000, 4 * GiB, "Reserved");
		const firmware = [...atStart, reserved, range(4 * GiB, 8 * GiB)];
		const facts = { firmware, iomem: none, bootParams: params };
		const shown = [
			[0, 0x9f000, 1],
			[MiB, 0x30000000, 1],
			[0xfffc0000, 4 * GiB, 2],
		];
		expect(e820(planX86(input, facts))).toEqual(shown);
		expect(codeOf(() => planX86({ ...input, initrdSize: 700 * MiB }, facts))).toBe("LOAD_NO_ROOM");
		// A full table goes on elsewhere, and an empty one tells nothing.
		for (const count of [0, 128]) {
			view.setUint8(0x1e8, count);
			expect(e820(planX86(input, facts))).toEqual([...shown, [4 * GiB, 8 * GiB, 1]]);
		}
	});

	test("what the firmware reserves within memory is not used, even where its map overlaps", () => {
		const firmware = [range(MiB, GiB), range(16 * MiB, 512 * MiB, "Reserved")];
		const plan = planX86(input, { firmware, iomem: none });
		for (const { memory } of plan.load.segments)
			expect(memory).toBeGreaterThanOrEqual(BigInt(512 * MiB));
	});

	describe("EFI's services", () => {
		const entry = (virtual: bigint): EfiMemory => ({
			type: 5n,
			physical: 0x7e000000n,
			virtual,
			pages: 16n,
			attribute: 0x800000000000000fn,
		});
		const facts = (signature: string, virtual: bigint): LoadFacts => {
			const bootParams = new Uint8Array(4096);
			bootParams.set(utf8(signature), 0x1c0);
			return {
				firmware: [range(MiB, GiB)],
				iomem: none,
				bootParams,
				rsdp: 0x7fbfe014n,
				efi: { vendor: 1n, services: 4n, tables: 2n, smbios: 3n, runtime: [entry(virtual)] },
			};
		};
		const where = 0xfffffffefe000000n;
		const told = (of: LoadFacts) => {
			const bytes = extraOf(planX86(input, of));
			const view = new DataView(bytes.buffer, bytes.byteOffset);
			return [text(bytes.subarray(0x1c0, 0x1c4)), view.getBigUint64(0x70, true)];
		};

		test.each([
			["of 64 bits, mapped where kernels map them: taken over", "EL64", where, "EL64"],
			["of 32 bits: not", "EL32", where, "\0\0\0\0"],
			["mapped elsewhere (efi=old_map): not", "EL64", 0xffff9c0000000000n, "\0\0\0\0"],
			["not mapped at all: not", "EL64", 0n, "\0\0\0\0"],
		] as const)("%s; ACPI always", (_name, signature, virtual, expected) => {
			expect(told(facts(signature, virtual))).toEqual([expected, 0x7fbfe014n]);
		});

		test("their table for kernels before 5.7", () => {
			const plan = planX86(input, facts("EL64", where));
			const bytes = extraOf(plan);
			const view = new DataView(bytes.buffer, bytes.byteOffset);
			const at = Number(view.getBigUint64(0x250, true) - segmentOf(plan, 2).memory) + 16;
			expect([0, 8, 16, 24].map((i) => view.getBigUint64(at + i, true))).toEqual([1n, 4n, 2n, 3n]);
		});
	});

	const auxv = `\x10${"\0".repeat(15)}\x06${"\0".repeat(8)}\x40${"\0".repeat(6)}`;
	test("facts: SMBIOS is the first version's entry, five levels are those in use", () => {
		const contents: Readonly<Record<string, string>> = {
			"/sys/firmware/efi/systab": "ACPI20=0x1\nSMBIOS3=0x30\nSMBIOS=0x10\n",
			"/sys/firmware/efi/fw_vendor": "0x2\n",
			"/sys/firmware/efi/config_table": "0x3\n",
			"/sys/firmware/efi/runtime": "0x4\n",
			"/sys/firmware/efi/runtime-map/0/type": "0x5\n",
			"/proc/self/auxv": auxv,
			"/proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu la57 sse\n\nprocessor\t: 1\n",
		};
		const read = (change: Readonly<Record<string, string>>) =>
			readLoadFacts(
				loadSources().map((source) => {
					const pattern = text(source.argument);
					const items = Object.entries({ ...contents, ...change })
						.filter(
							([path]) =>
								path.startsWith(pattern.replaceAll("/*", "")) &&
								path.split("/").length === pattern.split("/").length,
						)
						.map(([path, content]) => ({
							path: utf8(path),
							errno: 0,
							state: "cut" as const,
							size: content.length,
							bytes: utf8(content),
						}))
						.map((item) =>
							text(item.path) === "/proc/cpuinfo" ? item : { ...item, state: "whole" as const },
						);
					return { source, items, errno: 0, state: "whole" as const };
				}),
			);
		expect(read({})).toMatchObject({
			fiveLevels: true,
			pageSize: 0x4000,
			efi: { smbios: 0x10n, services: 4n },
		});
		const third = { "/sys/firmware/efi/systab": "SMBIOS3=0x30\n", "/proc/cpuinfo": "flags: fpu\n" };
		expect(read(third)).toMatchObject({ fiveLevels: false, efi: { smbios: 0n } });
	});
});

describe("arm64", () => {
	const facts = (fdt: Uint8Array, end = 2 * GiB): LoadFacts => ({
		firmware: [],
		iomem: { outer: [range(GiB, end)], inner: [] },
		fdt,
	});

	test("the segment of the kernel is all of image_size", () => {
		const plan = planArm64({ kernel: image, initrdSize: 0, commandLine: "" }, facts(tree));
		const { imageSize } = readArm64Image(image);
		expect(imageSize).toBeGreaterThan(image.length);
		expect(segmentOf(plan, 0).memorySize).toBe(BigInt(Math.ceil(imageSize / 65_536) * 65_536));
	});

	test("what a kernel before left in memory, and a boot loader's initrd, are gone from the tree", () => {
		const changed = parseFdt(tree);
		const chosen = changed.root.children.find(({ name }) => name === "chosen");
		const cells = Uint8Array.of(0x48, 0, 0, 0);
		const properties = ["linux,ima-kexec-buffer", "linux,kho-fdt", "linux,kho-scratch"];
		chosen?.properties.splice(0, chosen.properties.length, ["linux,initrd-start", cells]);
		for (const name of properties) chosen?.properties.push([name, new Uint8Array(16)]);
		const kept = { address: 0x41000000n, size: 0x1000n };
		const reserved = [{ address: 0x48000000n, size: 0x800000n }, kept];
		const plan = planArm64(
			{ kernel: image, initrdSize: MiB, commandLine: "" },
			facts(writeFdt({ ...changed, reserved })),
		);
		const at = plan.load.segments.find(({ file, offset }) => file === 2 && offset > 0)?.offset;
		const next = parseFdt(extraOf(plan).subarray(at));
		const names = next.root.children
			.find(({ name }) => name === "chosen")
			?.properties.map(([name]) => name);
		expect(names?.sort()).toEqual(["bootargs", "linux,initrd-end", "linux,initrd-start"]);
		expect(next.reserved).toEqual([kept]);
	});

	test("pages of another size than 4 KiB: only where the running kernel has them", () => {
		const large = image.slice();
		large[24] = 3 * 2 + 8;
		const wanted = { kernel: large, initrdSize: 0, commandLine: "" };
		expect(readArm64Image(large).pageSize).toBe(64);
		expect(codeOf(() => planArm64(wanted, facts(tree)))).toBe("LOAD_KERNEL");
		expect(codeOf(() => planArm64(wanted, { ...facts(tree), pageSize: 4096 }))).toBe("LOAD_KERNEL");
		expect(codeOf(() => planArm64(wanted, { ...facts(tree), pageSize: 65_536 }))).toBe(undefined);
		expect(codeOf(() => planArm64({ ...wanted, kernel: image }, facts(tree)))).toBe(undefined);
	});

	test("a crash kernel's memory stays out: the old kernel has no mapping of it to copy through", () => {
		const outer = [range(GiB, 2 * GiB)];
		const inner = [range(GiB + MiB, GiB + 512 * MiB, "Crash kernel")];
		const plan = planArm64(
			{ kernel: image, initrdSize: 5 * MiB, commandLine: "" },
			{ firmware: [], iomem: { outer, inner }, fdt: tree },
		);
		for (const { memory, memorySize } of plan.load.segments)
			expectMemory(stretch(memory, memorySize), [
				range(GiB, GiB + MiB),
				range(GiB + 512 * MiB, 2 * GiB),
			]);
	});

	test("nothing lies further up than it has to: memory plugged in later is unknown to the next kernel", () => {
		const plan = planArm64(
			{ kernel: image, initrdSize: 5 * MiB, commandLine: "" },
			facts(tree, 64 * GiB),
		);
		for (const { memory, memorySize } of plan.load.segments)
			expect(memory + memorySize).toBeLessThan(BigInt(GiB + 128 * MiB));
	});
});
