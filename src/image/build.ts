import { createHash } from "node:crypto";
import { chmod, copyFile, link, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CpioEntry } from "../cpio/index.ts";
import {
	type Architecture,
	cacheFolder,
	type FetchedPackage,
	fetchPackages,
	type Lock,
	openRepository,
	type PackageRef,
	type RepositoryOptions,
	solve,
} from "../debian/index.ts";
import { makeBase } from "./base.ts";
import { exists, onceMade, readJson } from "./cache.ts";
import { type Contents, contentsOf, formatContents } from "./contents.ts";
import { driversOf, formatDrivers } from "./drivers.ts";
import { imageError } from "./errors.ts";
import { makeFirmware } from "./firmware.ts";
import {
	findKernel,
	indexModules,
	type KernelPackage,
	type ModuleForm,
	makeModules,
	openKernel,
} from "./kernel.ts";
import { bestPacking, type FileRef, type Packing, type WrittenLayer, writeLayer } from "./layer.ts";
import {
	formatManifest,
	type LayerKind,
	type Manifest,
	type ManifestFile,
	type ManifestLayer,
	type ManifestPackage,
	manifestFormat,
} from "./manifest.ts";
import { type Image, openImage } from "./open.ts";
import { readOverlay } from "./overlay.ts";
import type { Recipe } from "./recipe.ts";
import { rescue } from "./recipes/rescue.ts";
import { type ImageTarget, wishesFor } from "./target.ts";

/** What is being done, for a display. Numbers are bytes of the step, but files for `modules`. */
export interface BuildProgress {
	readonly step: "index" | "download" | "unpack" | "modules" | "compress" | "done";
	/** The layer, package or file at hand. */
	readonly what: string;
	readonly done: number;
	readonly total: number;
	/** Part of `total` that the cache had. */
	readonly cached?: number;
}

export interface BuildOptions
	extends Pick<
		RepositoryOptions,
		"suite" | "mirror" | "securityMirror" | "env" | "cache" | "keyrings" | "clock" | "anyAge"
	> {
	/** amd64 unless told. */
	readonly architecture?: Architecture;
	/** The rescue system unless told. */
	readonly recipe?: Recipe;
	/** Packages besides those of the recipe. */
	readonly with?: readonly string[];
	/** Package of the kernel; Debian's usual one unless told. */
	readonly kernel?: string;
	/** Folder whose files go over those of the image, as a layer of its own. */
	readonly overlay?: string;
	/** In place of the recipe's. */
	readonly commandLine?: string;
	/** For this target alone: its modules, its firmware. */
	readonly target?: ImageTarget;
	/** Whether modules stay compressed as the package holds them; see {@link ModuleForm}. */
	readonly modules?: ModuleForm;
	/** Without firmware of network cards and disk controllers. */
	readonly firmware?: boolean;
	readonly packing?: Packing;
	/** Exactly these packages, of an earlier build. */
	readonly lock?: Lock;
	/** Directory to put the image in; within the cache unless told. */
	readonly out?: string;
	readonly signal?: AbortSignal;
	readonly progress?: (progress: BuildProgress) => void;
}

export interface BuiltImage {
	readonly image: Image;
	readonly lock: Lock;
	/** Layers that were there already, by name. */
	readonly cached: readonly string[];
	/** What a person should know. */
	readonly notes: readonly string[];
}

/** Part of every key of the cache: changes when the same inputs would give other bytes. */
const generation = 1;

/** Folder of the images of this machine. */
export function imagesFolder(cache: string = cacheFolder()): string {
	return join(cache, "images");
}

/**
 * Builds an image from Debian packages: no root, no container, nothing of theirs is run. What was built from the same
 * inputs before is taken from the cache, layer by layer. Reproducible: the same lock, recipe and packing give the same
 * bytes on every machine. Throws `IMAGE_…` errors, and those of the debian room.
 */
