import { existsSync, rmdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { EkexecError, showBytes } from "../bytes/index.ts";
import { type ExtractResult, extractInitrd, matcher, type Remarked } from "../initrd/index.ts";
import type { Io } from "./command.ts";
import { openInput } from "./initrd-io.ts";
import { showPlace } from "./initrd-output.ts";
import { emptyInitrd, unusable } from "./initrd-usage.ts";
import { count } from "./words.ts";

export interface ExtractArguments {
	readonly file: string;
	readonly pattern: readonly string[];
	readonly directory: string;
	readonly preserve: boolean;
	readonly overwrite: boolean;
	readonly json: boolean;
}

/** What `initrd extract` does. */
export async function extractFromCommandLine(args: ExtractArguments, io: Io): Promise<number> {
	if (args.pattern.includes("")) throw unusable("pattern", "a path or pattern", "");
	if (args.directory === "") throw unusable("--directory", "a folder", "");
	if (args.preserve && process.geteuid?.() !== 0) {
		throw new EkexecError("refused", "INITRD_OPTION", "only root can give files other owners", {
			field: "--preserve",
			remedy: "Nothing was extracted. Permissions are kept without it, too.",
		});
	}
	const folder = resolve(io.cwd, args.directory);
	const made = missing(folder);
	const patterns = new Patterns(args.pattern);
	const input = await openInput(args.file, io, "extracting");
	let begun = 0;
	let result: ExtractResult;
	try {
		result = await extractInitrd(input.chunks(), folder, {
			where: input.where,
			patterns: args.pattern,
			preserve: args.preserve,
			overwrite: args.overwrite,
			signal: io.signal,
			onEntry: (path) => {
				begun += 1;
				patterns.met(path);
			},
		});
		if (result.segments.length === 0) throw emptyInitrd(input.where);
	} catch (error) {
		removeEmpty(made);
		if (begun > 0) {
			const part = `at most ${count(begun, "entry", "entries")}, from before the error`;
			io.stderr.write(`${args.directory} has a part of the initrd only: ${part}\n`);
		}
		throw error;
	} finally {
		await input.close();
	}
	const { extracted, omitted, damaged, lost } = result;
	// It was meant, if not to be had.
	for (const { path } of result.skipped) if (path.length > 0) patterns.met(path);
	const [skipped, notes] = [result.skipped.map(plain), result.notes.map(plain)];
	for (const remark of skipped) io.stderr.write(`skipped ${showPlace(remark)}: ${remark.reason}\n`);
	for (const remark of notes) io.stderr.write(`${showPlace(remark)}: ${remark.reason}\n`);
	if (omitted > 0) io.stderr.write(`and ${omitted} more\n`);
	// Who is not root cannot give files away, and knows it.
	const owner = process.geteuid?.() === 0 ? lost.owner : 0;
	if (lost.setId + owner > 0) {
		io.stderr.write(
			`${count(lost.setId, "entry", "entries")} lost set-id bits, ${owner} the owner: --preserve keeps both\n`,
		);
	}
	if (damaged) {
		const why = "the rest is lost, NULs stand in its place";
		io.stderr.write(`${args.directory} has a part of the initrd only: ${why}\n`);
	}
	const { unmatched } = patterns;
	if (args.json) {
		const told = { extracted, skipped, notes, omitted, damaged, lost, unmatched };
		io.stdout.write(`${JSON.stringify(told)}\n`);
	}
	if (unmatched.length === 0) return damaged ? 1 : 0;
	const others = args.pattern.length > unmatched.length;
	throw new EkexecError("check", "INITRD_NO_ENTRY", "nothing in the initrd is meant by this", {
		where: input.where,
		field: unmatched.join(", "),
		remedy: `${others ? "What the other patterns mean was extracted. " : ""}See what there is with: ekexec initrd list`,
	});
}

function plain(remark: Remarked): Omit<Remarked, "path"> & { readonly path: string } {
	return { ...remark, path: showBytes(remark.path) };
}

/** Folders made for an input of which nothing could be used. */
function removeEmpty(made: readonly string[]): void {
	try {
		for (const path of made) rmdirSync(path);
	} catch {
		// Something is in it: it stays.
	}
}

/** Folders on the way to this one, itself first, that are not there yet. */
function missing(folder: string): string[] {
	const found: string[] = [];
	for (let at = folder; !existsSync(at); at = dirname(at)) found.push(at);
	return found;
}

/** Which of the patterns meant something so far. */
class Patterns {
	#left: readonly { readonly pattern: string; readonly means: (key: string) => boolean }[];

	constructor(patterns: readonly string[]) {
		this.#left = patterns.map((pattern) => ({ pattern, means: matcher([pattern]) }));
	}

	met(path: Uint8Array): void {
		if (this.#left.length === 0) return;
		const key = Buffer.from(path)
			.toString("latin1")
			.replace(/^(?:\.?\/)+/, "");
		this.#left = this.#left.filter(({ means }) => !means(key));
	}

	get unmatched(): readonly string[] {
		return this.#left.map(({ pattern }) => pattern);
	}
}
