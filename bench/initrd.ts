import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codecs } from "../src/compress/index.ts";
import { unpackPackages } from "../src/debian/index.ts";
import { missing, type Program } from "../test/support/programs.ts";
import type { Benchmark, Contestant, Frame } from "./frame/frame.ts";
import { makeTree, type Tree } from "./frame/tree.ts";

const lacking = (program: Program) => missing(program) || undefined;

/** The words that run 3cpio out of Debian sid's package, with sid's own loader; or why it cannot be had. */
async function threeCpio(frame: Frame): Promise<{ words: string[]; missing: string | undefined }> {
	try {
		// For a race the age of the mirror does not matter; the signature does.
		const packages = await unpackPackages(["3cpio"], { suite: "sid", anyAge: true });
		const words = await packages.run("3cpio");
		execFileSync(words[0] ?? "", [...words.slice(1), "--version"]);
		return { words, missing: undefined };
	} catch (error) {
		frame.say(`3cpio: ${error instanceof Error ? error.message : String(error)}`);
		return { words: [], missing: "could not be had" };
	}
}

interface Scene {
	readonly tree: Tree;
	/** Names of the tree, parents first. */
	readonly list: string;
	readonly output: string;
	readonly three: { readonly words: readonly string[]; readonly missing: string | undefined };
}

async function scene(frame: Frame): Promise<Scene> {
	const tree = makeTree(join(frame.scratch, "tree"));
	const list = join(frame.scratch, "list");
	const names = execFileSync("find", [".", "-mindepth", "1"], { cwd: tree.path });
	writeFileSync(list, `${names.toString().trimEnd().split("\n").sort().join("\n")}\n`);
	return { tree, list, output: join(frame.scratch, "out"), three: await threeCpio(frame) };
}

/** Everyone packs the tree to a file in memory. */
function packers({ tree, list, output, three }: Scene, frame: Frame): Contestant[] {
	const before = () => rmSync(output, { force: true });
	const common = { cwd: tree.path, before };
	return [
		{
			...common,
			name: "ekexec initrd pack",
			argv: [...frame.ekexec, "initrd", "pack", ".", "-o", output],
		},
		{
			...common,
			name: "3cpio",
			argv: [...three.words, "--create", output],
			stdin: list,
			missing: three.missing,
		},
		{
			...common,
			name: "bsdcpio",
			argv: ["bsdcpio", "-o", "-H", "newc", "--quiet"],
			stdin: list,
			stdout: output,
			missing: lacking("bsdcpio"),
		},
		{
			...common,
			name: "GNU cpio",
			argv: ["cpio", "-o", "-H", "newc", "--quiet"],
			stdin: list,
			stdout: output,
			missing: lacking("cpio"),
		},
	];
}

/** The archive through a pipe to the codec's own program, as initramfs-tools does. */
function piped(
	name: string,
	words: string,
	{ tree, list, output }: Scene,
	program: Program,
): Contestant {
	return {
		name,
		argv: ["sh", "-c", `cpio -o -H newc --quiet | ${words}`],
		cwd: tree.path,
		stdin: list,
		stdout: output,
		missing: lacking(program) ?? lacking("cpio"),
	};
}

