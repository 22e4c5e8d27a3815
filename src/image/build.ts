import { join } from "node:path";
import {
	type Architecture,
	cacheFolder,
	chooseModules,
	type Lock,
	ownCache,
	type PackageRef,
	type RepositoryOptions,
} from "../debian/index.ts";
import { makeBase } from "./base.ts";
import { formatContents } from "./contents.ts";
import { driversOf, formatDrivers } from "./drivers.ts";
import { imageError } from "./errors.ts";
import { makeFirmware } from "./firmware.ts";
import {
	indexModules,
	type KernelPackage,
	kernelBytes,
	type ModuleForm,
	makeModules,
	openKernel,
} from "./kernel.ts";
import { bestPacking, type Packing } from "./layer.ts";
import {
	type CachedLayer,
	draftOf,
	keyOf,
	type LayerDraft,
	type LayerShop,
	layerFile,
	layerOf,
	manifestLayer,
	sha256,
} from "./layers.ts";
import {
	formatManifest,
	type LayerKind,
	type Manifest,
	type ManifestFile,
	manifestFormat,
} from "./manifest.ts";
import { type Image, openImage } from "./open.ts";
import { checkOverlay, readOverlay } from "./overlay.ts";
import { place } from "./place.ts";
import { fetcher, planPackages } from "./plan.ts";
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
	/**
	 * Packages besides those of the recipe: whole but for documentation, and with all that they depend on, whatever the
	 * recipe leaves out.
	 */
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
	await ownCache(cache);
	const overlay = options.overlay === undefined ? undefined : await readOverlay(options.overlay);
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
	const modules = chooseModules(index.modules, wishes).modules;

	const shop: LayerShop = {
		cache,
		architecture,
		packing,
		signal,
		progress: (what, done, total) => progress?.({ step: "compress", what, done, total }),
	};
	const layer = (
		name: string,
		kind: LayerKind,
		inputs: readonly unknown[],
		make: () => Promise<LayerDraft>,
	): Promise<CachedLayer> => layerOf(shop, name, kind, inputs, make);

	const jobs: Promise<CachedLayer>[] = [
		layer("base", "base", [recipeKey(recipe), digests(plan.base), plan.whole], async () => {
			const { tree } = await makeBase(recipe, await fetched(plan.base), {
				whole: plan.whole,
				...(signal === undefined ? {} : { signal }),
				progress: (done, total, what) => progress?.({ step: "unpack", what, done, total }),
			});
			return draftOf("base", tree, plan.base);
		}),
		layer(
			"modules",
			"modules",
			[kernelRef.sha256, modules.map(({ path }) => path), form],
			async () => {
				const tree = await makeModules(await openOnce(), modules, form, kernelRef.name, signal);
				return draftOf("modules", tree, [kernelRef]);
			},
		),
	];
	if (options.firmware !== false && plan.firmware.length > 0) {
		const wanted = [...new Set(modules.flatMap((module) => module.firmware))].sort();
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
	if (overlay !== undefined) {
		jobs.push(
			layer("overlay", "overlay", [overlay.digest], async () => ({
				entries: overlay.entries,
				contents: overlay.contents,
				packages: [],
			})),
		);
	}
	const layers = (await allOrFirstError(jobs)).filter(({ meta }) => meta.written.entries > 0);
	if (overlay !== undefined) {
		const others = layers.filter(({ meta }) => meta.kind !== "overlay");
		checkOverlay(
			overlay,
			others.flatMap(({ contents }) => contents.files),
		);
	}

	const kernelFile = await kernelBytes(cache, kernelRef, openOnce, signal);
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
		...(options.target === undefined || options.target.besides
			? {}
			: {
					madeFor: {
						modaliases: options.target.modaliases.length,
						filesystems: [...options.target.filesystems],
					},
				}),
	};
	const contents = formatContents({ files: layers.flatMap((one) => one.contents.files) });
	const drivers = formatDrivers(driversOf(modules, index.files));
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
	const cached = layers.filter((one) => one.cached).map(({ meta }) => meta.name);
	return { image: await openImage(directory), lock, cached, notes: plan.notes };
}

function listed(file: string, bytes: Uint8Array): ManifestFile {
	return { file, size: bytes.length, sha256: sha256(bytes) };
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
	const { drop, keepLibraries, standIns, join: joins, files, enable, mask } = recipe;
	return [drop, keepLibraries, joins, files, enable, mask, ...(standIns ?? [])];
}
