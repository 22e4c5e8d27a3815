import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { equal } from "../../src/bytes/index.ts";
import { codecs, decompress } from "../../src/compress/index.ts";
import { missing, type Program } from "../support/programs.ts";
import { collect, pieces, sample } from "./support.ts";

const content = sample(1_000_000, 12);

function run(command: string, input: Uint8Array): Uint8Array {
	const [program = "", ...args] = command.split(" ");
	return execFileSync(program, args, { input, maxBuffer: 2 ** 28 });
}

const theirs: readonly (readonly [Program, string])[] = [
	["gzip", "gzip -1"],
	["gzip", "gzip -9"],
	["xz", "xz -0"],
	["xz", "xz -9e --check=crc32"],
	["xz", "xz -T0 -1 --block-size=100000"],
	["xz", "xz -T1 -1 --block-size=100000"],
	["xz", "xz -T1 -1 --block-list=1,70000,300000,0"],
	["xz", "xz --delta=dist=2 --lzma2=preset=2,lc=0,lp=2"],
	["zstd", "zstd -1"],
	["zstd", "zstd -T0 -7"],
	["zstd", "zstd -19"],
	["zstd", "zstd --ultra -22 --long=25"],
	["zstd", "zstd --fast=50"],
	["zstd", "zstd -3 --no-compress-literals"],
];

describe("streams of other programs", () => {
	test.each(theirs)("%s: %s", async (program, command) => {
		expect(missing(program)).toBe("");
		const packed = run(`${command} -c`, content);
		const found = await collect(decompress(pieces(packed, 65_536), { threads: 3 }));
		expect(equal(found, content)).toBe(true);
	});
});

describe("xz of other programs, large enough for threads", () => {
	const large = sample(9_000_000, 13);
	test.each([
		"xz -0 --check=crc64",
		"xz -0 --check=sha256 --block-size=1000000",
		"xz -0 --check=none -T1 --block-size=5000000",
		"xz --lzma2=preset=0,lc=4,lp=0,pb=0,dict=64KiB",
		"xz --lzma2=preset=0,lc=1,lp=3,pb=4,dict=1MiB",
		"xz --x86 --lzma2=preset=0",
	])("%s", async (command) => {
		expect(missing("xz")).toBe("");
		const packed = run(`${command} -c`, large);
		expect(equal(await collect(decompress([packed], { threads: 2 })), large)).toBe(true);
	});
});

describe.each(["gzip", "xz", "zstd"] as const)("%s unpacks what we made", (name) => {
	const codec = codecs[name];
	test("at every kind of level", async () => {
		const { cannotCompress } = codec;
		if (cannotCompress !== undefined) {
			// Node before 22.15 has no zstd: refused with the reason, never done otherwise.
			expect(name).toBe("zstd");
			await expect(collect(codec.compress([content]))).rejects.toThrow(cannotCompress);
			return;
		}
		expect(missing(name)).toBe("");
		for (const level of [1, 5, 9]) {
			const options = { level, block: 300_000, size: content.length };
			const packed = await collect(codec.compress(pieces(content, 99_999), options));
			expect(equal(run(`${name} -dc`, packed), content), `level ${level}`).toBe(true);
			const again = await collect(codec.compress([content], { ...options, threads: 1 }));
			expect(equal(packed, again), `level ${level}, the same bytes again`).toBe(true);
		}
	});
});

test("xz as the kernel takes it: CRC32, small dictionary, sizes in each block's header", async () => {
	const packed = await collect(codecs.xz.compress([content], { block: 400_000 }));
	const folder = mkdtempSync(join(tmpdir(), "ekexec-"));
	const file = join(folder, "packed.xz");
	writeFileSync(file, packed);
	const listed = execFileSync("xz", ["--robot", "-lvv", file], { encoding: "utf8" });
	rmSync(folder, { recursive: true });
	expect(listed).toMatch(/^stream\t.*\tCRC32\t/m);
	const blocks = listed.split("\n").filter((line) => line.startsWith("block\t"));
	expect(blocks).toHaveLength(3);
	for (const block of blocks) expect(block).toMatch(/\tcu\t.*--lzma2=dict=1MiB$/);
});
