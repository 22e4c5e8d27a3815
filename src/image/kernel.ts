import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { concat, text } from "../bytes/index.ts";
import { decompress } from "../compress/index.ts";
import {
	type FetchedPackage,
	inParallel,
	type KernelFiles,
	type ModuleInfo,
	moduleTables,
	type Package,
	type PackageIndex,
	type PackageRef,
	type PlacedModule,
	readDeb,
	readModule,
} from "../debian/index.ts";
import { onceMade, readJson } from "./cache.ts";
import { imageError } from "./errors.ts";
import { keyOf, sha256 } from "./layers.ts";
import type { Architecture } from "./manifest.ts";
import { checkFile } from "./open.ts";
import { FileTree, toKey } from "./tree.ts";

/** A kernel package opened: the kernel itself, and every module as the package holds it. */
export interface KernelPackage {
	readonly release: string;
	readonly kernel: Uint8Array;
	/** Compressed or not, by path below `/lib/modules/RELEASE`. */
	readonly modules: ReadonlyMap<string, Uint8Array>;
	readonly files: KernelFiles;
}

/** A module unpacks to at most this: the largest, a GPU driver with debugging, stays below 64 MB. */
const maxModule = 256 * 1024 * 1024;

/** The package of the kernel itself, behind the one that always depends on the newest. */
export function findKernel(
	index: PackageIndex,
	architecture: Architecture,
	wanted?: string,
): Package {
	const name = wanted ?? `linux-image-${architecture}`;
	const found = index.find(name)[0];
	const image = found?.depends.flat().find((one) => /^linux-image-\d/.test(one.name));
	const kernel = image === undefined ? found : index.find(image.name)[0];
	if (kernel === undefined || !/^linux-image-\d/.test(kernel.name)) {
		throw imageError("usage", "IMAGE_KERNEL", "there is no such kernel package", {
			expected: "a package linux-image-…",
			found: name,
		});
	}
	return kernel;
}

/** Reads a kernel package. Throws `IMAGE_KERNEL` where it holds no kernel. */
export async function openKernel(
	fetched: FetchedPackage,
	signal?: AbortSignal,
): Promise<KernelPackage> {
	const where = `${fetched.package.name} ${fetched.package.version}`;
	const modules = new Map<string, Uint8Array>();
	const files = new Map<string, Uint8Array>();
	let kernel: Uint8Array | undefined;
	let release = "";
	const options = { where, ...(signal === undefined ? {} : { signal }) };
	for await (const entry of readDeb(fetched.file, options)) {
		if (entry.kind !== "file") continue;
		const path = toKey(entry.name);
		if (/^boot\/vmlinu[xz]-/.test(path)) {
			kernel = entry.content;
			release = path.slice(path.indexOf("-") + 1);
			continue;
		}
		const match = path.match(/^usr\/lib\/modules\/[^/]+\/(.+)$/);
		const inside = match?.[1];
		if (inside === undefined) continue;
		if (/\.ko(?:\.(?:xz|zst|gz))?$/.test(inside)) modules.set(inside, entry.content);
		else files.set(inside, entry.content);
	}
	if (kernel === undefined) {
		throw imageError("check", "IMAGE_KERNEL", "this package holds no kernel", { where });
	}
	const builtinModinfo = files.get("modules.builtin.modinfo");
	return {
		release,
		kernel,
		modules,
		files: {
			order: text(files.get("modules.order") ?? new Uint8Array(0)),
			builtin: text(files.get("modules.builtin") ?? new Uint8Array(0)),
			...(builtinModinfo === undefined ? {} : { builtinModinfo }),
		},
	};
}

/**
 * What all modules of a kernel say about themselves: half a gigabyte to unpack, so the answer is kept in `folder`,
 * named by the digest of the package.
 */
