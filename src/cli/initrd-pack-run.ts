import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { EkexecError, showBytes, utf8 } from "../bytes/index.ts";
import type { CodecName } from "../compress/index.ts";
import type { CpioEntry } from "../cpio/index.ts";
// File by file, not the room's index: packing a tree has to start fast, and needs half of the room.
import { initrdChunks, type PackFileOptions, type PackResult, packInitrd } from "../initrd/pack.ts";
import { sentenceOf } from "../initrd/reasons.ts";
import type { ContentRef } from "../initrd/source.ts";
import { walk } from "../initrd/walk.ts";
import type { Io } from "./command.ts";
import { writeAll } from "./initrd-io.ts";
import { compression, packTime, wholeNumber } from "./initrd-pack-options.ts";
import { unusable } from "./initrd-usage.ts";
import { Progress } from "./progress.ts";

export interface PackArguments {
	readonly source: readonly string[];
	readonly output: string;
	readonly compress: CodecName | undefined;
	readonly level: string | undefined;
	readonly mtime: string | undefined;
	readonly preserve: boolean;
	readonly "append-to": string | undefined;
	readonly microcode: readonly string[] | undefined;
	readonly align: string | undefined;
	readonly format: "newc" | "crc";
	readonly json: boolean;
}

/** What one source holds. */
interface Layer {
	readonly source: string;
	readonly entries: readonly CpioEntry<ContentRef>[];
	/** Where in a JSON tree an entry is told of. */
	readonly told?: ReadonlyMap<CpioEntry<ContentRef>, string>;
}

/** What `initrd pack` does, apart from talking. */
export async function packFromCommandLine(
	args: PackArguments,
	io: Io,
	onProgress: (done: number, total: number) => void,
): Promise<{ result: PackResult; path: string }> {
	const output = args.output === "-" ? "-" : resolve(io.cwd, args.output);
	const base = args["append-to"];
	if (output === "-" && (base !== undefined || args.json)) {
		throw unusable(base === undefined ? "--json" : "--append-to", "an output that is a file", "-");
	}
	const align = wholeNumber("--align", args.align);
	const options: PackFileOptions = {
		mtime: packTime(args.mtime, io),
		format: args.format,
		...compression({ ...args, output }),
		signal: io.signal,
		onProgress,
		...(align === undefined ? {} : { align }),
		...(base === undefined ? {} : appending(base, io)),
		...(args.microcode === undefined ? {} : { early: await early(args.microcode, io) }),
	};
	const layers: Layer[] = [];
	for (const source of args.source) layers.push(await layerOf(source, args.preserve, io));
	const [only] = layers;
	const merged =
		layers.length === 1 && only !== undefined
			? only.entries
			: (await import("../initrd/merge.ts")).mergeEntries<ContentRef>(
					layers.map(({ entries }) => entries),
				);
	// The output of an earlier run, inside the very folder, is not meant.
	const entries = merged.filter((entry) => !isFile(entry, output));
	try {
		if (output !== "-")
			return { result: await packInitrd(entries, output, options), path: args.output };
		let size = 0;
		for await (const chunk of initrdChunks(entries, options)) {
			size += chunk.length;
			await writeAll(io.stdout, chunk);
		}
		const result = { entries: entries.length, unpackedSize: size, size };
		return { result, path: "standard output" };
	} catch (error) {
		throw error instanceof EkexecError ? placed(error, layers) : error;
	}
}

function appending(base: string, io: Io): Partial<PackFileOptions> {
	return {
		appendTo: resolve(io.cwd, base),
		baseName: `--append-to ${base}`,
		baseProgress: new Progress(io, `reading ${base}`),
	};
}

async function layerOf(source: string, preserve: boolean, io: Io): Promise<Layer> {
	const { signal } = io;
	const told = new Map<CpioEntry<ContentRef>, string>();
	const onEntry = (entry: CpioEntry<ContentRef>, at: string) => void told.set(entry, at);
	if (source === "-") {
		const { maxTreeSize, parseTree, parseTreeJson } = await import("../initrd/tree.ts");
		const where = "standard input";
		const parts: Buffer[] = [];
		let size = 0;
		for await (const part of io.stdin as AsyncIterable<Buffer>) {
			parts.push(part);
			size += part.length;
			if (size > maxTreeSize) break;
		}
		const json = parseTreeJson(Buffer.concat(parts), where);
		const entries = await parseTree(json, { where, base: io.cwd, onEntry, signal });
		return { source: where, entries, told };
	}
	const path = resolve(io.cwd, source);
	const stats = await stat(path).catch(() => undefined);
	if (stats === undefined)
		throw unusable("source", "a folder or a JSON tree", `nothing at ${source || "''"}`);
	if (stats.isDirectory()) return { source, entries: await walk(path, { preserve, signal }) };
	const { readTree } = await import("../initrd/tree.ts");
	return { source, entries: await readTree(path, signal, { where: source, onEntry }), told };
}

/** An error about an entry names that only: here it is known which source, and where in it, the entry comes from. */
function placed(error: EkexecError, layers: readonly Layer[]): EkexecError {
	const { where } = error.details;
	if (where === undefined || !error.code.startsWith("CPIO_")) return error;
	for (const { source, entries, told } of layers.toReversed()) {
		const entry = entries.find(({ name }) => shownName(name) === where);
		if (entry === undefined) continue;
		const at = told?.get(entry) ?? `${source}, ${where}`;
		return new EkexecError(error.kind, error.code, error.summary, {
			...error.details,
			where: at,
			cause: error,
		});
	}
	return error;
}

function shownName(name: CpioEntry["name"]): string {
	return showBytes(typeof name === "string" ? utf8(name) : name);
}

function isFile(entry: CpioEntry<ContentRef>, path: string): boolean {
	if (entry.kind !== "file" || entry.content === undefined || typeof entry.content === "string")
		return false;
	return "ref" in entry.content && "path" in entry.content.ref && entry.content.ref.path === path;
}

async function early(files: readonly string[], io: Io): Promise<Uint8Array> {
	const { microcodeOf } = await import("../initrd/microcode.ts");
	return microcodeOf(
		await Promise.all(files.map(async (file) => ({ where: file, bytes: await read(file, io) }))),
	);
}

async function read(file: string, io: Io): Promise<Uint8Array> {
	try {
		return await readFile(resolve(io.cwd, file));
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw new EkexecError("usage", "INITRD_IO", `cannot read: ${code}`, {
			where: file,
			remedy: sentenceOf(code),
			cause: error,
		});
	}
}
