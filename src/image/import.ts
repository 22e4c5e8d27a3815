import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { cacheFolder } from "../debian/index.ts";
import { onceMade } from "./cache.ts";
import { describeLoose } from "./describe.ts";
import { imageError } from "./errors.ts";
import { type Adapter, adapters } from "./manifest.ts";
import { commandLineOfRun } from "./nixos.ts";
import { type Image, isImage, openImage, sha256OfFile } from "./open.ts";
import { parseShape } from "./shape.ts";
import { digestsOf, maxSignatureBytes, verifySignature } from "./signature.ts";
import { unpackTarball } from "./tarball.ts";

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

/** Folder of the draft in which members wait until it is known what they are. */
const members = ".members";

/**
 * Opens an image somebody else built: an image directory, a tarball of one, a kexec tarball of nixos-images, or a
 * tarball with `kernel`, `initrd` and `cmdline` side by side, which is how emergency-kexec builds them. Digest and
 * signature are checked before anything of it is read. What is unpacked lies in the cache, named by the digest.
 */
export async function importImage(path: string, options: ImportOptions = {}): Promise<Image> {
	checkProof(options, path);
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
		await arrange(path, draft, options);
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
		await describeLoose(draft, name, commandLine, adapter, options.signal);
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

/**
 * Refuses what can prove nothing: a digest that is none, half of what a signature needs. Pure, so that it can be asked
 * long before there is an image. Throws `IMAGE_UNSIGNED`.
 */
export function checkProof(
	{ sha256, signature, signer }: Pick<ImportOptions, "sha256" | "signature" | "signer">,
	where?: string,
): void {
	const wrong = (summary: string, remedy: string) =>
		imageError("usage", "IMAGE_UNSIGNED", summary, { where, remedy });
	if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) {
		throw wrong(`${JSON.stringify(sha256)} is no SHA-256`, "Give its 64 hexadecimal digits.");
	}
	if (signer !== undefined && signature === undefined) {
		throw wrong("a signer was named, but no signature", "Give the signature's file, too.");
	}
	if (signature !== undefined && signer === undefined) {
		const remedy = "Give the public key of whoever must have signed.";
		throw wrong("a signature proves nothing without its signer", remedy);
	}
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
	if (options.signer !== undefined && options.signature !== undefined) {
		const signer = await readSmall(options.signer).catch(() => options.signer ?? "");
		verifySignature(digests, await readSmall(options.signature), signer, path);
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

/** Makes an image of what a tarball holds: one that ekexec made, one of nixos-images, or its parts side by side. */
async function arrange(path: string, draft: string, options: ImportOptions): Promise<void> {
	const held = await unpackTarball(path, join(draft, members), options.signal);
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
		await describeLoose(draft, name, commandLine, adapter, options.signal);
		return;
	}
	throw imageError("check", "IMAGE_FORMAT", "this tarball holds no image that ekexec knows", {
		where: path,
		expected:
			"manifest.json; or bzImage, initrd and run; or kernel, initrd and cmdline in one folder",
		found: held.size === 0 ? "none of them" : [...held.keys()].slice(0, 10).join(", "),
	});
}
