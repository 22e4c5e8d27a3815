import { spawn } from "node:child_process";
import { readdir, realpath } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exists } from "./cache.ts";
import { imageError } from "./errors.ts";
import { type ImportOptions, importImage } from "./import.ts";
import type { Architecture } from "./manifest.ts";
import { type Image, isImage } from "./open.ts";

export interface NixOptions extends Pick<ImportOptions, "cache" | "signal"> {
	/** amd64 unless told. */
	readonly architecture?: Architecture;
	/** A NixOS module of the user's, besides the configuration that ships with ekexec. */
	readonly config?: string;
	/** The program, and the words that go before all others. `nix` unless told. */
	readonly nix?: readonly string[];
	readonly env?: Readonly<Record<string, string | undefined>>;
	/** Hears what nix says. */
	readonly say?: (text: string) => void;
}

const systems: Readonly<Record<Architecture, string>> = {
	amd64: "x86_64-linux",
	arm64: "aarch64-linux",
};

/** The folder with the flake. */
export const nixFolder: string = fileURLToPath(new URL("../../nix", import.meta.url));

/** The words of the `nix build` that makes the image. The expression is one word: no shell reads it. */
export function nixCommand(options: NixOptions): string[] {
	const { architecture = "amd64", config, nix = ["nix"] } = options;
	const modules = config === undefined ? "[ ]" : `[ (/. + ${nixString(config)}) ]`;
	const expression =
		`(builtins.getFlake ${nixString(`path:${nixFolder}`)}).lib.image ` +
		`{ system = ${nixString(systems[architecture])}; modules = ${modules}; }`;
	return [
		...nix,
		"build",
		"--extra-experimental-features",
		"nix-command flakes",
		"--impure",
		"--no-link",
		"--print-out-paths",
		"--expr",
		expression,
	];
}

/** A string literal of the Nix language. */
function nixString(text: string): string {
	return `"${text.replace(/["\\]|\$(?=\{)/g, "\\$&").replaceAll("\n", "\\n")}"`;
}

/**
 * Builds the image of `nix/` with Nix and opens it. Throws `IMAGE_NIX` where there is no Nix, or where it fails: what
 * it said went to `say`.
 */
export async function buildWithNix(options: NixOptions = {}): Promise<Image> {
	const out = (await run(nixCommand(options), options)).trim().split("\n").at(-1) ?? "";
	return importImage(await imageIn(await realpath(out)), options);
}

/** The image in what nix built: a folder with an image or its parts, or a folder `tarball` with one file, as EK has it. */
async function imageIn(out: string): Promise<string> {
	if ((await isImage(out)) || (await exists(join(out, "cmdline")))) return out;
	for (const folder of [join(out, "tarball"), out]) {
		const names = await readdir(folder).catch(() => []);
		const tarballs = names.filter((name) => /\.tar(?:\.(?:gz|xz|zst))?$/.test(name));
		if (tarballs.length === 1) return join(folder, tarballs[0] ?? "");
	}
	throw imageError("check", "IMAGE_FORMAT", "what nix built holds no image", {
		where: out,
		expected: "manifest.json, or one tarball",
	});
}

function run(words: readonly string[], options: NixOptions): Promise<string> {
	const [program = "nix", ...args] = words;
	const { promise, resolve, reject } = withResolvers<string>();
	const child = spawn(program, args, {
		stdio: ["ignore", "pipe", "pipe"],
		env: { ...(options.env ?? process.env) },
		...(options.signal === undefined ? {} : { signal: options.signal }),
	});
	let out = "";
	let last = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		out += text;
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		options.say?.(text);
		last = (last + text).slice(-2000);
	});
	child.once("error", (cause: NodeJS.ErrnoException) => {
		if (cause.code !== "ENOENT") return reject(cause);
		reject(
			imageError("failed", "IMAGE_NIX", "Nix is not on this machine", {
				expected: `${program} on PATH`,
				remedy: "Install Nix, or leave --provider away: the Debian image needs nothing but Node.",
			}),
		);
	});
	child.once("close", (code) => {
		if (code === 0) return resolve(out);
		reject(
			imageError("failed", "IMAGE_NIX", "nix build failed", {
				found: `exit code ${code}: ${last.trim().split("\n").slice(-5).join(" / ")}`,
			}),
		);
	});
	return promise;
}

function withResolvers<T>(): {
	readonly promise: Promise<T>;
	readonly resolve: (value: T) => void;
	readonly reject: (reason: unknown) => void;
} {
	// Promise.withResolvers is younger than the oldest Node supported.
	let resolve: (value: T) => void = () => {};
	let reject: (reason: unknown) => void = () => {};
	const promise = new Promise<T>((yes, no) => {
		resolve = yes;
		reject = no;
	});
	return { promise, resolve, reject };
}
