import { createReadStream, createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { EkexecError } from "../bytes/index.ts";
import { decompress } from "../compress/index.ts";
import { imageError } from "./errors.ts";

/** A kernel is at most a few hundred MB, with everything built in. */
const maxKernel = 512 * 1024 * 1024;
/** The kernel's own limit for an initrd is what fits into memory; nobody rescues with more than this. */
const maxInitrd = 8 * 1024 ** 3;
const maxText = 1024 * 1024;
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

/**
 * Unpacks the members of a tarball, packed or not, that make an image into `folder`, which is made; all others are passed
 * over. Answers where each lies, by its name in the tarball. Throws `IMAGE_FORMAT`, and what `decompress` throws.
 */
export async function unpackTarball(
	path: string,
	folder: string,
	signal?: AbortSignal,
): Promise<Map<string, string>> {
	return unpack(path, folder, signal).catch((error: unknown) => {
		throw tarFault(error, path);
	});
}

async function unpack(
	path: string,
	folder: string,
	signal: AbortSignal | undefined,
): Promise<Map<string, string>> {
	await mkdir(folder);
	const held = new Map<string, string>();
	const tar = extract();
	const chunks = createReadStream(path) as AsyncIterable<Uint8Array>;
	const plain = path.endsWith(".tar")
		? chunks
		: decompress(chunks, { where: path, ...(signal ? { signal } : {}) });
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
		const place = join(folder, String(held.size));
		await pipeline(entry, createWriteStream(place, { flags: "wx" }));
		held.set(name, place);
	}
	await feeding;
	return held;
}
