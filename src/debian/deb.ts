import { Readable } from "node:stream";
import { extract, type Header } from "tar-stream";
import { concat, EkexecError, text } from "../bytes/index.ts";
import { type ArMember, openRegion, type Region, readAr, streamMember } from "./ar.ts";
import { parseStanza, type Stanza } from "./control.ts";
import { type Compression, decompress } from "./decompress.ts";
import type { DebEntry } from "./entry.ts";
import { debianError } from "./error.ts";
import {
	badPath,
	cleanPath,
	dropRule,
	fromPath,
	mergedFolder,
	showPath,
	TreeGuard,
} from "./paths.ts";

export interface ReadDebOptions {
	/** Patterns of what to leave out; see {@link dropRule}. Nothing by default. */
	readonly drop?: readonly string[] | undefined;
	/** Most bytes that the data may unpack to; 4 GiB by default, above the largest firmware and kernel packages. */
	readonly maxUnpacked?: number | undefined;
	/** Most bytes of one file, which is held in memory; 1 GiB by default. */
	readonly maxFile?: number | undefined;
	readonly signal?: AbortSignal | undefined;
	/** How errors name the package, when it is given as bytes. */
	readonly where?: string | undefined;
}

const unpackedMax = 4 * 1024 ** 3;
const fileMax = 1024 ** 3;
/** control.tar holds texts and scripts; the largest known have 2 MB. */
const controlMax = 64 * 1024 * 1024;

/**
 * The files of a .deb (deb(5)), given by its path or as bytes, in the order of the archive, /usr merged; the root
 * itself is left out. Maintainer scripts are neither run nor shown. Leaving the loop early releases everything.
 * Throws `DEBIAN_ARCHIVE` for what is not built right and `DEBIAN_PATH` for names that lead out of the tree.
 */
export async function* readDeb(
	input: string | Uint8Array,
	options: ReadDebOptions = {},
): AsyncGenerator<DebEntry, void, undefined> {
	const region = await openRegion(input, options.where);
	try {
		const { data } = await membersOf(region);
		const dropped = dropRule(options.drop ?? []);
		const guard = new TreeGuard();
		const kept = new Set<string>();
		const left = new Set<string>();
		/** Hard links that are wanted while their first name is not, by that name. */
		const orphans = new Map<string, { path: string; header: Header }[]>();
		for await (const { path, header, content } of members(region, data, options)) {
			guard.enter(path, header.type === "symlink", region.where);
			if (dropped(path)) {
				left.add(path);
				continue;
			}
			if (header.type === "link") {
				const target = cleanPath(header.linkname ?? "", region.where);
				if (left.has(target)) {
					orphans.set(target, [...(orphans.get(target) ?? []), { path, header }]);
					continue;
				}
				if (!kept.has(target))
					throw badPath(target, region.where, "a hard link to an earlier file");
				yield { ...common(path, header), kind: "link", target: fromPath(target) };
			} else {
				yield await entryOf(path, header, content, region.where);
			}
			if (header.type === "file" || header.type === "link") kept.add(path);
		}
		if (orphans.size > 0) yield* adopt(region, data, orphans, options);
	} finally {
		await region.close();
	}
}

/** Second reading, for the content of files left out whose other names are kept. Hardly any package needs it. */
async function* adopt(
	region: Region,
	data: ArMember,
	orphans: ReadonlyMap<string, readonly { path: string; header: Header }[]>,
	options: ReadDebOptions,
): AsyncGenerator<DebEntry> {
	for await (const { path, header, content } of members(region, data, options)) {
		const [first, ...rest] = orphans.get(path) ?? [];
		if (first === undefined || header.type !== "file") continue;
		yield await entryOf(first.path, header, content, region.where);
		for (const other of rest) {
			yield { ...common(other.path, header), kind: "link", target: fromPath(first.path) };
		}
	}
}

/** The fields of a package's control file. */
export async function readControl(
	input: string | Uint8Array,
	options: ReadDebOptions = {},
): Promise<Stanza> {
	const region = await openRegion(input, options.where);
	try {
		const { control } = await membersOf(region);
		const limits = { ...options, maxUnpacked: controlMax, maxFile: controlMax };
		for await (const { path, header, content } of members(region, control, limits)) {
			if (path === "control" && header.type === "file") {
				return parseStanza(text(await content()), `${region.where} control`);
			}
		}
	} finally {
		await region.close();
	}
	throw notDeb(region.where, "a file named control", "none");
}

async function membersOf(region: Region): Promise<{ control: ArMember; data: ArMember }> {
	const [version, ...rest] = await readAr(region);
	const { where } = region;
	if (version?.name !== "debian-binary" || version.size > 100) {
		throw notDeb(where, "debian-binary as first member", version?.name ?? "none");
	}
	const format = text(await region.read(version.offset, version.size));
	// deb(5): the minor number may rise without harm.
	if (!/^2\.\d+\n/.test(format)) throw notDeb(where, "format 2.x", JSON.stringify(format));
	// Members that begin with an underscore may be added anywhere.
	const [control, data] = rest.filter(({ name }) => !name.startsWith("_"));
	if (control === undefined || !control.name.startsWith("control.tar")) {
		throw notDeb(where, "control.tar as second member", control?.name ?? "none");
	}
	if (data === undefined || !data.name.startsWith("data.tar")) {
		throw notDeb(where, "data.tar as third member", data?.name ?? "none");
	}
	return { control, data };
}

