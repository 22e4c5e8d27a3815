import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { EkexecError } from "../bytes/index.ts";
import { type CodecName, codecs } from "../compress/index.ts";
import type { CpioEntry } from "../cpio/index.ts";
// File by file, not the room's index: packing a tree has to start fast, and needs half of the room.
import { initrdChunks, type PackFileOptions, type PackResult, packInitrd } from "../initrd/pack.ts";
import type { ContentRef } from "../initrd/source.ts";
import { walk } from "../initrd/walk.ts";
import type { Io } from "./command.ts";
import { writeAll } from "./initrd-io.ts";

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

/** What `initrd pack` does, apart from talking. */
export async function packFromCommandLine(
	args: PackArguments,
	io: Io,
	onProgress: (done: number, total: number) => void,
): Promise<{ result: PackResult; path: string }> {
	const output = args.output === "-" ? "-" : resolve(io.cwd, args.output);
	const base = args["append-to"];
	if (output === "-" && (base !== undefined || args.json)) {
		throw usage(base === undefined ? "--json" : "--append-to", "an output that is a file", "-");
	}
	const level = number("--level", args.level, /^\d+$/);
	const align = number("--align", args.align, /^\d+$/);
	const options: PackFileOptions = {
		mtime: time(args.mtime, io),
		format: args.format,
		codec: codecs[args.compress ?? codecByName(output)],
		signal: io.signal,
		onProgress,
		...(level === undefined ? {} : { level }),
		...(align === undefined ? {} : { align }),
		...(base === undefined ? {} : { appendTo: resolve(io.cwd, base) }),
		...(args.microcode === undefined ? {} : { early: await early(args.microcode, io) }),
	};
	const layers: CpioEntry<ContentRef>[][] = [];
	for (const source of args.source) layers.push(await entriesOf(source, args.preserve, io));
	const [only] = layers;
	const merged =
		layers.length === 1 && only !== undefined
			? only
			: (await import("../initrd/merge.ts")).mergeEntries<ContentRef>(layers);
	// The output of an earlier run, inside the very folder, is not meant.
	const entries = merged.filter((entry) => !isFile(entry, output));
	if (output !== "-")
		return { result: await packInitrd(entries, output, options), path: args.output };
	let size = 0;
	for await (const chunk of initrdChunks(entries, options)) {
		size += chunk.length;
		await writeAll(io.stdout, chunk);
	}
	return { result: { entries: entries.length, unpackedSize: size, size }, path: "standard output" };
}

async function entriesOf(
	source: string,
	preserve: boolean,
	io: Io,
): Promise<CpioEntry<ContentRef>[]> {
	if (source === "-") {
		const { parseTree } = await import("../initrd/tree.ts");
		const parts: Buffer[] = [];
		for await (const part of io.stdin as AsyncIterable<Buffer>) parts.push(part);
		return parseTree(parseJson(Buffer.concat(parts).toString()), {
			where: "standard input",
			base: io.cwd,
			signal: io.signal,
		});
	}
	const path = resolve(io.cwd, source);
	const stats = await stat(path).catch(() => undefined);
	if (stats === undefined) throw usage("source", "a folder or a JSON tree", `nothing at ${source}`);
	if (stats.isDirectory()) return walk(path, { preserve, signal: io.signal });
	const { readTree } = await import("../initrd/tree.ts");
	return readTree(path, io.signal);
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		throw new EkexecError("usage", "INITRD_TREE", `not JSON: ${(error as Error).message}`, {
			where: "standard input",
		});
	}
}

function isFile(entry: CpioEntry<ContentRef>, path: string): boolean {
	if (entry.kind !== "file" || entry.content === undefined || typeof entry.content === "string")
		return false;
	return "ref" in entry.content && "path" in entry.content.ref && entry.content.ref.path === path;
}

async function early(files: readonly string[], io: Io): Promise<Uint8Array> {
	const { microcodeOf } = await import("../initrd/microcode.ts");
	return microcodeOf(
		await Promise.all(
			files.map(async (file) => ({ where: file, bytes: await read(resolve(io.cwd, file)) })),
		),
	);
}

async function read(path: string): Promise<Uint8Array> {
	try {
		return await readFile(path);
	} catch (error) {
		throw new EkexecError(
			"usage",
			"INITRD_IO",
			`cannot read: ${(error as NodeJS.ErrnoException).code}`,
			{ where: path, cause: error },
		);
	}
}

/** Endings of what kernels can unpack, too, and this program cannot write. */
const foreign = /\.(?:lz4|lzo|lzma|bz2)$/;

function codecByName(output: string): CodecName {
	const ending = foreign.exec(output)?.[0];
	if (ending !== undefined) {
		throw usage(
			"--output",
			"an ending of what can be written (.gz, .xz, .zst), or --compress",
			ending,
		);
	}
	const named = Object.values(codecs).find(
		({ extension }) => extension !== "" && output.endsWith(extension),
	);
	return named?.name ?? "none";
}

function time(given: string | undefined, io: Io): number {
	const epoch = io.env.SOURCE_DATE_EPOCH;
	const field = given === undefined ? "SOURCE_DATE_EPOCH" : "--mtime";
	const value = given ?? epoch ?? "0";
	const seconds = /^\d+$/.test(value) ? Number(value) : Math.floor(Date.parse(value) / 1000);
	if (Number.isInteger(seconds) && seconds >= 0 && seconds < 2 ** 32) return seconds;
	throw usage(field, "seconds since 1970 or a date, up to the year 2106", value);
}

function number(field: string, given: string | undefined, form: RegExp): number | undefined {
	if (given === undefined) return undefined;
	if (!form.test(given)) throw usage(field, "a number", given);
	return Number(given);
}

function usage(field: string, expected: string, found: string): EkexecError {
	return new EkexecError("usage", "INITRD_OPTION", "cannot be used", { field, expected, found });
}
