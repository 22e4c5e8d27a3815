import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "../bytes/index.ts";
import { IDENTIFY_BYTES, identify } from "../compress/index.ts";
import { scanInitrd } from "../initrd/index.ts";
import { readKernelImage, unwrapKernel } from "../kexec/index.ts";
import {
	type Adapter,
	type Architecture,
	type Compression,
	compressions,
	formatManifest,
	manifestFormat,
	parseManifest,
} from "./manifest.ts";
import { sha256OfFile } from "./open.ts";

/** Writes the manifest for a kernel and an initrd that lie in their places, after a look into both. */
export async function describeLoose(
	draft: string,
	name: string,
	commandLine: string,
	adapter: Adapter,
	signal: AbortSignal | undefined,
): Promise<void> {
	const packed = new Uint8Array(await readFile(join(draft, "kernel")));
	const kernel = await unwrapKernel(packed, { where: "kernel", ...(signal ? { signal } : {}) });
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