export const benchmarks: readonly Benchmark[] = [
	{
		name: "initrd/pack",
		async run(frame) {
			const all = await scene(frame);
			const { bytes, files } = all.tree;
			await frame.compare("packing, uncompressed", packers(all, frame), {
				bytes,
				rounds: 9,
				note: `${files} files, ${Math.round(bytes / 1e6)} MB, to a file in memory, process start included.`,
			});
			// Programs and libraries of systemd: a tenth of the tree is enough for what takes its time.
			const part = join(all.tree.path, "usr/lib/systemd");
			const names = execFileSync("find", [".", "-mindepth", "1"], { cwd: part }).toString();
			const list = join(frame.scratch, "part-list");
			writeFileSync(list, `${names.trimEnd().split("\n").sort().join("\n")}\n`);
			const partBytes = Number(execFileSync("du", ["-sb", part]).toString().split("\t")[0]);
			const some = { ...all, list, tree: { ...all.tree, path: part } };
			const pack = (codec: string, level: number, reason?: string): Contestant => ({
				name: `ekexec initrd pack --compress ${codec} --level ${level}`,
				argv: [
					...frame.ekexec,
					...`initrd pack . --compress ${codec} --level ${level} -o`.split(" "),
					all.output,
				],
				cwd: part,
				missing: reason,
			});
			await frame.compare(
				"packing, gzip",
				[pack("gzip", 6), piped("GNU cpio into gzip -6", "gzip -6 -n", some, "gzip")],
				{ bytes: partBytes, rounds: 3 },
			);
			const xz = "xz -T0 --check=crc32 --block-size=8MiB --lzma2=preset=1,dict=1MiB";
			await frame.compare(
				"packing, xz",
				[pack("xz", 1), piped("GNU cpio into xz -T0 -1, dictionary 1 MiB", xz, some, "xz")],
				{ bytes: partBytes, rounds: 3 },
			);
			await frame.compare(
				"packing, zstd",
				[
					pack("zstd", 9, codecs.zstd.cannotCompress),
					piped("GNU cpio into zstd -T0 -9", "zstd -q -T0 -9", some, "zstd"),
				],
				{ bytes: partBytes, rounds: 3 },
			);
		},
	},
	{
		name: "initrd/read",
		async run(frame) {
			const all = await scene(frame);
			const { bytes } = all.tree;
			const { three } = all;
			const archive = join(frame.scratch, "archive");
			const listFd = openSync(all.list, "r");
			const outFd = openSync(archive, "w");
			execFileSync("cpio", ["-o", "-H", "newc", "--quiet"], {
				cwd: all.tree.path,
				stdio: [listFd, outFd, "inherit"],
			});
			closeSync(listFd);
			closeSync(outFd);
			await frame.compare(
				"listing, uncompressed",
				[
					{ name: "ekexec initrd list", argv: [...frame.ekexec, "initrd", "list", archive] },
					{ name: "3cpio", argv: [...three.words, "--list", archive], missing: three.missing },
					{
						name: "bsdcpio",
						argv: ["bsdcpio", "-it", "--quiet"],
						stdin: archive,
						missing: lacking("bsdcpio"),
					},
					{
						name: "GNU cpio",
						argv: ["cpio", "-it", "--quiet"],
						stdin: archive,
						missing: lacking("cpio"),
					},
				],
				{ rounds: 7 },
			);
			const to = join(frame.scratch, "extracted");
			const extracting = (packed: string): Contestant[] => {
				const before = () => {
					rmSync(to, { recursive: true, force: true });
					execFileSync("mkdir", [to]);
				};
				return [
					{
						name: "ekexec initrd extract",
						argv: [...frame.ekexec, "initrd", "extract", packed, "-C", to],
						before,
					},
					{
						name: "3cpio",
						argv: [...three.words, "--extract", "--make-directories", "-C", to, packed],
						before,
						missing: three.missing,
					},
				];
			};
			const plain = (name: Program, label: string): Contestant => ({
				name: label,
				argv: [name, "-idm", "--quiet"],
				cwd: to,
				stdin: archive,
				before: extracting(archive)[0]?.before ?? (() => {}),
				missing: lacking(name),
			});
			await frame.compare(
				"extracting, uncompressed",
				[...extracting(archive), plain("bsdcpio", "bsdcpio"), plain("cpio", "GNU cpio")],
				{ bytes, rounds: 5 },
			);
			const packed = `${archive}.xz`;
			const fd = openSync(packed, "w");
			const words = "-T2 -1 --check=crc32 --block-size=8MiB --lzma2=preset=1,dict=1MiB -c";
			execFileSync("xz", [...words.split(" "), archive], { stdio: ["ignore", fd, "inherit"] });
			closeSync(fd);
			await frame.compare("extracting, xz in blocks of 8 MiB", extracting(packed), {
				bytes,
				rounds: 3,
			});
		},
	},
];
