// kexec_load on arm64: Documentation/arch/arm64/booting.rst, and the order of steps in
// arch/arm64/kernel/machine_kexec_file.c and kexec_image.c.
import { alignUp, concat, EkexecError } from "../bytes/index.ts";
import { isArm64Image, readArm64Image } from "./arm64-image.ts";
import { commandLineBytes } from "./command-line.ts";
import { type FdtNode, parseFdt, setProperty, writeFdt } from "./fdt.ts";
import type { Segment } from "./load.ts";
import type { LoadFacts } from "./load-facts.ts";
import { findLow, type MemoryRange, subtract } from "./memory-map.ts";
import { fileNumber, literalFile } from "./staging.ts";
import type { LoadInput, LoadPlan, LoadPlanCode } from "./x86-load.ts";

/** helper/trampoline-aarch64.S, assembled; a test assembles it again. */
export const trampoline: string =
	"c0000058e1031faae2031faae3031faa8400005880001fd600000000000000000000000000000000";
const slots = { tree: 0x18, entry: 0x20 } as const;

/** Kernels of all page sizes take segments at multiples of this. */
const page = 65_536n;
const twoMiB = 0x20_0000n;
const oneGiB = 0x4000_0000n;
/** The device tree must not be larger, nor cross such a boundary. */
const maxTree = 0x20_0000;
const anywhere = 1n << 48n;

/**
 * Lays kernel, initrd and device tree out in the target's memory. Throws `LOAD_NO_MAP`, `LOAD_NO_ROOM`, `LOAD_KERNEL`
 * (only an uncompressed Image can be started: see `unwrapKernel`).
 */
