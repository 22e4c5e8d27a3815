import { createHash, randomBytes } from "node:crypto";
import { access, link, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { availableParallelism, arch as machineArch } from "node:os";
import { dirname, join, relative } from "node:path";
import { cacheError, cacheFolder, ownCache, touch } from "./cache.ts";
import { readDeb } from "./deb.ts";
import { inParallel } from "./download.ts";
import { readElf } from "./elf.ts";
import type { DebEntry } from "./entry.ts";
import { debianError } from "./error.ts";
import { fetchPackages } from "./fetch.ts";
import type { Architecture, PackageRef } from "./package.ts";
import { badPath, defaultDrops, mergedFolders, showPath, TreeGuard, toPath } from "./paths.ts";
import { openRepository, type RepositoryOptions } from "./repository.ts";
import { type SolveOptions, solve } from "./solve.ts";

export interface UnpackOptions extends Omit<RepositoryOptions, "arch">, SolveOptions {
	/** The architecture of this machine by default. */
	readonly arch?: Architecture | undefined;
	/** Patterns of what to leave out; documentation and the like by default. */
	readonly drop?: readonly string[] | undefined;
	/** Packages of a lock, in place of solving `roots`. */
	readonly locked?: readonly PackageRef[] | undefined;
}

/** Debian packages in a folder of the cache, none of them installed. */
export interface UnpackedPackages {
	/** The folder that stands for `/`. */
	readonly root: string;
	readonly packages: readonly PackageRef[];
	/** A path within: `path("usr/share/qemu")`. */
	path(inside: string): string;
	/**
	 * The words that run a program of the packages, with its own loader and libraries and none of this machine's.
	 * A program that looks for files in fixed places has to be told by its own options (`-L` of QEMU).
	 */
	run(program: string, ...args: readonly string[]): Promise<string[]>;
}

const layout = "1";
/** What identifies the machine in processes: the names of Debian for those of Node. */
const architectures: Readonly<Record<string, Architecture>> = { x64: "amd64", arm64: "arm64" };

/**
 * Gets packages with all they depend on and unpacks them into the cache, without root and without running anything
 * of theirs. The folder is named by the digest of what is in it: a second call finds it. Several processes may do so
 * at once. Devices and set-id bits are left out; absolute links are made to stay inside.
 */
export async function unpackPackages(
	roots: readonly string[],
	options: UnpackOptions = {},
): Promise<UnpackedPackages> {
	const arch = options.arch ?? architectures[machineArch()] ?? "amd64";
	const packages =
		options.locked ??
		solve((await openRepository({ ...options, arch })).index, roots, options).packages;
	const drop = options.drop ?? defaultDrops;
	const key = createHash("sha256")
		.update(JSON.stringify([layout, packages.map(({ sha256 }) => sha256), drop]))
		.digest("hex");
	const cache = options.cache ?? cacheFolder(options.env);
	await ownCache(cache);
	const tools = join(cache, "tools");
	const root = join(tools, key);
	if (!(await exists(join(root, stamp)))) {
		const fetched = await fetchPackages(packages, options);
		const draft = join(tools, `.${key}.${process.pid}.${randomBytes(4).toString("hex")}`);
		try {
			await fill(draft, fetched, drop, options);
			await rename(draft, root).catch(async (error: NodeJS.ErrnoException) => {
				// A complete folder of the same name holds the same: whoever comes second throws the own one away.
				if (await exists(join(root, stamp))) return;
				if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
				// One that is not complete was cleared away by half.
				await rename(root, `${draft}.old`);
				await rename(draft, root);
			});
		} catch (error) {
			throw cacheError(error, root);
		} finally {
			await rm(draft, { recursive: true, force: true });
			await rm(`${draft}.old`, { recursive: true, force: true });
		}
	}
	await touch(root);
	const { runpaths } = JSON.parse(await readFile(join(root, stamp), "utf8")) as Stamp;
	return {
		root,
		packages,
		path: (inside) => join(root, inside),
		run: (program, ...args) => words(root, arch, runpaths, program, args),
	};
}

/** Written last: a folder with it is complete. Folders that programs name for their own libraries. */
interface Stamp {
	readonly runpaths: readonly string[];
}
const stamp = ".ekexec.json";

async function fill(
	root: string,
	fetched: readonly { readonly file: string; readonly package: PackageRef }[],
	drop: readonly string[],
	options: UnpackOptions,
): Promise<void> {
	await mkdir(join(root, "usr"), { recursive: true });
	for (const name of mergedFolders) {
		await mkdir(join(root, "usr", name), { recursive: true });
		await symlink(join("usr", name), join(root, name));
	}
	const guard = new TreeGuard();
	const runpaths = new Set<string>();
	const owners = new Map<string, { readonly where: string; readonly folder: boolean }>();
	const total = fetched.reduce((sum, one) => sum + one.package.size, 0);
	let done = 0;
	// Unpacking keeps a core busy; the other threads of liblzma come on top.
	await inParallel(fetched, availableParallelism(), options.signal, async (one, signal) => {
		const where = `${one.package.name} ${one.package.version}`;
		for await (const entry of readDeb(one.file, { drop, signal, where })) {
			const path = toPath(entry.name);
			if (mergedFolders.includes(path)) continue;
			guard.enter(path, entry.kind === "symlink", where);
			const owner = owners.get(path);
			const folder = entry.kind === "directory";
			// Packages may share folders, and nothing else: a folder in the place of a link would be the link's.
			if (owner !== undefined && !(folder && owner.folder)) {
				throw badPath(path, where, `nothing that ${owner.where} has, too`);
			}
			owners.set(path, { where, folder });
			await put(root, path, entry, where);
			if (entry.kind !== "file") continue;
			for (const folder of runpathsOf(entry, path)) runpaths.add(folder);
		}
		done += one.package.size;
		options.report?.({ step: "unpack", what: where, done, total, cached: 0 });
	});
	const content: Stamp = { runpaths: [...runpaths].sort() };
	await writeFile(join(root, stamp), `${JSON.stringify(content)}\n`);
}

async function put(root: string, path: string, entry: DebEntry, where: string): Promise<void> {
	const at = onDisk(root, path);
	if (entry.kind === "directory") {
		await mkdir(at, { recursive: true });
		return;
	}
	await mkdir(dirname(at), { recursive: true });
	switch (entry.kind) {
		case "file":
			// Writable by the owner, or the cache could not be cleared; the rest as in the package, without set-id bits.
			await writeFile(at, entry.content, { mode: (entry.mode % 0o1000) | 0o600, flag: "wx" });
			break;
		case "symlink":
			await symlink(Buffer.from(inside(path, toPath(entry.target), where), "latin1"), at);
			break;
		case "link":
			await link(onDisk(root, toPath(entry.target)), at);
			break;
	}
}

/** Paths in packages are bytes, and so they reach the disk. */
function onDisk(root: string, path: string): string {
	const bytes = Buffer.from(path, "latin1");
	const name = bytes.toString("utf8");
	if (!Buffer.from(name, "utf8").equals(bytes)) {
		throw badPath(path, root, "a name in UTF-8, as Debian's policy wants (10.10)");
	}
	return join(root, name);
}

/**
 * A link's target so that it leads to the same file with `root` for `/`. Every `..` stands at its beginning and leads
 * through folders alone, as no file is below a link: so no chain of links leads out, in whatever order they come.
 */
function inside(path: string, target: string, where: string): string {
	const folder = dirname(path) === "." ? "" : dirname(path);
	const parts = target.startsWith("/") ? [] : folder.split("/").filter(Boolean);
	for (const part of target.split("/")) {
		if (part === "..") {
			if (parts.pop() === undefined && !target.startsWith("/"))
				throw badPath(target, where, `a target inside (${showPath(path)})`);
		} else if (part !== "." && part !== "") parts.push(part);
	}
	return relative(`/${folder}`, `/${parts.join("/")}`) || ".";
}

function runpathsOf(entry: DebEntry & { kind: "file" }, path: string): string[] {
	const elf = readElf(entry.content, showPath(path));
	return (elf?.runpath ?? []).filter((folder) => folder.startsWith("/"));
}

async function words(
	root: string,
	arch: Architecture,
	runpaths: readonly string[],
	program: string,
	args: readonly string[],
): Promise<string[]> {
	if (process.platform !== "linux" || architectures[machineArch()] !== arch) {
		throw debianError(
			"failed",
			"DEBIAN_ELF",
			"programs of these packages do not run on this machine",
			{
				where: program,
				expected: `Linux on ${arch}`,
				found: `${process.platform} on ${machineArch()}`,
			},
		);
	}
	const places = program.includes("/")
		? [program]
		: ["usr/bin", "usr/sbin", "usr/libexec", "usr/games"].map((folder) => `${folder}/${program}`);
	const found = await firstThere(places.map((place) => join(root, place)));
	if (found === undefined) {
		throw debianError("usage", "DEBIAN_MISSING", "no such program in the packages", {
			where: root,
			expected: program,
		});
	}
	const elf = readElf(await readFile(found), found);
	if (elf === undefined) {
		throw debianError("usage", "DEBIAN_ELF", "a script, which needs an interpreter of its own", {
			where: found,
		});
	}
	if (elf.interpreter === undefined) return [found, ...args];
	const triplet = arch === "amd64" ? "x86_64-linux-gnu" : "aarch64-linux-gnu";
	const folders = [...new Set([`/usr/lib/${triplet}`, "/usr/lib", ...runpaths])];
	const path = folders.map((folder) => join(root, folder)).join(":");
	// ld.so(8): --inhibit-cache keeps this machine's libraries out.
	return [join(root, elf.interpreter), "--inhibit-cache", "--library-path", path, found, ...args];
}

async function firstThere(paths: readonly string[]): Promise<string | undefined> {
	for (const path of paths) if (await exists(path)) return path;
	return undefined;
}

async function exists(path: string): Promise<boolean> {
	return access(path).then(
		() => true,
		() => false,
	);
}
