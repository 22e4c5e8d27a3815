import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { EkexecError } from "../bytes/index.ts";
import { asManifest, verifyInitrd } from "../initrd/index.ts";
import { sentenceOf } from "../initrd/reasons.ts";
import type { Io } from "./command.ts";
import { openInput } from "./initrd-io.ts";
import { segmentJson } from "./initrd-list-show.ts";
import { showChange, showProblem } from "./initrd-output.ts";
import { unusable } from "./initrd-usage.ts";
import { count } from "./words.ts";

export interface VerifyArguments {
	readonly file: string;
	readonly manifest: string | undefined;
	readonly sha256: string | undefined;
	readonly "write-manifest": string | undefined;
	readonly init: boolean;
	readonly json: boolean;
}

/** What `initrd verify` does. */
export async function verifyFromCommandLine(args: VerifyArguments, io: Io): Promise<number> {
	if (args.sha256 !== undefined && !/^[0-9a-fA-F]{64}$/.test(args.sha256))
		throw unusable("--sha256", "64 hexadecimal digits", args.sha256);
	const target = args["write-manifest"];
	if (target === "") throw unusable("--write-manifest", "a file", "");
	const manifest =
		args.manifest === undefined
			? undefined
			: asManifest(await readJson(args.manifest, io), args.manifest);
	const input = await openInput(args.file, io, "verifying");
	try {
		const result = await verifyInitrd(input.chunks(), {
			where: input.where,
			init: args.init,
			digests: manifest !== undefined || target !== undefined,
			signal: io.signal,
			...(manifest === undefined ? {} : { manifest }),
			...(args.sha256 === undefined ? {} : { sha256: args.sha256 }),
		});
		const { found, segments, ...told } = result;
		const { ok, problems, omitted, changes } = result;
		const json = `${JSON.stringify(found, undefined, "\t")}\n`;
		// Whoever is told that all is well may rely on the file.
		if (target !== undefined && target !== "-" && ok) await writeManifest(target, json, io);
		const print = (text: string) => io[target === "-" ? "stderr" : "stdout"].write(text);
		if (args.json) {
			const plain = { ...told, segments: segments.map(segmentJson) };
			print(`${JSON.stringify(plain, undefined, "\t")}\n`);
		} else {
			for (const problem of problems) print(`${showProblem(problem)}\n`);
			if (omitted > 0) print(`and ${omitted} more\n`);
			for (const change of changes) print(`${showChange(change)}\n`);
			if (ok) {
				const parts = count(segments.length, "segment");
				const names = count(found.entries.length, "name");
				print(`ok: ${parts}, ${names}, SHA-256 ${result.sha256}\n`);
			}
		}
		if (target === "-" && ok) io.stdout.write(json);
		if (target !== undefined && !ok) {
			const name = target === "-" ? "to standard output" : `to ${target}`;
			io.stderr.write(`manifest not written ${name}: it would keep what is wrong\n`);
		}
		return ok ? 0 : 1;
	} finally {
		await input.close();
	}
}

async function writeManifest(file: string, json: string, io: Io): Promise<void> {
	try {
		await writeFile(resolve(io.cwd, file), json);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		throw new EkexecError("failed", "INITRD_IO", `cannot write the manifest: ${code}`, {
			where: file,
			remedy: sentenceOf(code),
			cause: error,
		});
	}
}

async function readJson(file: string, io: Io): Promise<unknown> {
	try {
		return JSON.parse(await readFile(resolve(io.cwd, file), "utf8"));
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		const syntax = error instanceof SyntaxError;
		const why = syntax ? `not JSON: ${message}` : `cannot read: ${code}`;
		const remedy = syntax ? undefined : sentenceOf(code);
		throw new EkexecError("usage", "INITRD_MANIFEST", why, { where: file, remedy, cause: error });
	}
}