const compressions: Readonly<Record<string, Compression>> = {
	"": "none",
	".gz": "gzip",
	".xz": "xz",
	".zst": "zstd",
};

interface Member {
	readonly path: string;
	readonly header: Header;
	/** Reads the content of a file; what is not read is passed over. */
	content(): Promise<Uint8Array>;
}

/** The members of a tar archive (ustar, GNU, pax) within a .deb. */
async function* members(
	region: Region,
	archive: ArMember,
	options: ReadDebOptions,
): AsyncGenerator<Member> {
	const where = `${region.where} ${archive.name}`;
	const compression = compressions[archive.name.replace(/^(control|data)\.tar/, "")];
	if (compression === undefined) {
		throw notDeb(region.where, "data in gzip, xz, zstd or none", archive.name);
	}
	const max = options.maxUnpacked ?? unpackedMax;
	const chunks = decompress(streamMember(region, archive), compression, max, where, options.signal);
	// As latin1 a name keeps all its bytes; only pax headers are UTF-8 by definition.
	const names = { filenameEncoding: "latin1" }; // in the code and the manual, not in the types
	const tar = extract(names as object);
	const source = Readable.from(chunks, { objectMode: false, highWaterMark: 1 << 20 });
	let broken: unknown;
	source.on("error", (error) => {
		broken = error;
		tar.destroy(error);
	});
	source.pipe(tar);
	const told = (error: unknown): unknown => {
		if (options.signal?.aborted) return options.signal.reason;
		if (broken !== undefined) return broken;
		if (error instanceof EkexecError) return error;
		return debianError("check", "DEBIAN_ARCHIVE", "not a usable tar archive", {
			where,
			found: error instanceof Error ? error.message : String(error),
			cause: error,
		});
	};
	try {
		for await (const stream of tar) {
			const { header } = stream;
			const pax = (header.pax ?? {}) as Readonly<Record<string, string>>;
			const named = cleanPath(latin1Of(header.name, pax.path, where), where);
			const path = header.type === "directory" ? mergedFolder(named) : named;
			const linkname = latin1Of(header.linkname ?? "", pax.linkpath, where);
			const content = async () => {
				const { size } = header;
				const limit = options.maxFile ?? fileMax;
				if (size > limit) throw notDeb(where, `files of at most ${limit} bytes`, `${size}`);
				const parts: Uint8Array[] = [];
				try {
					for await (const part of stream) parts.push(part as Uint8Array);
				} catch (error) {
					throw told(error);
				}
				return concat(parts);
			};
			if (path !== "") yield { path, header: { ...header, linkname }, content };
			stream.resume();
		}
	} catch (error) {
		throw told(error);
	} finally {
		source.destroy();
		tar.destroy();
	}
}

function latin1Of(name: string, pax: string | undefined, where: string): string {
	if (pax === undefined) return name;
	if (pax.includes("\uFFFD") || pax.includes("\0")) {
		throw badPath(name, where, "a pax name in UTF-8");
	}
	return Buffer.from(pax, "utf8").toString("latin1");
}

function numberOf(
	header: Header,
	field: "mode" | "uid" | "gid" | "devmajor" | "devminor",
	where: string,
): number {
	const value = header[field];
	if (Number.isSafeInteger(value) && value >= 0) return value;
	throw debianError("check", "DEBIAN_ARCHIVE", "not a usable tar archive", {
		where,
		field,
		expected: "a number",
		found: `${value}`,
	});
}

function common(path: string, header: Header) {
	const where = showPath(path);
	return {
		name: fromPath(path),
		// The permissions alone: some archives put the type of the file into the field.
		mode: numberOf(header, "mode", where) % 0o10000,
		uid: numberOf(header, "uid", where),
		gid: numberOf(header, "gid", where),
		// A time that is none (NaN) or before 1970 harms nobody.
		mtime: Math.max(0, Math.floor(header.mtime.getTime() / 1000) || 0),
	};
}

async function entryOf(
	path: string,
	header: Header,
	content: () => Promise<Uint8Array>,
	where: string,
): Promise<DebEntry> {
	const fields = common(path, header);
	switch (header.type) {
		case "file":
		case "contiguous-file":
			return { ...fields, kind: "file", content: await content() };
		case "directory":
		case "fifo":
			return { ...fields, kind: header.type };
		case "symlink":
			if (!header.linkname) throw badPath(path, where, "a link with a target");
			return { ...fields, kind: "symlink", target: fromPath(header.linkname) };
		case "character-device":
		case "block-device": {
			const kind = header.type === "block-device" ? "block" : "character";
			return {
				...fields,
				kind,
				major: numberOf(header, "devmajor", where),
				minor: numberOf(header, "devminor", where),
			};
		}
		default:
			throw debianError("check", "DEBIAN_ARCHIVE", "a member of a type that packages do not have", {
				where,
				field: showPath(path),
				expected: "file, directory, link, device or fifo",
			});
	}
}

function notDeb(where: string, expected: string, found: string): Error {
	return debianError("check", "DEBIAN_ARCHIVE", "not a Debian package", { where, expected, found });
}
