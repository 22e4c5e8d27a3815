import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
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

/** Who unpacks to /dev/null has shown once, before the first turn, that all comes out. */
function proven(
	{ file, bytes }: { readonly file: string; readonly bytes: number },
	contestants: readonly Contestant[],
): Contestant[] {
	return contestants.map((contestant) => {
		let shown = false;
		const before = (): void => {
			if (shown) return;
			// To a file: a pipe's other end may be slow, and then a write by itself is refused (EAGAIN).
			const output = `${file}.out`;
			shell(contestant.argv ?? [], output);
			const { size } = statSync(output);
			rmSync(output);
			if (size !== bytes)
				throw new Error(`${contestant.name}: expected ${bytes} bytes, found ${size}`);
			shown = true;
		};
		return { ...contestant, before };
	});
}

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

async function drain(chunks: AsyncIterable<Uint8Array>, check: (bytes: number) => void) {
	let bytes = 0;
	for await (const chunk of chunks) bytes += chunk.length;
	check(bytes);
}

const inProcess = "ekexec works within this process: its time has no start of a process.";

export const benchmarks: readonly Benchmark[] = [
	{
		name: "compress/unpack",
		async run(frame) {
			const file = archive(frame.scratch);
			const { size: bytes } = statSync(file);
			const whole = { file, bytes };
			const blocks = `${file}.xz`;
			const single = `${file}.single.xz`;
			shell(["xz", "-T2", "-1", "--check=crc32", "--block-size=8MiB", "-c", file], blocks);
			shell(["xz", "-T1", "-1", "--check=crc32", "-c", file], single);
			shell(["gzip", "-6", "-c", file], `${file}.gz`);
			await frame.compare(
				"xz, blocks of 8 MiB, to /dev/null",
				proven(whole, [
					{ name: "xz -T0 -dc", argv: ["xz", "-T0", "-dc", blocks] },
					{ name: "xz -T1 -dc", argv: ["xz", "-T1", "-dc", blocks] },
					unpack("ekexec", blocks),
					unpack("ekexec, one thread", blocks, 1),
				]),
				{ bytes, rounds: 5 },
			);
			await frame.compare(
				"xz, one block, to /dev/null",
				proven(whole, [{ name: "xz -dc", argv: ["xz", "-dc", single] }, unpack("ekexec", single)]),
				{ bytes, rounds: 5 },
			);
			await frame.compare(
				"gzip, to /dev/null",
				proven(whole, [
					{ name: "gzip -dc", argv: ["gzip", "-dc", `${file}.gz`] },
					unpack("ekexec", `${file}.gz`),
				]),
				{ bytes, rounds: 5 },
			);
			const lacking = missing("zstd") || undefined;
			if (lacking === undefined) shell(["zstd", "-q", "-6", "-c", file], `${file}.zst`);
			await frame.compare(
				"zstd, to /dev/null",
				proven(whole, [
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
				]),
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
			const plausible = (size: number): void => {
				if (size > bytes / 20 && size < bytes) return;
				throw new Error(`${bytes} bytes became ${size}`);
			};
			const own = (name: "gzip" | "xz" | "zstd", level: number): Contestant => ({
				name: `ekexec ${name} ${level}, in memory`,
				missing: codecs[name].cannotCompress,
				run: () => drain(codecs[name].compress([content], { level }), plausible),
			});
			const output = join(frame.scratch, "packed");
			/** Another's, to a file. */
			const other = (name: string, argv: readonly string[], lacks?: string): Contestant => ({
				name,
				argv,
				missing: lacks,
				stdout: output,
				before: () => rmSync(output, { force: true }),
				after: () => plausible(statSync(output).size),
			});
			await frame.compare("gzip", [other("gzip -6", ["gzip", "-6", "-c", part]), own("gzip", 6)], {
				bytes,
				rounds: 3,
				note: inProcess,
			});
			const words = "xz -T0 --check=crc32 --block-size=8MiB --lzma2=preset=6,dict=1MiB -c";
			await frame.compare(
				"xz, dictionary 1 MiB, blocks of 8 MiB, CRC32",
				[other("xz -T0 -6", [...words.split(" "), part]), own("xz", 6)],
				{
					bytes,
					rounds: 3,
					note: `${inProcess} lzma-native's prebuilt liblzma is compiled without optimisation. With a C++ compiler at hand, \`CFLAGS=-O2 npm rebuild lzma-native --build-from-source\` makes one that takes no more of the processor than xz.`,
				},
			);
			const zstd = ["zstd", "-q", "-T0", "-19", "-c", part];
			await frame.compare(
				"zstd",
				[other("zstd -T0 -19", zstd, missing("zstd") || undefined), own("zstd", 19)],
				{ bytes, rounds: 3, note: inProcess },
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
					run: () =>
						drain(decompress(chunks), (size) => {
							if (size !== bytes) throw new Error(`${bytes} bytes became ${size}`);
						}),
				})),
				{ bytes, rounds: 3, note: inProcess },
			);
		},
	},
];
