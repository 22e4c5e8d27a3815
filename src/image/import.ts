import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { EkexecError, text } from "../bytes/index.ts";
import { decompress, IDENTIFY_BYTES, identify } from "../compress/index.ts";
import { cacheFolder } from "../debian/index.ts";
import { scanInitrd } from "../initrd/index.ts";
import { readKernelImage, unwrapKernel } from "../kexec/index.ts";
import { onceMade } from "./cache.ts";
import { imageError } from "./errors.ts";
import {
	type Adapter,
	type Architecture,
	adapters,
	type Compression,
	compressions,
	formatManifest,
	manifestFormat,
	parseManifest,
} from "./manifest.ts";
import { commandLineOfRun } from "./nixos.ts";
import { type Image, isImage, openImage, sha256OfFile } from "./open.ts";
import { parseShape } from "./shape.ts";
import { digestsOf, maxSignatureBytes, verifySignature } from "./signature.ts";

export interface ImportOptions {
	/** Lower-case hex; of the tarball, or of an image directory's `manifest.json`, which names all other digests. */
	readonly sha256?: string;
	/** File with a signature of the same; {@link verifySignature} tells which kinds. */
	readonly signature?: string;
	/** Who must have signed: the text of a public key, or the path of a file with one. */
	readonly signer?: string;
	/** For a tarball with `kernel`, `initrd` and `cmdline`: where its initrd expects identity files. `stage1` unless told. */
	readonly adapter?: Adapter;
	readonly cache?: string | undefined;
	readonly signal?: AbortSignal;
}

/** A kernel and its initrd, given one by one. */
export interface LooseImage {
	readonly kernel: string;
	readonly initrd: string;
	readonly commandLine: string;
	readonly adapter: Adapter;
	readonly name?: string;
}

/** A kernel is at most a few hundred MB, with everything built in. */
const maxKernel = 512 * 1024 * 1024;
/** The kernel's own limit for an initrd is what fits into memory; nobody rescues with more than this. */
const maxInitrd = 8 * 1024 ** 3;
const maxText = 1024 * 1024;
/** Folder of the draft in which members wait until it is known what they are. */
const members = ".members";

/**
 * Opens an image somebody else built: an image directory, a tarball of one, a kexec tarball of nixos-images, or a
 * tarball with `kernel`, `initrd` and `cmdline` side by side, which is how emergency-kexec builds them. Digest and
 * signature are checked before anything of it is read. What is unpacked lies in the cache, named by the digest.
 */
export async function importImage(path: string, options: ImportOptions = {}): Promise<Image> {
	const found = await stat(path).catch((cause: unknown) => {
		throw imageError("usage", "IMAGE_NOT_FOUND", "there is no image here", { where: path, cause });
	});
	if (found.isDirectory()) {
		const own = await isImage(path);
		const loose = own ? undefined : await looseIn(path, options.adapter);
		if (loose !== undefined) {
			const { sha256, signature, signer } = options;
			if ([sha256, signature, signer].every((one) => one === undefined)) {
				return importLoose(loose, options);
			}
			throw imageError(
				"usage",
				"IMAGE_UNSIGNED",
				"a folder is not what a digest or signature is of",
				{
					where: path,
					remedy: "Sign a tarball of the folder, and name that.",
				},
			);
		}
		// Where there is none, what is missing is an image, not a file.
		if (!own) await openImage(path, signalOf(options));
		await checkTrust(join(path, "manifest.json"), options);
		return openImage(path, signalOf(options));
	}
	const sha256 = await checkTrust(path, options);
	const cache = options.cache ?? cacheFolder();
	const folder = join(cache, "imported", keyOf(sha256, options.adapter ?? ""));
	const read = (at: string): Promise<Image> => openImage(at, signalOf(options));
	const make = async (draft: string): Promise<void> => {
		await unpack(path, draft, options).catch((error: unknown) => {
			throw tarFault(error, path);
		});
		await rm(join(draft, members), { recursive: true });
	};
	return (await onceMade(folder, read, make, options.signal)).value;
}

