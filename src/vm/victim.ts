import { execFile } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { type Pack, pack as tarPack } from "tar-stream";
import { concat, text } from "../bytes/index.ts";
import { decompress } from "../compress/index.ts";
import { packCpio, type ReadEntry, readCpio } from "../cpio/index.ts";
import { cacheFolder, unpackPackages } from "../debian/index.ts";
import { type BuildProgress, buildImage, type Image } from "../image/index.ts";
import { makeSshKey } from "./ssh-key.ts";
import { errorBehaviour, type VictimSuite, victimRecipe } from "./victim-recipe.ts";

/** A Debian system ready to be started: kernel, initramfs, and a disk with an ext4 root. */
export interface Victim {
	readonly kernel: string;
	readonly initrd: string;
	/** Raw image of the disk. Start it throwaway, or on a copy: it is shared through the cache. */
	readonly disk: string;
	readonly commandLine: string;
	readonly suite: VictimSuite;
	/** File of the private key that opens every user of it. */
	readonly keyFile: string;
	readonly publicKey: string;
}

export interface VictimOptions {
	readonly suite: VictimSuite;
	readonly mirror?: string;
	/** Folder of the cache. */
	readonly cache?: string;
	readonly signal?: AbortSignal;
	readonly progress?: (progress: BuildProgress) => void;
}

/** Bytes of the victim's disk: room for the system and for what tests write. */
const diskSize = 768 * 1024 * 1024;
/** Largest layer of a victim, unpacked. */
const largestLayer = 1024 * 1024 * 1024;

/**
 * Makes a victim from Debian's packages, without root; from the cache, if the same was made before.
 * The login key belongs to the cache: it opens nothing but these machines.
 */
export async function makeVictim(options: VictimOptions): Promise<Victim> {
	const { suite, signal, progress } = options;
	const cache = options.cache ?? cacheFolder();
	const keys = await loginKey(join(cache, "victims"));
	const recipe = victimRecipe(suite, keys.publicKey);
	const { image } = await buildImage({
		recipe,
		suite,
		firmware: false,
		// It is unpacked again at once: small matters less here than soon.
		packing: { codec: "gzip", level: 1 },
		...(options.mirror === undefined ? {} : { mirror: options.mirror }),
		...(options.cache === undefined ? {} : { cache: options.cache }),
		...(signal ? { signal } : {}),
		...(progress ? { progress } : {}),
	});
	const folder = join(cache, "victims", `${suite}-${image.digest.slice(0, 16)}`);
	const victim: Victim = {
		kernel: image.kernel.path,
		initrd: join(folder, "initrd"),
		disk: join(folder, "disk"),
		commandLine: image.manifest.commandLine,
		suite,
		keyFile: keys.file,
		publicKey: keys.publicKey,
	};
	if (await exists(victim.disk)) return victim;
	await mkdir(join(cache, "victims"), { recursive: true });
	const draft = await mkdtemp(join(cache, "victims", ".draft-"));
	try {
		const layers = await Promise.all(image.layers.map((layer) => unpacked(layer.path, signal)));
		await writeFile(join(draft, "initrd"), await initrdOf(image));
		await makeDisk(join(draft, "disk"), suite, layers, signal);
		await rename(draft, folder).catch(async (error: unknown) => {
			// Another process was faster; what it made is the same.
			if (!(await exists(victim.disk))) throw error;
		});
	} finally {
		await rm(draft, { recursive: true, force: true });
	}
	return victim;
}

/** The system's own layers, and the file that makes systemd mount the root and switch to it. */
async function initrdOf(image: Image): Promise<Uint8Array> {
	const release = packCpio([
		{ kind: "file", name: "etc/initrd-release", content: "NAME=victim\nID=victim\n" },
	]);
	const layers = await Promise.all(image.layers.map(({ path }) => readFile(path)));
	// Compressed archives may lie anywhere; an uncompressed one begins at a multiple of 4.
	return concat([release, ...layers]);
}

