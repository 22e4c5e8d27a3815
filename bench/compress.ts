import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codecs, decompress } from "../src/compress/index.ts";
import { missing } from "../test/support/programs.ts";
import type { Benchmark, Contestant } from "./frame/frame.ts";
import { makeTree } from "./frame/tree.ts";

const dist = new URL("../dist/compress/index.js", import.meta.url).href;

/** A process that does no more than unpack a file to its stdout. */
const unpacker = `
import { createReadStream, writeSync } from "node:fs";
import { decompress } from ${JSON.stringify(dist)};
const threads = process.argv[2] === "0" ? {} : { threads: Number(process.argv[2]) };
for await (const chunk of decompress(createReadStream(process.argv[1], { highWaterMark: 1048576 }), threads)) {
	for (let at = 0; at < chunk.length; ) at += writeSync(1, chunk, at);
}`;

/** The same by the decoder of Nodes that have no zstd. */
const ownZstd = `
import { createReadStream, writeSync } from "node:fs";
import { ByteSource } from ${JSON.stringify(dist)};
import { decodeZstd } from ${JSON.stringify(new URL("zstd-coder.js", dist).href)};
import { unpackFrame } from ${JSON.stringify(new URL("zstd-frame.js", dist).href)};
const source = new ByteSource(createReadStream(process.argv[1], { highWaterMark: 1048576 }));
for await (const chunk of decodeZstd(source, {}, unpackFrame)) {
	for (let at = 0; at < chunk.length; ) at += writeSync(1, chunk, at);
}`;

const unpack = (name: string, file: string, threads = 0): Contestant => ({
	name,
	argv: [process.execPath, "--input-type=module", "-e", unpacker, file, String(threads)],
});

/** An archive of the rescue tree, made by another program. */
function archive(scratch: string): string {
	const { path } = makeTree(join(scratch, "tree"));
	const file = join(scratch, "tree.tar");
	// The programs, the libraries and the texts: 100 MB, or compressing takes longer than what is measured.
	const parts = ["etc", "usr/bin", "usr/lib/systemd", "usr/sbin", "usr/share"];
	execFileSync("tar", ["--sort=name", "-cf", file, "-C", path, ...parts]);
	return file;
}

function shell(argv: readonly string[], stdout: string): void {
	const fd = openSync(stdout, "w");
	execFileSync(argv[0] ?? "", argv.slice(1), { stdio: ["ignore", fd, "inherit"] });
	closeSync(fd);
}

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<void> {
	for await (const _ of chunks);
}

export const benchmarks: readonly Benchmark[] = [
	{
		name: "compress/unpack",
		async run(frame) {
			const file = archive(frame.scratch);
			const { length: bytes } = readFileSync(file);
			const blocks = `${file}.xz`;
			const single = `${file}.single.xz`;
			shell(["xz", "-T2", "-1", "--check=crc32", "--block-size=8MiB", "-c", file], blocks);
			shell(["xz", "-T1", "-1", "--check=crc32", "-c", file], single);
			shell(["gzip", "-6", "-c", file], `${file}.gz`);
			await frame.compare(
				"xz, blocks of 8 MiB, to /dev/null",
				[
					{ name: "xz -T0 -dc", argv: ["xz", "-T0", "-dc", blocks] },
					{ name: "xz -T1 -dc", argv: ["xz", "-T1", "-dc", blocks] },
					unpack("ekexec", blocks),
					unpack("ekexec, one thread", blocks, 1),
				],
				{ bytes, rounds: 5 },
			);
			await frame.compare(
				"xz, one block, to /dev/null",
				[{ name: "xz -dc", argv: ["xz", "-dc", single] }, unpack("ekexec", single)],
				{ bytes, rounds: 5 },
			);
			await frame.compare(
				"gzip, to /dev/null",
				[{ name: "gzip -dc", argv: ["gzip", "-dc", `${file}.gz`] }, unpack("ekexec", `${file}.gz`)],
				{ bytes, rounds: 5 },
			);
			const lacking = missing("zstd") || undefined;
			if (lacking === undefined) shell(["zstd", "-q", "-6", "-c", file], `${file}.zst`);
			await frame.compare(
				"zstd, to /dev/null",
				[
					{ name: "zstd -dc", argv: ["zstd", "-qdc", `${file}.zst`], missing: lacking },
					{
						...unpack("ekexec, Node's zstd", `${file}.zst`),
						missing: lacking ?? codecs.zstd.cannotCompress,
					},
					{
						name: "ekexec, own decoder for older Nodes",
						argv: [process.execPath, "--input-type=module", "-e", ownZstd, `${file}.zst`],
						missing: lacking,
					},
				],
				{ bytes, rounds: 5 },
			);
		},
	},
	{
		name: "compress/pack",
		async run(frame) {
			const file = archive(frame.scratch);
			// A part is enough for the slow ones.
			const content = readFileSync(file).subarray(0, 24 * 2 ** 20);
			const bytes = content.length;
			const part = join(frame.scratch, "part");
			shell(["head", "-c", String(bytes), file], part);
			const own = (name: "gzip" | "xz" | "zstd", level: number): Contestant => ({
				name: `ekexec ${name} ${level}, in memory`,
				missing: codecs[name].cannotCompress,
				run: () => drain(codecs[name].compress([content], { level })),
			});
			await frame.compare(
				"gzip",
				[{ name: "gzip -6", argv: ["gzip", "-6", "-c", part] }, own("gzip", 6)],
				{ bytes, rounds: 3 },
			);
			await frame.compare(
				"xz, dictionary 1 MiB, blocks of 8 MiB, CRC32",
				[
					{
						name: "xz -T0 -6",
						argv: [
							..."xz -T0 --check=crc32 --block-size=8MiB --lzma2=preset=6,dict=1MiB -c".split(" "),
							part,
						],
					},
					own("xz", 6),
				],
				{
					bytes,
					rounds: 3,
					note: "lzma-native's prebuilt liblzma is compiled without optimisation. With a C++ compiler at hand, `CFLAGS=-O2 npm rebuild lzma-native --build-from-source` makes one that takes no more of the processor than xz.",
				},
			);
			await frame.compare(
				"zstd",
				[
					{
						name: "zstd -T0 -19",
						argv: ["zstd", "-q", "-T0", "-19", "-c", part],
						missing: missing("zstd") || undefined,
					},
					own("zstd", 19),
				],
				{ bytes, rounds: 3 },
			);
			const packed = new Map<string, Uint8Array[]>();
			for (const name of ["gzip", "xz"] as const) {
				const chunks: Uint8Array[] = [];
				for await (const chunk of codecs[name].compress([content], { level: 2 }))
					chunks.push(chunk);
				packed.set(name, chunks);
			}
			await frame.compare(
				"unpacking in memory",
				[...packed].map(([name, chunks]) => ({
					name: `ekexec ${name}`,
					run: () => drain(decompress(chunks)),
				})),
				{ bytes, rounds: 3 },
			);
		},
	},
];