/** A folder with `kernel`, `initrd` and `cmdline`, as `nix/` makes it; `ekexec.json` tells the adapter. */
async function looseIn(folder: string, adapter?: Adapter): Promise<LooseImage | undefined> {
	const cmdline = await readSmall(join(folder, "cmdline")).catch(() => undefined);
	if (cmdline === undefined) return undefined;
	const about = await readSmall(join(folder, "ekexec.json")).catch(() => "{}");
	const where = join(folder, "ekexec.json");
	const told = parseShape(about, (details) =>
		imageError("check", "IMAGE_FORMAT", "the folder does not say what it is", {
			where,
			...details,
		}),
	).get("adapter");
	return {
		kernel: join(folder, "kernel"),
		initrd: join(folder, "initrd"),
		commandLine: cmdline.trim(),
		adapter: adapter ?? (told.present ? told.oneOf(adapters) : "stage1"),
		name: "nixos",
	};
}

/** Makes an image of a kernel and an initrd; the files are copied into the cache. */
export async function importLoose(
	loose: LooseImage,
	options: Pick<ImportOptions, "cache" | "signal"> = {},
): Promise<Image> {
	const digests = [await sha256OfFile(loose.kernel), await sha256OfFile(loose.initrd)];
	const { commandLine, adapter, name = "loose" } = loose;
	const cache = options.cache ?? cacheFolder();
	const folder = join(cache, "imported", keyOf(...digests, commandLine, adapter, name));
	const read = (at: string): Promise<Image> => openImage(at, signalOf(options));
	const make = async (draft: string): Promise<void> => {
		await mkdir(join(draft, "layers"));
		const copies = [join(draft, "kernel"), join(draft, "layers/initrd")] as const;
		for (const [i, from] of [loose.kernel, loose.initrd].entries()) {
			const to = copies[i] ?? "";
			await pipeline(createReadStream(from), createWriteStream(to));
			// The name in the cache is that of what was read before.
			if ((await sha256OfFile(to)) === digests[i]) continue;
			throw imageError("failed", "IMAGE_DAMAGED", "a file changed while it was read", {
				where: from,
				remedy: "Try again once nobody writes to it.",
			});
		}
		await describe(draft, name, commandLine, adapter, options.signal);
	};
	return (await onceMade(folder, read, make, options.signal)).value;
}

function signalOf(options: { readonly signal?: AbortSignal | undefined }): {
	readonly signal?: AbortSignal;
} {
	return options.signal === undefined ? {} : { signal: options.signal };
}

function keyOf(...parts: readonly string[]): string {
	return createHash("sha256")
		.update(JSON.stringify([1, ...parts]))
		.digest("hex");
}

/** The file's digest, after digest and signature were found to be what was asked for. */
async function checkTrust(path: string, options: ImportOptions): Promise<string> {
	const digests = await digestsOf(createReadStream(path, { highWaterMark: 1 << 20 }));
	const sha256 = Buffer.from(digests.sha256).toString("hex");
	if (options.sha256 !== undefined && options.sha256.toLowerCase() !== sha256) {
		throw imageError("check", "IMAGE_DAMAGED", "this is not the file that was asked for", {
			where: path,
			field: "sha256",
			expected: options.sha256,
			found: sha256,
			remedy: "Nothing of it was used. Fetch it again.",
		});
	}
	if (options.signer !== undefined) {
		if (options.signature === undefined) {
			throw imageError("usage", "IMAGE_UNSIGNED", "a signer was named, but no signature", {
				where: path,
				remedy: "Give the signature's file, too.",
			});
		}
		const signer = await readSmall(options.signer).catch(() => options.signer ?? "");
		verifySignature(digests, await readSmall(options.signature), signer, path);
	} else if (options.signature !== undefined) {
		throw imageError("usage", "IMAGE_UNSIGNED", "a signature proves nothing without its signer", {
			where: path,
			remedy: "Give the public key of whoever must have signed.",
		});
	}
	return sha256;
}