async function unpacked(path: string, signal?: AbortSignal): Promise<Uint8Array> {
	const parts: Uint8Array[] = [];
	for await (const part of decompress(createReadStream(path), {
		maxOutput: largestLayer,
		...(signal ? { signal } : {}),
	})) {
		parts.push(part);
	}
	return concat(parts);
}

/** An ext4 file system that holds the entries of the archives, with their owners and modes, made without root. */
async function makeDisk(
	path: string,
	suite: VictimSuite,
	archives: readonly Uint8Array[],
	signal?: AbortSignal,
): Promise<void> {
	await pipeline(tarOf(archives), createWriteStream(`${path}.tar`));
	// mke2fs of Debian 13 reads a tar archive (1.47.1 and later), so that owners need no root.
	const tools = await unpackPackages(["e2fsprogs", "libarchive13t64"], { suite: "trixie", signal });
	const [program = "", ...words] = await tools.run("mke2fs");
	await promisify(execFile)(
		program,
		[
			...words,
			...[
				"-q",
				"-t",
				"ext4",
				"-L",
				"victim",
				"-e",
				errorBehaviour(suite),
				"-d",
				`${path}.tar`,
				path,
			],
			String(diskSize / 1024),
		],
		signal ? { signal } : {},
	);
	await rm(`${path}.tar`);
}

/** The entries of the archives as a tar archive, which mke2fs reads. */
function tarOf(archives: readonly Uint8Array[]): Pack {
	const tar = tarPack();
	const folders = new Set<string>();
	const mtime = new Date(0);
	for (const archive of archives) {
		/** Hard links of one archive, by inode: the data may stand with any of them. */
		const inodes = new Map<number, ReadEntry[]>();
		for (const entry of readCpio(archive)) {
			const name = text(entry.name);
			const { kind, uid, gid } = entry;
			const common = { name, mode: entry.mode % 0o10000, uid, gid, mtime };
			if (kind === "file" && entry.nlink > 1) {
				inodes.set(entry.ino, [...(inodes.get(entry.ino) ?? []), entry]);
			} else if (kind === "file") {
				tar.entry({ ...common, type: "file" }, Buffer.from(entry.data));
			} else if (kind === "symlink") {
				tar.entry({ ...common, type: "symlink", linkname: text(entry.target ?? entry.data) });
			} else if (kind === "directory" && name !== "." && !folders.has(name)) {
				folders.add(name);
				tar.entry({ ...common, type: "directory" });
			}
		}
		for (const links of inodes.values()) {
			const [first, ...others] = links;
			const data = links.find((link) => link.data.length > 0)?.data ?? new Uint8Array();
			if (first === undefined) continue;
			const { uid, gid } = first;
			const common = { mode: first.mode % 0o10000, uid, gid, mtime };
			tar.entry({ ...common, name: text(first.name), type: "file" }, Buffer.from(data));
			for (const other of others) {
				const linkname = text(first.name);
				tar.entry({ ...common, name: text(other.name), type: "link", linkname });
			}
		}
	}
	tar.finalize();
	return tar;
}

interface LoginKey {
	readonly file: string;
	readonly publicKey: string;
}

async function loginKey(folder: string): Promise<LoginKey> {
	const file = join(folder, "id_ed25519");
	if (!(await exists(`${file}.pub`))) {
		await mkdir(folder, { recursive: true });
		const { privateKey, publicKey } = makeSshKey("victim");
		const draft = `${file}.${process.pid}`;
		await writeFile(draft, privateKey, { mode: 0o600 });
		await writeFile(`${draft}.pub`, `${publicKey}\n`);
		// The public half last: where it is, the pair is whole.
		await rename(draft, file);
		await rename(`${draft}.pub`, `${file}.pub`);
	}
	return { file, publicKey: (await readFile(`${file}.pub`, "utf8")).trim() };
}

async function exists(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	);
}