export async function buildImage(options: BuildOptions = {}): Promise<BuiltImage> {
	const {
		architecture = "amd64",
		recipe = rescue,
		packing = bestPacking(),
		signal,
		progress,
	} = options;
	const form = options.modules ?? "unpacked";
	const cache = options.cache ?? cacheFolder(options.env);
	const plan = await planPackages(options, recipe, architecture);
	const { lock } = plan;
	const fetched = fetcher(options, cache);

	let kernelOpened: Promise<KernelPackage> | undefined;
	const kernelRef = single(plan.kernel, "a kernel package");
	const openOnce = (): Promise<KernelPackage> => {
		kernelOpened ??= fetched([kernelRef]).then(([one]) => {
			if (one === undefined) throw new Error("a package was asked for and none came");
			return openKernel(one, signal);
		});
		return kernelOpened;
	};
	const index = await indexModules(
		join(cache, "modules", keyOf("modules", kernelRef.sha256)),
		openOnce,
		{
			...(signal === undefined ? {} : { signal }),
			progress: (done, total, what) => progress?.({ step: "modules", what, done, total }),
		},
	);
	const wishes = wishesFor(recipe.modules, options.target);
	const cached: string[] = [];
	const notes: string[] = [...plan.notes];

	const layer = async (
		name: string,
		kind: LayerKind,
		inputs: readonly unknown[],
		make: () => Promise<LayerDraft>,
	): Promise<CachedLayer> => {
		const folder = join(cache, "layers", keyOf(name, architecture, packing, ...inputs));
		const found = await onceMade(folder, async (draft) => {
			const { entries, contents, packages } = await make();
			const written = await writeLayer(join(draft, "layer"), entries, packing, {
				...(signal === undefined ? {} : { signal }),
				progress: (done, total) => progress?.({ step: "compress", what: name, done, total }),
			});
			const meta: LayerMeta = { name, kind, written, packages };
			await writeFile(join(draft, "contents.json"), formatContents(contents));
			await writeFile(join(draft, "layer.json"), JSON.stringify(meta));
		});
		if (found.cached) cached.push(name);
		return {
			folder,
			meta: await readJson<LayerMeta>(folder, "layer.json"),
			contents: await readJson<Contents>(folder, "contents.json"),
		};
	};

	const jobs: Promise<CachedLayer>[] = [
		layer("base", "base", [recipeKey(recipe), digests(plan.base)], async () => {
			const { tree } = await makeBase(recipe, await fetched(plan.base), {
				...(signal === undefined ? {} : { signal }),
				progress: (done, total, what) => progress?.({ step: "unpack", what, done, total }),
			});
			return draftOf("base", tree, plan.base);
		}),
		layer("modules", "modules", [kernelRef.sha256, wishes.key, form], async () => {
			const kernel = await openOnce();
			const made = await makeModules(kernel, index.modules, wishes, form, kernelRef.name);
			return draftOf("modules", made.tree, [kernelRef]);
		}),
	];
	if (options.firmware !== false && plan.firmware.length > 0) {
		const wanted = firmwareOf(index.modules, wishes);
		if (wanted.length > 0) {
			const inputs = [digests(plan.firmware), wanted, recipe.firmware.keep];
			jobs.push(
				layer("firmware", "firmware", inputs, async () => {
					const packages = await fetched(plan.firmware);
					const tree = await makeFirmware(recipe.firmware, packages, wanted, signal);
					return draftOf("firmware", tree, plan.firmware);
				}),
			);
		}
	}
	if (options.overlay !== undefined) {
		const overlay = await readOverlay(options.overlay);
		jobs.push(
			layer("overlay", "overlay", [overlay.digest], async () => ({
				entries: overlay.entries,
				contents: overlay.contents,
				packages: [],
			})),
		);
	}
	const layers = (await allOrFirstError(jobs)).filter(({ meta }) => meta.written.entries > 0);

	const kernelFile = await kernelBytes(cache, kernelRef, openOnce);
	const manifest: Manifest = {
		format: manifestFormat,
		name: recipe.name,
		architecture,
		kernel: {
			release: index.release,
			file: "kernel",
			size: kernelFile.size,
			sha256: kernelFile.sha256,
		},
		commandLine: options.commandLine ?? recipe.commandLine[architecture],
		adapter: "rootfs",
		layers: layers.map(({ meta }) => manifestLayer(meta)),
		packages: layers.flatMap(({ meta }) => meta.packages),
		source: {
			provider: "debian",
			suite: lock.suite,
			kernel: `${kernelRef.name} ${kernelRef.version}`,
		},
		...(options.target === undefined
			? {}
			: {
					madeFor: {
						modaliases: options.target.modaliases.length,
						filesystems: [...options.target.filesystems],
					},
				}),
	};
	const contents = formatContents({ files: layers.flatMap((one) => one.contents.files) });
	const drivers = formatDrivers(driversOf(wishes.chosen(index.modules), index.files));
	const whole: Manifest = {
		...manifest,
		contents: listed("contents.json", contents),
		drivers: listed("drivers.json", drivers),
	};
	const bytes = formatManifest(whole);
	const directory =
		options.out ??
		join(imagesFolder(cache), `${recipe.name}-${architecture}-${sha256(bytes).slice(0, 12)}`);
	await place(directory, [
		["manifest.json", bytes],
		["contents.json", contents],
		["drivers.json", drivers],
		["kernel", kernelFile.path],
		...layers.map(({ meta, folder }): [string, string] => [layerFile(meta), join(folder, "layer")]),
	]);
	progress?.({ step: "done", what: directory, done: 1, total: 1 });
	return { image: await openImage(directory), lock, cached, notes };
}