async function readSmall(path: string): Promise<string> {
	const { size } = await stat(path);
	if (size > maxSignatureBytes) {
		throw imageError("usage", "IMAGE_SIGNATURE", "this is no key and no signature", {
			where: path,
			expected: `at most ${maxSignatureBytes} bytes`,
			found: `${size} bytes`,
		});
	}
	return readFile(path, "utf8");
}

/** Most bytes of each file that an image may have, by its name. */
const caps: ReadonlyMap<string, number> = new Map([
	["kernel", maxKernel],
	["bzImage", maxKernel],
	["initrd", maxInitrd],
	["run", maxText],
	["cmdline", maxText],
	["manifest.json", maxText * 4],
	["contents.json", maxText * 256],
	["drivers.json", maxText * 256],
]);

/** What a member of a tarball is to an image; undefined for all that is none of its business. */
function roleOf(
	name: string,
): { readonly at: string; readonly file: string; readonly cap: number } | undefined {
	const clean = name.replace(/^(?:\.?\/)+/, "");
	const parts = clean.split("/");
	if (parts.some((part) => part === ".." || part === "")) return undefined;
	const file = parts.at(-1) ?? "";
	const at = parts.slice(0, -1).join("/");
	const cap = caps.get(file) ?? (/(?:^|\/)layers$/.test(at) ? maxInitrd : undefined);
	return cap === undefined || !/^[\w.+-]+$/.test(file) ? undefined : { at, file, cap };
}

/** What tar-stream has to say of a broken archive, as an error of ours; all others as they are. */
function tarFault(error: unknown, where: string): unknown {
	const foreign = error instanceof Error && !(error instanceof EkexecError) && !("code" in error);
	if (!foreign || error.name === "AbortError") return error;
	return imageError("check", "IMAGE_FORMAT", "this is no whole tarball", {
		where,
		expected: "a tar archive, or a compressed one",
		found: error.message,
		cause: error,
	});
}

/** Takes the members that make an image out of a tarball; all others are passed over. */
async function unpack(path: string, draft: string, options: ImportOptions): Promise<void> {
	const stage = join(draft, members);
	await mkdir(stage);
	const held = new Map<string, string>();
	const tar = extract();
	const chunks = createReadStream(path) as AsyncIterable<Uint8Array>;
	const plain = path.endsWith(".tar")
		? chunks
		: decompress(chunks, { where: path, ...signalOf(options) });
	const feeding = pipeline(Readable.from(plain), tar).catch((cause: unknown) => {
		tar.destroy(cause instanceof Error ? cause : new Error(String(cause)));
	});
	for await (const entry of tar) {
		const role = entry.header.type === "file" ? roleOf(entry.header.name) : undefined;
		if (role === undefined) {
			entry.resume();
			continue;
		}
		if ((entry.header.size ?? 0) > role.cap) {
			throw imageError(
				"check",
				"IMAGE_FORMAT",
				"a file of the tarball is too large for what it is",
				{
					where: path,
					field: entry.header.name,
					expected: `at most ${role.cap} bytes`,
					found: `${entry.header.size} bytes`,
				},
			);
		}
		const name = role.at === "" ? role.file : `${role.at}/${role.file}`;
		if (held.has(name)) {
			throw imageError("check", "IMAGE_FORMAT", "a file is in the tarball twice", {
				where: path,
				field: name,
			});
		}
		const place = join(stage, String(held.size));
		await pipeline(entry, createWriteStream(place, { flags: "wx" }));
		held.set(name, place);
	}
	await feeding;
	const folders = new Set([...held.keys()].map((name) => name.split("/").slice(0, -1).join("/")));
	const inside = (folder: string, name: string): string | undefined =>
		held.get(folder === "" ? name : `${folder}/${name}`);
	for (const folder of [...folders].sort((a, b) => a.length - b.length)) {
		const manifest = inside(folder, "manifest.json");
		if (manifest !== undefined) {
			const prefix = folder === "" ? "" : `${folder}/`;
			await mkdir(join(draft, "layers"));
			for (const [name, place] of held) {
				const rest = name.startsWith(prefix) ? name.slice(prefix.length) : "";
				if (/^(?:layers\/)?[^/]+$/.test(rest)) await rename(place, join(draft, rest));
			}
			return;
		}
		const initrd = inside(folder, "initrd");
		const kernel = inside(folder, "bzImage") ?? inside(folder, "kernel");
		const run = inside(folder, "run");
		const cmdline = inside(folder, "cmdline");
		if (initrd === undefined || kernel === undefined) continue;
		const told = run ?? cmdline;
		if (told === undefined) continue;
		const words = await readFile(told, "utf8");
		const commandLine =
			run === undefined ? words.trim() : commandLineOfRun(words, `${path}, ${folder}/run`);
		await mkdir(join(draft, "layers"));
		await rename(kernel, join(draft, "kernel"));
		await rename(initrd, join(draft, "layers/initrd"));
		const adapter = run === undefined ? (options.adapter ?? "stage1") : "nixos-images";
		const name = run === undefined ? "tarball" : "nixos-images";
		await describe(draft, name, commandLine, adapter, options.signal);
		return;
	}
	throw imageError("check", "IMAGE_FORMAT", "this tarball holds no image that ekexec knows", {
		where: path,
		expected:
			"manifest.json; or bzImage, initrd and run; or kernel, initrd and cmdline in one folder",
		found: held.size === 0 ? "none of them" : [...held.keys()].slice(0, 10).join(", "),
	});
}

