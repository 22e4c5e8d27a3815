import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { EkexecError, text } from "../bytes/index.ts";
import { imageError } from "./errors.ts";
import {
	type Manifest,
	type ManifestFile,
	type ManifestLayer,
	maxManifestBytes,
	parseManifest,
} from "./manifest.ts";

/** An image directory whose manifest was read and whose files are all there, in their sizes. */
export interface Image {
	readonly directory: string;
	readonly manifest: Manifest;
	/** SHA-256 of `manifest.json`, which names the digest of everything else: the image's identity. */
	readonly digest: string;
	readonly kernel: ImageFile;
	readonly layers: readonly ImageLayer[];
}

/** A file of the image with its place on this machine. */
export interface ImageFile extends ManifestFile {
	readonly path: string;
}

export type ImageLayer = ManifestLayer & { readonly path: string };

export interface OpenImageOptions {
	readonly signal?: AbortSignal;
}

/**
 * Opens an image directory by the contract: `manifest.json`, `kernel`, `layers/`. Digests are not
 * computed here but by {@link verifyImage} or while the files are sent.
 * Throws `IMAGE_NOT_FOUND`, `IMAGE_MANIFEST`, `IMAGE_FILE_MISSING` or `IMAGE_DAMAGED` (a wrong size).
 */
export async function openImage(directory: string, options: OpenImageOptions = {}): Promise<Image> {
	const where = join(directory, "manifest.json");
	const bytes = await readCapped(where, maxManifestBytes);
	options.signal?.throwIfAborted();
	const manifest = parseManifest(text(bytes), where);
	const image: Image = {
		directory,
		manifest,
		digest: createHash("sha256").update(bytes).digest("hex"),
		kernel: { ...manifest.kernel, path: join(directory, manifest.kernel.file) },
		layers: manifest.layers.map((layer) => ({ ...layer, path: join(directory, layer.file) })),
	};
	for (const file of [image.kernel, ...image.layers]) await checkSize(file);
	return image;
}

/** Whether a directory looks like an ekexec image. */
export async function isImage(directory: string): Promise<boolean> {
	return stat(join(directory, "manifest.json")).then(
		(found) => found.isFile(),
		() => false,
	);
}

/** What {@link verifyImage} reports on the way. */
export type VerifyProgress = (file: ManifestFile, done: number) => void;

/** Hashes every file of the image. Throws `IMAGE_DAMAGED` for the first that differs from the manifest. */
export async function verifyImage(
	image: Image,
	options: { readonly signal?: AbortSignal; readonly progress?: VerifyProgress } = {},
): Promise<void> {
	const { contents, drivers } = image.manifest;
	const files: ImageFile[] = [image.kernel, ...image.layers];
	for (const list of [contents, drivers]) {
		if (list !== undefined) files.push({ ...list, path: join(image.directory, list.file) });
	}
	for (const file of files) {
		await checkFile(file, options.signal, (done) => options.progress?.(file, done));
	}
}

/** Whether the file is the one that its size and digest were written down of. Throws as {@link verifyImage}. */
export async function checkFile(
	file: ImageFile,
	signal?: AbortSignal,
	progress?: (done: number) => void,
): Promise<void> {
	await checkSize(file);
	const found = await sha256OfFile(file.path, {
		...(signal === undefined ? {} : { signal }),
		...(progress === undefined ? {} : { progress }),
	});
	if (found !== file.sha256) {
		throw imageError("check", "IMAGE_DAMAGED", "this file is not the one the manifest names", {
			where: file.path,
			field: "sha256",
			expected: file.sha256,
			found,
			remedy: "Build or fetch the image again.",
		});
	}
}

async function checkSize(file: ImageFile): Promise<void> {
	const found = await stat(file.path).catch((cause: unknown) => {
		throw imageError("check", "IMAGE_FILE_MISSING", "a file of the image is missing", {
			where: file.path,
			remedy: "Build or fetch the image again.",
			cause,
		});
	});
	if (!found.isFile() || found.size !== file.size) {
		throw imageError("check", "IMAGE_DAMAGED", "this file is not the one the manifest names", {
			where: file.path,
			field: "size",
			expected: `${file.size} bytes`,
			found: found.isFile() ? `${found.size} bytes` : "no regular file",
			remedy: "Build or fetch the image again.",
		});
	}
}

/** Lower-case hex SHA-256 of a file, read once in order. `progress` hears the bytes done so far. */
export async function sha256OfFile(
	path: string | Buffer,
	options: { readonly signal?: AbortSignal; readonly progress?: (done: number) => void } = {},
): Promise<string> {
	const hash = createHash("sha256");
	let done = 0;
	const stream = createReadStream(path, {
		highWaterMark: 1 << 20,
		...(options.signal === undefined ? {} : { signal: options.signal }),
	});
	for await (const chunk of stream as AsyncIterable<Uint8Array>) {
		hash.update(chunk);
		done += chunk.length;
		options.progress?.(done);
	}
	return hash.digest("hex");
}

/** The whole of a small file; throws `IMAGE_NOT_FOUND` or, above `cap` bytes, `IMAGE_MANIFEST`. */
async function readCapped(path: string, cap: number): Promise<Uint8Array> {
	const file = await open(path, "r").catch((cause: unknown) => {
		throw imageError("usage", "IMAGE_NOT_FOUND", "there is no image here", {
			where: path,
			expected: "a directory with manifest.json, kernel and layers",
			remedy: "Build one with: ekexec image build",
			cause,
		});
	});
	try {
		const { size } = await file.stat();
		if (size > cap) {
			throw imageError("check", "IMAGE_MANIFEST", "this is no image manifest", {
				where: path,
				expected: `at most ${cap} bytes`,
				found: `${size} bytes`,
			});
		}
		return await file.readFile();
	} catch (error) {
		if (error instanceof EkexecError) throw error;
		throw imageError("failed", "IMAGE_NOT_FOUND", "the manifest cannot be read", {
			where: path,
			cause: error,
		});
	} finally {
		await file.close();
	}
}