interface LayerDraft {
	readonly entries: readonly CpioEntry<FileRef>[];
	readonly contents: Contents;
	readonly packages: readonly ManifestPackage[];
}

interface LayerMeta {
	readonly name: string;
	readonly kind: LayerKind;
	readonly written: WrittenLayer;
	readonly packages: readonly ManifestPackage[];
}

interface CachedLayer {
	readonly folder: string;
	readonly meta: LayerMeta;
	readonly contents: Contents;
}

function listed(file: string, bytes: Uint8Array): ManifestFile {
	return { file, size: bytes.length, sha256: sha256(bytes) };
}

const extensions = { gzip: "gz", xz: "xz", zstd: "zst" } as const;

function layerFile({ name, written }: LayerMeta): string {
	return `layers/${name}.cpio.${extensions[written.compression as keyof typeof extensions]}`;
}

function manifestLayer(meta: LayerMeta): ManifestLayer {
	const { written } = meta;
	return {
		name: meta.name,
		kind: meta.kind,
		file: layerFile(meta),
		size: written.size,
		sha256: written.sha256,
		compression: written.compression,
		unpackedSize: written.unpackedSize,
		memorySize: written.memorySize,
		entries: written.entries,
	};
}

function draftOf(
	layer: string,
	tree: Parameters<typeof contentsOf>[1],
	packages: readonly PackageRef[],
): LayerDraft {
	const contents = contentsOf(layer, tree);
	const sizes = new Map<string, number>();
	for (const { package: owner, size } of contents.files) {
		if (owner !== undefined) sizes.set(owner, (sizes.get(owner) ?? 0) + size);
	}
	return {
		entries: tree.entries(),
		contents,
		packages: packages
			.filter(({ name }) => sizes.has(name))
			.map(({ name, version }) => ({ name, version, layer, size: sizes.get(name) ?? 0 })),
	};
}

interface PackagePlan {
	readonly lock: Lock;
	readonly base: readonly PackageRef[];
	readonly kernel: readonly PackageRef[];
	readonly firmware: readonly PackageRef[];
	readonly notes: readonly string[];
}

/** Which packages: from the lock, or from the newest lists that the mirror has. */
async function planPackages(
	options: BuildOptions,
	recipe: Recipe,
	arch: Architecture,
): Promise<PackagePlan> {
	const isKernel = (name: string): boolean => /^linux-image-/.test(name);
	const firmwareNames = new Set(recipe.firmware.packages);
	const split = (packages: readonly PackageRef[]) => ({
		base: packages.filter(({ name }) => !isKernel(name) && !firmwareNames.has(name)),
		kernel: packages.filter(({ name }) => isKernel(name)),
		firmware: packages.filter(({ name }) => firmwareNames.has(name)),
	});
	if (options.lock !== undefined) {
		if (options.lock.arch !== arch) {
			throw imageError("usage", "IMAGE_RECIPE", "the lock is for another architecture", {
				expected: arch,
				found: options.lock.arch,
			});
		}
		return { lock: options.lock, notes: [], ...split(options.lock.packages) };
	}
	const { progress, signal } = options;
	const suite = options.suite ?? recipe.suite;
	const repository = await openRepository({
		...options,
		arch,
		suite,
		signal,
		report: ({ what, done, total, cached }) =>
			progress?.({ step: "index", what, done, total, cached }),
	});
	const extra = options.with ?? [];
	const roots = [...recipe.packages, ...(recipe.packagesOf?.[arch] ?? []), ...extra];
	const exclude = recipe.exclude.filter((pattern) => {
		const expression = new RegExp(`^${pattern.replace(/[.+]/g, "\\$&").replaceAll("*", ".*")}$`);
		return !extra.some((name) => expression.test(name));
	});
	const solution = solve(repository.index, roots, { exclude });
	const kernel = findKernel(repository.index, arch, options.kernel);
	const firmware =
		options.firmware === false
			? []
			: recipe.firmware.packages.flatMap((name) => repository.index.find(name).slice(0, 1));
	const packages: readonly PackageRef[] = [...solution.packages, kernel, ...firmware].map(
		({ name, version, arch: of, size, sha256: digest, path, archive }) => ({
			name,
			version,
			arch: of,
			size,
			sha256: digest,
			path,
			archive,
		}),
	);
	const lock: Lock = {
		suite: repository.suite,
		arch,
		roots,
		exclude,
		releases: repository.releases,
		packages,
	};
	return { lock, notes: repository.notes, ...split(packages) };
}