export async function indexModules(
	folder: string,
	open: () => Promise<KernelPackage>,
	options: {
		readonly signal?: AbortSignal;
		readonly progress?: (done: number, total: number, what: string) => void;
	} = {},
): Promise<{
	readonly release: string;
	readonly modules: readonly PlacedModule[];
	readonly files: KernelFiles;
}> {
	const read = async () => {
		const index = await readJson<{
			release: string;
			modules: (ModuleInfo & { path: string })[];
			files: KernelFiles;
		}>(folder, "modules.json");
		const builtinModinfo = await readFile(join(folder, "modinfo")).catch(() => undefined);
		return {
			...index,
			files: { ...index.files, ...(builtinModinfo === undefined ? {} : { builtinModinfo }) },
		};
	};
	const make = async (draft: string): Promise<void> => {
		const kernel = await open();
		const modules: PlacedModule[] = [];
		let done = 0;
		const paths = [...kernel.modules.keys()].sort();
		const next = paths.values();
		const worker = async (): Promise<void> => {
			for (const path of next) {
				options.signal?.throwIfAborted();
				const packed = kernel.modules.get(path) ?? new Uint8Array(0);
				modules.push({ ...readModule(await unpacked(path, packed), path), path });
				options.progress?.(++done, paths.length, path);
			}
		};
		// Modules are unpacked in threads, one for each caller that waits.
		await Promise.all(Array.from({ length: availableParallelism() }, worker));
		modules.sort((a, b) => (a.path < b.path ? -1 : 1));
		const { builtinModinfo, ...rest } = kernel.files;
		const index = { release: kernel.release, modules, files: rest };
		await writeFile(join(draft, "modules.json"), JSON.stringify(index));
		if (builtinModinfo !== undefined) await writeFile(join(draft, "modinfo"), builtinModinfo);
	};
	return (await onceMade(folder, read, make, options.signal)).value;
}

/** The bytes of a module, whatever it is compressed with. */
export async function unpacked(path: string, packed: Uint8Array): Promise<Uint8Array> {
	if (path.endsWith(".ko")) return packed;
	const parts: Uint8Array[] = [];
	const options = { maxOutput: maxModule, where: path, threads: 1, eager: true };
	for await (const part of decompress([packed], options)) parts.push(part);
	return parts.length === 1 && parts[0] !== undefined ? parts[0] : concat(parts);
}

export type ModuleForm = "unpacked" | "kept";

/** The tree of the modules layer: the modules given, and the tables for exactly these. */
export async function makeModules(
	kernel: KernelPackage,
	modules: readonly PlacedModule[],
	form: ModuleForm,
	owner: string,
	signal?: AbortSignal,
): Promise<FileTree> {
	const tree = new FileTree();
	const root = `usr/lib/modules/${kernel.release}`;
	const placed: PlacedModule[] = [];
	const contents = await inParallel(modules, availableParallelism(), signal, async ({ path }) => {
		const packed = kernel.modules.get(path) ?? new Uint8Array(0);
		return form === "kept" ? packed : unpacked(path, packed);
	});
	for (const [i, module] of modules.entries()) {
		const path = form === "kept" ? module.path : module.path.replace(/\.ko\.\w+$/, ".ko");
		const content = contents[i] ?? new Uint8Array(0);
		tree.set(`${root}/${path}`, { kind: "file", mode: 0o644, owner, content });
		placed.push({ ...module, path });
	}
	for (const { name, content } of moduleTables(placed, kernel.files)) {
		tree.set(`${root}/${name}`, { kind: "file", mode: 0o644, owner, content });
	}
	return tree;
}

/** The kernel itself, in the cache. */
export async function kernelBytes(
	cache: string,
	ref: PackageRef,
	open: () => Promise<KernelPackage>,
	signal?: AbortSignal,
): Promise<{ readonly path: string; readonly size: number; readonly sha256: string }> {
	const folder = join(cache, "kernels", keyOf("kernel", ref.sha256));
	const path = join(folder, "kernel");
	const read = async () => {
		const meta = await readJson<{ size: number; sha256: string }>(folder, "kernel.json");
		await checkFile({ ...meta, file: "kernel", path }, signal);
		return { ...meta, path };
	};
	const make = async (draft: string): Promise<void> => {
		const { kernel } = await open();
		await writeFile(join(draft, "kernel"), kernel);
		await writeFile(
			join(draft, "kernel.json"),
			JSON.stringify({ size: kernel.length, sha256: sha256(kernel) }),
		);
	};
	return (await onceMade(folder, read, make, signal)).value;
}
