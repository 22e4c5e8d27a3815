import type { ContentsFile } from "./contents.ts";
import { readListed } from "./listed.ts";
import type { Image } from "./open.ts";

/** What an image is made of. Sizes in bytes; `packed` is what goes over the wire. */
export interface Inspection {
	readonly name: string;
	readonly digest: string;
	readonly architecture: string;
	readonly release: string;
	readonly commandLine: string;
	readonly adapter: string;
	readonly kernel: number;
	readonly layers: readonly {
		readonly name: string;
		readonly kind: string;
		readonly compression: string;
		readonly packed: number;
		readonly unpacked: number;
		readonly memory: number;
		readonly entries: number;
	}[];
	/** Kernel and all layers but firmware. */
	readonly packedWithoutFirmware: number;
	readonly packed: number;
	/** Memory that the unpacked files take. */
	readonly memory: number;
	readonly packages: readonly {
		readonly name: string;
		readonly version: string;
		readonly layer: string;
		readonly size: number;
	}[];
	/** The largest first. */
	readonly files: readonly ContentsFile[];
	/** Names of kernel modules, sorted. */
	readonly modules: readonly string[];
	readonly source: Readonly<Record<string, string>>;
}

/** A list of contents has a line for every file, some hundred bytes each; a million of them is no rescue image. */
const maxFiles = 1_000_000;

/** Reads what the manifest and the list of contents say. Images of other makers have no such list. */
export async function inspectImage(image: Image): Promise<Inspection> {
	const { manifest } = image;
	const files = (await readContents(image)).sort(
		(a, b) => b.size - a.size || (a.path < b.path ? -1 : 1),
	);
	const packed = image.layers.reduce((sum, layer) => sum + layer.size, image.kernel.size);
	const firmware = image.layers
		.filter((layer) => layer.kind === "firmware")
		.reduce((sum, layer) => sum + layer.size, 0);
	return {
		name: manifest.name,
		digest: image.digest,
		architecture: manifest.architecture,
		release: manifest.kernel.release,
		commandLine: manifest.commandLine,
		adapter: manifest.adapter,
		kernel: image.kernel.size,
		layers: image.layers.map((layer) => ({
			name: layer.name,
			kind: layer.kind,
			compression: layer.compression,
			packed: layer.size,
			unpacked: layer.unpackedSize,
			memory: layer.memorySize,
			entries: layer.entries,
		})),
		packedWithoutFirmware: packed - firmware,
		packed,
		memory: image.layers.reduce((sum, layer) => sum + layer.memorySize, 0),
		packages: [...manifest.packages].sort((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1)),
		files,
		modules: files
			.flatMap((file) => file.path.match(/([^/]+)\.ko(?:\.\w+)?$/)?.[1] ?? [])
			.map((name) => name.replaceAll("-", "_"))
			.sort(),
		source: manifest.source,
	};
}

async function readContents(image: Image): Promise<ContentsFile[]> {
	const { contents } = image.manifest;
	if (contents === undefined) return [];
	const list = await readListed(image, contents);
	return list
		.get("files")
		.items(maxFiles)
		.map((item) => {
			const owner = item.get("package");
			return {
				path: item.get("path").string(),
				size: item.get("size").count(),
				layer: item.get("layer").string(),
				...(owner.present ? { package: owner.string() } : {}),
			};
		});
}