/** Fetches packages once, however often they are asked for, and adds up the progress. */
function fetcher(
	options: BuildOptions,
	cache: string,
): (packages: readonly PackageRef[]) => Promise<FetchedPackage[]> {
	return (packages) =>
		fetchPackages(packages, {
			...options,
			cache,
			signal: options.signal,
			report: ({ what, done, total, cached }) =>
				options.progress?.({ step: "download", what, done, total, cached }),
		});
}

function firmwareOf(
	modules: readonly { readonly path: string; readonly firmware: readonly string[] }[],
	wishes: ReturnType<typeof wishesFor>,
): string[] {
	const chosen = wishes.chosen(modules as never);
	return [...new Set(chosen.flatMap((module) => module.firmware))].sort();
}

async function kernelBytes(
	cache: string,
	ref: PackageRef,
	open: () => Promise<KernelPackage>,
): Promise<{ readonly path: string; readonly size: number; readonly sha256: string }> {
	const folder = join(cache, "kernels", keyOf("kernel", ref.sha256));
	await onceMade(folder, async (draft) => {
		const { kernel } = await open();
		await writeFile(join(draft, "kernel"), kernel);
		await writeFile(
			join(draft, "kernel.json"),
			JSON.stringify({ size: kernel.length, sha256: sha256(kernel) }),
		);
	});
	const meta = await readJson<{ size: number; sha256: string }>(folder, "kernel.json");
	return { ...meta, path: join(folder, "kernel") };
}

/** Makes the image directory from files and texts: complete, or not there. Within the cache, files are shared. */
async function place(
	directory: string,
	files: readonly (readonly [string, Uint8Array | string])[],
): Promise<void> {
	await mkdir(dirname(directory), { recursive: true });
	const draft = await mkdtemp(`${directory}.`);
	try {
		await chmod(draft, 0o755);
		await mkdir(join(draft, "layers"));
		for (const [name, content] of files) {
			const path = join(draft, name);
			if (typeof content !== "string") await writeFile(path, content);
			// A hard link costs nothing; on another file system, copy.
			else await link(content, path).catch(() => copyFile(content, path));
		}
		if (await exists(directory)) {
			if (!(await exists(join(directory, "manifest.json")))) {
				throw imageError("usage", "IMAGE_NOT_FOUND", "there is something else in this place", {
					where: directory,
					remedy: "Name a directory that does not exist yet, or an older image.",
				});
			}
			await rm(directory, { recursive: true });
		}
		await rename(draft, directory);
	} finally {
		await rm(draft, { recursive: true, force: true });
	}
}

/** As Promise.all, but waits for all to end, so that nothing goes on writing behind the error. */
async function allOrFirstError<T>(jobs: readonly Promise<T>[]): Promise<T[]> {
	const results = await Promise.allSettled(jobs);
	return results.map((result) => {
		if (result.status === "rejected") throw result.reason;
		return result.value;
	});
}

function single<T>(items: readonly T[], expected: string): T {
	const [item] = items;
	if (item !== undefined && items.length === 1) return item;
	throw imageError("usage", "IMAGE_KERNEL", "the lock does not name one kernel", {
		expected,
		found: `${items.length}`,
	});
}

function digests(packages: readonly PackageRef[]): string[] {
	return packages.map((one) => one.sha256);
}

/** Everything of the recipe that the base layer depends on. */
function recipeKey(recipe: Recipe): unknown {
	const { drop, keepLibraries, join: joins, files, enable, mask } = recipe;
	return [drop, keepLibraries, joins, files, enable, mask];
}

function keyOf(...inputs: readonly unknown[]): string {
	return sha256(Buffer.from(JSON.stringify([generation, ...inputs])));
}

function sha256(bytes: Uint8Array): string {
	return createHash("sha256").update(bytes).digest("hex");
}
