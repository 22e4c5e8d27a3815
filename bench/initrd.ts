import { execFileSync } from "node:child_process";
import {
	closeSync,
	createReadStream,
	lstatSync,
	mkdirSync,
	openSync,
	readFileSync,
	readSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { codecs, decompress } from "../src/compress/index.ts";
import { CpioParser } from "../src/cpio/index.ts";
import { unpackPackages } from "../src/debian/index.ts";
import { missing, type Program } from "../test/support/programs.ts";
import type { Benchmark, Contestant, Frame } from "./frame/frame.ts";
import { makeTree } from "./frame/tree.ts";

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
	/** The folder packed. */
	readonly path: string;
	/** Its names, parents first, and how many they are. */
	readonly list: string;
	readonly entries: number;
	readonly files: number;
	/** Of all files together. */
	readonly bytes: number;
	readonly output: string;
	readonly three: { readonly words: readonly string[]; readonly missing: string | undefined };
}

/** What is in a folder, with its names in a file. */
function look(path: string, list: string): Omit<Scene, "output" | "three"> {
	const found = execFileSync("find", [".", "-mindepth", "1"], { cwd: path, maxBuffer: 2 ** 26 });
	const names = found.toString().trimEnd().split("\n").sort();
	writeFileSync(list, `${names.join("\n")}\n`);
	const all = names.map((name) => lstatSync(join(path, name))).filter((stat) => stat.isFile());
	const bytes = all.reduce((sum, { size }) => sum + size, 0);
	return { path, list, entries: names.length, files: all.length, bytes };
}

async function scene(frame: Frame): Promise<Scene> {
	const { path } = makeTree(join(frame.scratch, "tree"));
	return {
		...look(path, join(frame.scratch, "list")),
		output: join(frame.scratch, "out"),
		three: await threeCpio(frame),
	};
}

function equal(what: string, found: number, expected: number): void {
	if (found !== expected) throw new Error(`${what}: expected ${expected}, found ${found}`);
}

/** After a turn: the archive has all that it should have, whoever made it. */
async function checkArchive({ output, entries, files, bytes }: Scene): Promise<void> {
	const parser = new CpioParser();
	const found = { entries: 0, files: 0, bytes: 0 };
	const take = (): void => {
		for (let event = parser.next(); event !== undefined; event = parser.next()) {
			if (event.type === "data") found.bytes += event.bytes.length;
			// GNU cpio takes the folder itself, too, where it is named.
			if (event.type !== "entry" || Buffer.from(event.entry.name).equals(here)) continue;
			found.entries += 1;
			if (event.entry.kind === "file") found.files += 1;
		}
	};
	const packed = createReadStream(output, { highWaterMark: 2 ** 20 });
	const magic = Buffer.alloc(5);
	const fd = openSync(output, "r");
	readSync(fd, magic);
	closeSync(fd);
	const chunks = magic.toString("latin1") === "07070" ? packed : decompress(packed);
	for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
		parser.push(chunk);
		take();
	}
	parser.end();
	take();
	equal("entries in the archive", found.entries, entries);
	equal("files in the archive", found.files, files);
	equal("bytes of files in the archive", found.bytes, bytes);
}
const here = Buffer.from(".");

/** After a turn: a line for each name. */
function checkListing({ output, entries }: Scene): void {
	equal("lines listed", readFileSync(output, "latin1").split("\n").length - 1, entries);
}

/** After a turn: every name is there with its mode and owner, files with their size and time. */
function checkTree({ path, list }: Scene, to: string): void {
	const told = (file: string): string => {
		const stat = lstatSync(file);
		// Times of files alone: GNU cpio gives symlinks none, and sets a folder's before it fills it.
		const ofFile = stat.isFile() ? [Math.floor(stat.mtimeMs / 1000), stat.size] : [];
		return [stat.mode, stat.uid, stat.gid, ...ofFile].join(" ");
	};
	for (const name of readFileSync(list, "utf8").trimEnd().split("\n")) {
		const [expected, found] = [told(join(path, name)), told(join(to, name))];
		if (found !== expected) throw new Error(`${name}: expected ${expected}, found ${found}`);
	}
}

/** For all who pack: in the tree, to a file that is not there before, and looked at afterwards. */
const turns = (all: Scene) => ({
	cwd: all.path,
	before: () => rmSync(all.output, { force: true }),
	after: () => checkArchive(all),
});

