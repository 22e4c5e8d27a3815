import { utf8 } from "../bytes/index.ts";
import { imageError } from "./errors.ts";
import { parseShape, type Shape } from "./shape.ts";

/** First field of every manifest: name and version of the contract. */
export const manifestFormat = "ekexec-image/1";

/** Debian's names of the architectures that ekexec knows. */
export const architectures = ["amd64", "arm64"] as const;
export type Architecture = (typeof architectures)[number];

/** Where an image expects the identity files; see `identityEntries`. */
export const adapters = ["rootfs", "stage1", "nixos-images"] as const;
export type Adapter = (typeof adapters)[number];

/** `firmware` may be left out for a target that asks for none of it; all others are needed. */
export const layerKinds = [
	"microcode",
	"base",
	"modules",
	"firmware",
	"overlay",
	"initrd",
] as const;
export type LayerKind = (typeof layerKinds)[number];

export const compressions = ["none", "gzip", "xz", "zstd", "bzip2", "lzma", "lzo", "lz4"] as const;
export type Compression = (typeof compressions)[number];

/** A file of the image directory. Sizes in bytes, digests as lower-case hex of SHA-256. */
export interface ManifestFile {
	/** Path within the image directory, with `/`, never leaving it. */
	readonly file: string;
	readonly size: number;
	readonly sha256: string;
}

export interface ManifestLayer extends ManifestFile {
	readonly name: string;
	readonly kind: LayerKind;
	readonly compression: Compression;
	/** Size of the cpio archive inside. */
	readonly unpackedSize: number;
	/** Memory the unpacked files take: every file rounded up to whole pages of 4096 bytes. */
	readonly memorySize: number;
	readonly entries: number;
}

/** A package that went into the image. */
export interface ManifestPackage {
	readonly name: string;
	readonly version: string;
	readonly layer: string;
	/** Bytes of its files that were kept. */
	readonly size: number;
}

/** What `manifest.json` says. Layers are in the order in which the initrd joins them. */
export interface Manifest {
	readonly format: typeof manifestFormat;
	readonly name: string;
	readonly architecture: Architecture;
	readonly kernel: ManifestFile & { readonly release: string };
	/** Kernel command line; what the target needs besides (consoles) is added to it. */
	readonly commandLine: string;
	readonly adapter: Adapter;
	readonly layers: readonly ManifestLayer[];
	readonly packages: readonly ManifestPackage[];
	/** List of all files with their packages, for `inspect`; no part of what is booted. */
	readonly contents?: ManifestFile;
	/** List of the drivers with what they serve, for the plan; no part of what is booted. */
	readonly drivers?: ManifestFile;
	/** Who built it and from what: words for people. */
	readonly source: Readonly<Record<string, string>>;
	/** For an image made for one target: what it was chosen by. Nothing: fit for any. */
	readonly madeFor?: { readonly modaliases: number; readonly filesystems: readonly string[] };
}

/** A manifest lists packages and a dozen layers; more than this is no manifest. */
export const maxManifestBytes: number = 4 * 1024 * 1024;
/** The kernel's own limit of a command line is 4096 at most (COMMAND_LINE_SIZE: x86 2048, arm64 2048). */
const maxCommandLine = 4096;
const maxLayers = 64;
const maxPackages = 100_000;

const path = /^(?!\.{1,2}(?:\/|$))[\w.+~-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.+~-]+)*$/;
const digest = /^[0-9a-f]{64}$/;
const word = /^[\w.+~:-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it keeps out
const line = /^[^\u0000-\u001f\u007f]*$/;

/**
 * Reads the text of a `manifest.json`. Throws `IMAGE_MANIFEST` naming the field that is wrong.
 * Unknown fields are ignored, so that later versions may say more.
 */
export function parseManifest(json: string, where = "manifest.json"): Manifest {
	const root = parseShape(json, (details) =>
		imageError("check", "IMAGE_MANIFEST", "this is no image manifest that ekexec can read", {
			where,
			...details,
		}),
	);
	root.get("format").oneOf([manifestFormat]);
	const kernel = root.get("kernel");
	const contents = root.get("contents");
	const drivers = root.get("drivers");
	const madeFor = root.get("madeFor");
	const commandLine = root.get("commandLine");
	if (commandLine.string(line, "one line of text").length > maxCommandLine) {
		commandLine.fail(`at most ${maxCommandLine} characters`);
	}
	const layers = root.get("layers").items(maxLayers).map(readLayer);
	if (layers.length === 0) root.get("layers").fail("at least one layer");
	return {
		format: manifestFormat,
		name: root.get("name").string(word, "a name"),
		architecture: root.get("architecture").oneOf(architectures),
		kernel: {
			release: kernel.get("release").string(word, "a kernel release"),
			...readFile(kernel),
		},
		commandLine: commandLine.string(),
		adapter: root.get("adapter").oneOf(adapters),
		layers,
		packages: root
			.get("packages")
			.items(maxPackages)
			.map((item) => ({
				name: item.get("name").string(word, "a package name"),
				version: item.get("version").string(word, "a version"),
				layer: item.get("layer").string(word, "a layer's name"),
				size: item.get("size").count(),
			})),
		...(contents.present ? { contents: readFile(contents) } : {}),
		...(drivers.present ? { drivers: readFile(drivers) } : {}),
		source: Object.fromEntries(
			root.get("source").present
				? root
						.get("source")
						.members()
						.map(([key, item]) => [key, item.string(line, "one line of text")])
				: [],
		),
		...(madeFor.present
			? {
					madeFor: {
						modaliases: madeFor.get("modaliases").count(),
						filesystems: madeFor.get("filesystems").strings(1000, word, "a file system's name"),
					},
				}
			: {}),
	};
}

function readFile(shape: Shape): ManifestFile {
	return {
		file: shape.get("file").string(path, "a path within the image directory"),
		size: shape.get("size").count(),
		sha256: shape.get("sha256").string(digest, "64 lower-case hex digits"),
	};
}

function readLayer(shape: Shape): ManifestLayer {
	return {
		name: shape.get("name").string(word, "a layer's name"),
		kind: shape.get("kind").oneOf(layerKinds),
		...readFile(shape),
		compression: shape.get("compression").oneOf(compressions),
		unpackedSize: shape.get("unpackedSize").count(),
		memorySize: shape.get("memorySize").count(),
		entries: shape.get("entries").count(),
	};
}

/** The bytes of `manifest.json`: fixed order of fields, tabs, a newline at the end. */
export function formatManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
	return utf8(`${JSON.stringify(manifest, undefined, "\t")}\n`);
}
