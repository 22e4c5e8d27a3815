import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { EkexecError, printable } from "../bytes/index.ts";
import type { BuildProgress, Image } from "../image/index.ts";
import { type Command, command, type Io } from "./command.ts";
import { Progress, showSize } from "./progress.ts";

export const imageBuild: Command = command({
	usage: "image build",
	summary: "Build a rescue image",
	positionals: {},
	options: {
		provider: {
			choices: ["debian", "nix"] as const,
			default: "debian" as const,
			describe: "What it is built from: Debian packages, or nix/ with Nix",
		},
		arch: {
			choices: ["amd64", "arm64"] as const,
			default: "amd64" as const,
			describe: "Architecture",
		},
		suite: { type: "string", describe: "Debian release; trixie unless told" },
		mirror: {
			type: "string",
			describe: "Debian mirror (EKEXEC_DEBIAN_MIRROR, else this machine's own)",
		},
		for: {
			type: "string",
			describe: "Facts of a target as JSON (ekexec check --json): modules for it alone",
		},
		with: { type: "string", array: true, default: [], describe: "More packages" },
		overlay: { type: "string", describe: "Folder whose files go over the image's" },
		kernel: { type: "string", describe: "Package of the kernel, as linux-image-cloud-amd64" },
		"command-line": { type: "string", describe: "Kernel command line in place of the usual one" },
		firmware: {
			type: "boolean",
			default: true,
			describe: "Firmware of network cards and disk controllers",
		},
		config: { type: "string", describe: "nix: a NixOS module of your own" },
		lock: {
			type: "string",
			describe: "Write the packages taken, with their digests, to this file",
		},
		locked: { type: "string", describe: "Take exactly the packages that this lock file names" },
		out: {
			type: "string",
			alias: "o",
			describe: "Directory for the image; in the cache unless told",
		},
		json: { type: "boolean", default: false, describe: "Print one JSON object" },
	},
	examples: [
		["ekexec image build", "An image fit for any amd64 machine"],
		["ekexec check --json web1 > web1.json", ""],
		["ekexec image build --for web1.json", "One with web1's modules alone"],
		["ekexec image build --with hdparm --overlay ./files", "One with more in it"],
	],
	async run(args, io) {
		const { buildImage, buildWithNix, parseTarget } = await import("../image/index.ts");
		const { readLock, writeLock } = await import("../debian/index.ts");
		const path = (name: string): string => resolve(io.cwd, name);
		const started = performance.now();
		if (args.provider === "nix") {
			const image = await buildWithNix({
				architecture: args.arch,
				...(args.config === undefined ? {} : { config: path(args.config) }),
				env: io.env,
				signal: io.signal,
				say: (text) => void io.stderr.write(text),
			});
			return tell(image, [], started, args.json, io);
		}
		const view = new BuildView(io);
		try {
			const built = await buildImage({
				architecture: args.arch,
				suite: args.suite,
				mirror: args.mirror,
				env: io.env,
				with: args.with,
				firmware: args.firmware,
				signal: io.signal,
				progress: (progress) => view.update(progress),
				...(args.kernel === undefined ? {} : { kernel: args.kernel }),
				...(args["command-line"] === undefined ? {} : { commandLine: args["command-line"] }),
				...(args.overlay === undefined ? {} : { overlay: path(args.overlay) }),
				...(args.out === undefined ? {} : { out: path(args.out) }),
				...(args.for === undefined
					? {}
					: { target: parseTarget(await read(path(args.for)), args.for) }),
				...(args.locked === undefined
					? {}
					: { lock: readLock(await read(path(args.locked)), args.locked) }),
			});
			view.end();
			if (args.lock !== undefined) await writeFile(path(args.lock), writeLock(built.lock));
			for (const note of built.notes) io.stderr.write(`note: ${printable(note)}\n`);
			return tell(built.image, built.cached, started, args.json, io);
		} finally {
			view.end();
		}
	},
});

async function read(path: string): Promise<string> {
	return readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
		throw new EkexecError("usage", "CLI_FILE", "the file cannot be read", {
			where: path,
			found: cause.code,
			cause,
		});
	});
}

function tell(
	image: Image,
	cached: readonly string[],
	started: number,
	json: boolean,
	io: Io,
): number {
	const { manifest, directory, digest } = image;
	const size = image.layers.reduce((sum, layer) => sum + layer.size, image.kernel.size);
	if (json) {
		io.stdout.write(`${JSON.stringify({ directory, digest, size, cached, manifest })}\n`);
		return 0;
	}
	const row = (name: string, bytes: number, rest: string): void =>
		void io.stderr.write(`${name.padEnd(10)}${showSize(bytes).padStart(8)}  ${rest}\n`);
	row("kernel", image.kernel.size, manifest.kernel.release);
	for (const layer of image.layers) {
		const from = cached.includes(layer.name) ? ", from the cache" : "";
		row(
			layer.name,
			layer.size,
			`${layer.compression}, ${showSize(layer.unpackedSize)} unpacked${from}`,
		);
	}
	row("total", size, `in ${((performance.now() - started) / 1000).toFixed(1)} s`);
	io.stdout.write(`${directory}\n`);
	return 0;
}

const verbs: Readonly<Record<BuildProgress["step"], string>> = {
	index: "reading the package lists",
	download: "downloading",
	unpack: "unpacking",
	modules: "reading modules",
	compress: "compressing",
	done: "done",
};

/** On a terminal one line that changes; elsewhere a line whenever another step begins. Layers are made side by side: */
/** each keeps its own numbers, and what is shown is their sum. */
class BuildView {
	readonly #io: Io;
	readonly #started: Set<string> = new Set();
	readonly #parts: Map<string, readonly [number, number]> = new Map();
	#line: Progress | undefined;
	#step = "";

	constructor(io: Io) {
		this.#io = io;
	}

	update({ step, what, done, total, cached }: BuildProgress): void {
		if (step === "done") return;
		if (!this.#io.terminal.stderr) {
			if (this.#started.has(step)) return;
			this.#started.add(step);
			const known = step === "download" && total > 0 ? ` ${showSize(total)}` : "";
			const had = cached !== undefined && cached > 0 ? `, ${showSize(cached)} from the cache` : "";
			this.#io.stderr.write(`${verbs[step]}${known}${had}\n`);
			return;
		}
		if (step !== this.#step && !(this.#step === "compress" && step === "unpack")) {
			this.#line?.end();
			this.#line = new Progress(this.#io, verbs[step]);
			this.#step = step;
		}
		if (step !== this.#step) return;
		this.#parts.set(`${step} ${step === "compress" ? what : ""}`, [done, total]);
		const mine = [...this.#parts].filter(([key]) => key.startsWith(`${step} `));
		const sum = (index: 0 | 1): number => mine.reduce((all, [, pair]) => all + pair[index], 0);
		this.#line?.update(sum(0), sum(1));
	}

	end(): void {
		this.#line?.end();
		this.#line = undefined;
	}
}