export function planArm64(input: LoadInput, facts: LoadFacts): LoadPlan {
	if (!isArm64Image(input.kernel)) {
		throw refusal(
			"LOAD_KERNEL",
			"kexec_load needs an uncompressed arm64 Image",
			"Unwrap it first.",
		);
	}
	if (facts.fdt === undefined) {
		throw refusal(
			"LOAD_NO_MAP",
			"the target shows no device tree (/sys/firmware/fdt)",
			"It needs root.",
		);
	}
	const image = readArm64Image(input.kernel);
	// Every processor has pages of 4 KiB; of the others only those are sure that the running kernel uses.
	const { pageSize = 4 } = image;
	if (pageSize !== 4 && pageSize * 1024 !== facts.pageSize) {
		throw refusal(
			"LOAD_KERNEL",
			`nothing tells that the target's processor has pages of ${pageSize} KiB, as this kernel needs`,
			"Use a kernel with pages of 4 KiB, or of the size that the target's own kernel uses.",
		);
	}
	// A crash kernel that is loaded is not mapped, and since 5.16 the old kernel copies to where its own map says.
	let free = subtract(
		facts.iomem.outer.filter((range) => range.kind === "System RAM"),
		facts.iomem.inner.filter((range) => /^(?:reserved|crash kernel)$/i.test(range.kind)),
	);
	if (free.length === 0) {
		throw refusal("LOAD_NO_MAP", "the target shows no memory map (/proc/iomem)", "It needs root.");
	}
	const take = (name: string, start: bigint | undefined, size: bigint): bigint => {
		if (start === undefined) {
			throw refusal(
				"LOAD_NO_ROOM",
				`no room for the ${name} in the target's memory map`,
				"Use smaller layers.",
			);
		}
		const range: MemoryRange = { start, end: start + size, kind: name };
		free = subtract(free, [range]);
		return start;
	};

	// All of image_size is the segment: what it leaves out is neither zeroed nor cleaned from the caches, and some
	// kernels read their BSS, and keep a stack and page tables in it, with caches off and before they zero it.
	const memorySize = alignUp(Math.max(image.imageSize, input.kernel.length), Number(page));
	const span = BigInt(alignUp(image.textOffset + memorySize, Number(twoMiB)));
	const base = take("kernel", findLow(free, span, twoMiB, 0n, anywhere), span);
	const kernelAt = base + BigInt(image.textOffset);
	const segments: Segment[] = [
		{
			file: fileNumber.kernel,
			offset: 0,
			size: input.kernel.length,
			memory: kernelAt,
			memorySize: BigInt(memorySize),
		},
	];
	// Initrd and kernel within 32 GiB that begin at a multiple of 1 GiB (booting.rst). The rest close by as well: memory
	// further up may be such as was plugged in later, which the next kernel does not know when it starts.
	const window = (base / oneGiB) * oneGiB;
	const near = (size: bigint, alignment: bigint) =>
		findLow(free, size, alignment, window, window + 32n * oneGiB);
	let initrdAt = 0n;
	if (input.initrdSize > 0) {
		const memorySize = BigInt(alignUp(input.initrdSize, Number(page)));
		initrdAt = take("initrd", near(memorySize, page), memorySize);
		segments.push({
			file: fileNumber.initrd,
			offset: 0,
			size: input.initrdSize,
			memory: initrdAt,
			memorySize,
		});
	}
	const tree = deviceTree(facts.fdt, input, initrdAt);
	if (tree.length > maxTree) {
		throw refusal("LOAD_NO_ROOM", "the device tree is larger than 2 MiB", "Use kexec_file_load.");
	}
	const treeAt = take("device tree", near(twoMiB, twoMiB), twoMiB);
	const jumpAt = take("trampoline", near(page, page), page);
	const jump = Uint8Array.from(trampoline.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
	const view = new DataView(jump.buffer);
	view.setBigUint64(slots.tree, treeAt, true);
	view.setBigUint64(slots.entry, kernelAt, true);
	const bytes = concat([jump, tree]);
	segments.push(
		{ file: fileNumber.extra, offset: 0, size: jump.length, memory: jumpAt, memorySize: page },
		{
			file: fileNumber.extra,
			offset: jump.length,
			size: tree.length,
			memory: treeAt,
			memorySize: BigInt(alignUp(tree.length, Number(page))),
		},
	);
	segments.sort((a, b) => (a.memory < b.memory ? -1 : 1));
	return { extra: literalFile(fileNumber.extra, bytes), load: { entry: jumpAt, segments } };
}

/**
 * A crash kernel's ranges, seeds that the running kernel has used up and wiped, and what the kernel before it left in
 * memory that is used otherwise by now.
 */
const ofOneBoot = [
	"linux,elfcorehdr",
	"linux,usable-memory-range",
	"kaslr-seed",
	"rng-seed",
	"linux,ima-kexec-buffer",
	"linux,kho-fdt",
	"linux,kho-scratch",
] as const;

/** A number of one cell or two. */
function numberOf(node: FdtNode, name: string): bigint | undefined {
	const value = node.properties.find(([own]) => own === name)?.[1];
	if (value?.length !== 4 && value?.length !== 8) return undefined;
	const view = new DataView(value.buffer, value.byteOffset);
	return value.length === 4 ? BigInt(view.getUint32(0)) : view.getBigUint64(0);
}

/** The running kernel's tree with another command line and initrd, and without what was good for one boot only. */
function deviceTree(old: Uint8Array, input: LoadInput, initrdAt: bigint): Uint8Array {
	const tree = parseFdt(old);
	let chosen: FdtNode | undefined = tree.root.children.find((node) => node.name === "chosen");
	if (chosen === undefined) {
		chosen = { name: "chosen", properties: [], children: [] };
		tree.root.children.push(chosen);
	}
	const address = (value: bigint): Uint8Array => {
		const bytes = new Uint8Array(8);
		new DataView(bytes.buffer).setBigUint64(0, value);
		return bytes;
	};
	// Where boot loaders reserve the initrd they loaded: that one is of no use any more.
	const gone = numberOf(chosen, "linux,initrd-start");
	const reserved = tree.reserved.filter((range) => range.address !== gone);
	setProperty(chosen, "bootargs", commandLineBytes(input.commandLine));
	const has = input.initrdSize > 0;
	setProperty(chosen, "linux,initrd-start", has ? address(initrdAt) : undefined);
	setProperty(
		chosen,
		"linux,initrd-end",
		has ? address(initrdAt + BigInt(input.initrdSize)) : undefined,
	);
	for (const name of ofOneBoot) setProperty(chosen, name, undefined);
	return writeFdt({ ...tree, reserved });
}

function refusal(code: LoadPlanCode, summary: string, remedy: string): EkexecError<LoadPlanCode> {
	return new EkexecError("failed", code, summary, { remedy });
}
