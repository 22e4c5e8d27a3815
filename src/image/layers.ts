import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CpioEntry } from "../cpio/index.ts";
import type { PackageRef } from "../debian/index.ts";
import { onceMade, readJson } from "./cache.ts";
import { type Contents, contentsOf, formatContents } from "./contents.ts";
import { type FileRef, type Packing, packingOf, type WrittenLayer, writeLayer } from "./layer.ts";
import type { Architecture, LayerKind, ManifestLayer, ManifestPackage } from "./manifest.ts";
import { checkFile } from "./open.ts";
import type { FileTree } from "./tree.ts";

/**
 * Part of every key of the cache: another release of ekexec may make other bytes of the same inputs. Between releases
 * the number changes when that is so.
 */
const generation: readonly unknown[] = [
	(
		JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
			version: string;
		}
	).version,
	2,
];

/** What a layer is made of. */
export interface LayerDraft {
	readonly entries: readonly CpioEntry<FileRef>[];
	readonly contents: Contents;
	readonly packages: readonly ManifestPackage[];
}

/** What is kept beside a layer in the cache. */
export interface LayerMeta {
	readonly name: string;
	readonly kind: LayerKind;
	readonly written: WrittenLayer;
	readonly packages: readonly ManifestPackage[];
}

/** A layer in the cache. */
export interface CachedLayer {
	readonly folder: string;
	/** Whether it was there already. */
	readonly cached: boolean;
	readonly meta: LayerMeta;
	readonly contents: Contents;
}

/** Who makes layers, and how. */
export interface LayerShop {
	readonly cache: string;
	readonly architecture: Architecture;
	readonly packing: Packing;
	readonly signal?: AbortSignal | undefined;
	/** Told the bytes of a layer that were compressed so far, and all there are. */
	readonly progress?: (name: string, done: number, total: number) => void;
}

/** A layer from the cache, or made by `make` from `inputs`, which alone decide what is in it. */
export async function layerOf(
	shop: LayerShop,
	name: string,
	kind: LayerKind,
	inputs: readonly unknown[],
	make: () => Promise<LayerDraft>,
): Promise<CachedLayer> {
	const { cache, architecture, signal } = shop;
	const packing = packingOf(shop.packing, architecture, kind === "base");
	const folder = join(cache, "layers", keyOf(name, architecture, packing, ...inputs));
	const read = async (): Promise<Pick<CachedLayer, "meta" | "contents">> => {
		const meta = await readJson<LayerMeta>(folder, "layer.json");
		const { size, sha256: digest } = meta.written;
		await checkFile({ file: "layer", path: join(folder, "layer"), size, sha256: digest }, signal);
		return { meta, contents: await readJson<Contents>(folder, "contents.json") };
	};
	const makeLayer = async (draft: string): Promise<void> => {
		const { entries, contents, packages } = await make();
		const written = await writeLayer(join(draft, "layer"), entries, packing, {
			...(signal === undefined ? {} : { signal }),
			progress: (done, total) => shop.progress?.(name, done, total),
		});
		const meta: LayerMeta = { name, kind, written, packages };
		await writeFile(join(draft, "contents.json"), formatContents(contents));
		await writeFile(join(draft, "layer.json"), JSON.stringify(meta));
	};
	const { cached, value } = await onceMade(folder, read, makeLayer, signal);
	return { folder, cached, ...value };
}

const extensions = { gzip: "gz", xz: "xz", zstd: "zst" } as const;

/** Where a layer lies within the image. */
export function layerFile({ name, written }: LayerMeta): string {
	return `layers/${name}.cpio.${extensions[written.compression as keyof typeof extensions]}`;
}

/** What the manifest says of a layer. */
export function manifestLayer(meta: LayerMeta): ManifestLayer {
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

/** A tree on its way to becoming a layer. */
export function draftOf(
	layer: string,
	tree: FileTree,
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

/** A name in the cache that changes with any of the inputs. */
export function keyOf(...inputs: readonly unknown[]): string {
	return sha256(Buffer.from(JSON.stringify([...generation, ...inputs])));
}

export function sha256(bytes: Uint8Array): string {
	return createHash("sha256").update(bytes).digest("hex");
}