/** Everyone packs the tree to a file. */
function packers(all: Scene, frame: Frame): Contestant[] {
	const { list, output, three } = all;
	const common = turns(all);
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
function piped(name: string, words: string, all: Scene, program: Program): Contestant {
	return {
		...turns(all),
		name,
		// Whoever fails in a pipe fails as a whole.
		argv: ["bash", "-o", "pipefail", "-c", `cpio -o -H newc --quiet | ${words}`],
		stdin: all.list,
		stdout: all.output,
		missing: lacking(program) ?? lacking("cpio"),
	};
}

export const benchmarks: readonly Benchmark[] = [
	{
		name: "initrd/pack",
		async run(frame) {
			const all = await scene(frame);
			const { bytes, files } = all;
			await frame.compare("packing, uncompressed", packers(all, frame), {
				bytes,
				rounds: 9,
				note: `${files} files, ${Math.round(bytes / 1e6)} MB, to a file, process start included.`,
			});
			// Programs and libraries of systemd: a tenth of the tree is enough for what takes its time.
			const part = look(join(all.path, "usr/lib/systemd"), join(frame.scratch, "part"));
			const some = { ...all, ...part };
			const partBytes = part.bytes;
			const pack = (codec: string, level: number, reason?: string): Contestant => ({
				...turns(some),
				name: `ekexec initrd pack --compress ${codec} --level ${level}`,
				argv: [
					...frame.ekexec,
					...`initrd pack . --compress ${codec} --level ${level} -o`.split(" "),
					all.output,
				],
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
			const { bytes, output, three } = all;
			const archive = join(frame.scratch, "archive");
			const listFd = openSync(all.list, "r");
			const outFd = openSync(archive, "w");
			execFileSync("cpio", ["-o", "-H", "newc", "--quiet"], {
				cwd: all.path,
				stdio: [listFd, outFd, "inherit"],
			});
			closeSync(listFd);
			closeSync(outFd);
			const listing = {
				stdout: output,
				before: () => rmSync(output, { force: true }),
				after: () => checkListing(all),
			};
			await frame.compare(
				"listing, uncompressed",
				[
					{
						...listing,
						name: "ekexec initrd list",
						argv: [...frame.ekexec, "initrd", "list", archive],
					},
					{
						...listing,
						name: "3cpio",
						argv: [...three.words, "--list", archive],
						missing: three.missing,
					},
					{
						...listing,
						name: "bsdcpio",
						argv: ["bsdcpio", "-it", "--quiet"],
						stdin: archive,
						missing: lacking("bsdcpio"),
					},
					{
						...listing,
						name: "GNU cpio",
						argv: ["cpio", "-it", "--quiet"],
						stdin: archive,
						missing: lacking("cpio"),
					},
				],
				{ rounds: 7, note: `${all.entries} names, to a file.` },
			);
			const to = join(frame.scratch, "extracted");
			// 3cpio sets owners and times as root whatever it is told: so does everyone.
			const unprivileged = process.getuid?.() === 0 ? undefined : "needs root, to set owners";
			const extracting = {
				before: () => {
					rmSync(to, { recursive: true, force: true });
					mkdirSync(to);
				},
				after: () => checkTree(all, to),
			};
			const note = "All set owners, modes and times (GNU cpio no times of symlinks).";
			const any = (packed: string): Contestant[] => [
				{
					...extracting,
					name: "ekexec initrd extract --preserve",
					argv: [...frame.ekexec, "initrd", "extract", "--preserve", packed, "-C", to],
					missing: unprivileged,
				},
				{
					...extracting,
					name: "3cpio",
					argv: [...three.words, "--extract", "--make-directories", "-p", "-C", to, packed],
					missing: unprivileged ?? three.missing,
					// Its xz, where there is one.
					orphans: packed !== archive,
				},
			];
			const plain = (name: Program, label: string): Contestant => ({
				...extracting,
				name: label,
				argv: [name, "-idm", "--quiet"],
				cwd: to,
				stdin: archive,
				missing: unprivileged ?? lacking(name),
			});
			await frame.compare(
				"extracting, uncompressed",
				[...any(archive), plain("bsdcpio", "bsdcpio -idm"), plain("cpio", "GNU cpio -idm")],
				{ bytes, rounds: 5, note },
			);
			const packed = `${archive}.xz`;
			const fd = openSync(packed, "w");
			const words = "-T2 -1 --check=crc32 --block-size=8MiB --lzma2=preset=1,dict=1MiB -c";
			execFileSync("xz", [...words.split(" "), archive], { stdio: ["ignore", fd, "inherit"] });
			closeSync(fd);
			await frame.compare("extracting, xz in blocks of 8 MiB", any(packed), {
				bytes,
				rounds: 3,
				note,
			});
		},
	},
];