/** Writes the manifest for a kernel and an initrd that lie in their places, after a look into both. */
async function describe(
	draft: string,
	name: string,
	commandLine: string,
	adapter: Adapter,
	signal: AbortSignal | undefined,
): Promise<void> {
	const packed = new Uint8Array(await readFile(join(draft, "kernel")));
	const kernel = await unwrapKernel(packed, { where: "kernel", ...signalOf({ signal }) });
	// Kernels of arm64 often come in a gzip or EFI zboot wrapping, which kexec does not take off.
	if (kernel !== packed) await writeFile(join(draft, "kernel"), kernel);
	const header = readKernelImage(kernel, "kernel");
	const architecture: Architecture = header.format === "bzImage" ? "amd64" : "arm64";
	const path = join(draft, "layers/initrd");
	const { size } = await stat(path);
	const head = await readHead(path);
	const segments = await scanInitrd(
		createReadStream(path) as AsyncIterable<Uint8Array>,
		{},
		{
			where: "initrd",
			signal,
		},
	);
	const format = identify(head);
	const compression: Compression = compressions.find((word) => word === format) ?? "none";
	const unpackedSize = segments.reduce((sum, segment) => sum + segment.unpackedSize, 0);
	const release = "release" in header ? header.release : "";
	const manifest = formatManifest({
		format: manifestFormat,
		name,
		architecture,
		kernel: {
			release: release === "" ? "unknown" : release,
			file: "kernel",
			size: kernel.length,
			sha256: createHash("sha256").update(kernel).digest("hex"),
		},
		commandLine,
		adapter,
		layers: [
			{
				name: "initrd",
				kind: "initrd",
				file: "layers/initrd",
				size,
				sha256: await sha256OfFile(path, signal === undefined ? {} : { signal }),
				compression,
				unpackedSize,
				memorySize: unpackedSize,
				entries: segments.reduce((sum, segment) => sum + segment.entries, 0),
			},
		],
		packages: [],
		source: { provider: "tarball" },
	});
	// What is written is read back by the same rules as anybody's manifest.
	parseManifest(text(manifest), "the tarball's manifest");
	await writeFile(join(draft, "manifest.json"), manifest);
}

async function readHead(path: string): Promise<Uint8Array> {
	const stream = createReadStream(path, { end: IDENTIFY_BYTES - 1 });
	const parts: Uint8Array[] = [];
	for await (const part of stream as AsyncIterable<Uint8Array>) parts.push(part);
	return Buffer.concat(parts);
}
