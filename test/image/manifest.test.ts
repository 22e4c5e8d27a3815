import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import {
	formatManifest,
	type Manifest,
	openImage,
	parseManifest,
	verifyImage,
} from "../../src/image/index.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

const manifest: Manifest = {
	format: "ekexec-image/1",
	name: "rescue",
	architecture: "amd64",
	kernel: { release: "6.12.1+deb13-amd64", file: "kernel", size: 6, sha256: sha256("kernel") },
	commandLine: "console=tty0 panic=30",
	adapter: "rootfs",
	layers: [
		{
			name: "base",
			kind: "base",
			file: "layers/base.cpio.xz",
			size: 4,
			sha256: sha256("base"),
			compression: "xz",
			unpackedSize: 512,
			memorySize: 4096,
			entries: 3,
		},
	],
	packages: [{ name: "bash", version: "5.2.37-2+b5", layer: "base", size: 7 }],
	source: { provider: "debian" },
};

/** The manifest's JSON with one field replaced, named as errors name it: `layers[0].file`. */
function changed(field: string, value: unknown): string {
	const copy: unknown = JSON.parse(JSON.stringify(manifest));
	const keys = field.split(/[.[\]]+/).filter((key) => key !== "");
	const last = keys.pop() ?? "";
	let place = copy as Record<string, unknown>;
	for (const key of keys) place = place[key] as Record<string, unknown>;
	place[last] = value;
	return JSON.stringify(copy);
}

describe("parseManifest", () => {
	test("reads what formatManifest writes", () => {
		expect(parseManifest(new TextDecoder().decode(formatManifest(manifest)))).toEqual(manifest);
	});

	test.each([
		["a file outside the image", "layers[0].file", "../kernel"],
		["an absolute path", "kernel.file", "/boot/vmlinuz"],
		["a hidden step up", "layers[0].file", "layers/../../x"],
		["no layers", "layers", []],
		["a negative size", "layers[0].size", -1],
		["a size that is no number", "kernel.size", "6"],
		["a short digest", "kernel.sha256", "00"],
		["an unknown adapter", "adapter", "floppy"],
		["another format", "format", "ekexec-image/2"],
		["a command line of two lines", "commandLine", "a\nb"],
		["an overlong command line", "commandLine", "a".repeat(4097)],
	])("refuses %s and names the field", (_name, field, value) => {
		expect(() => parseManifest(changed(field, value))).toThrow(
			expect.objectContaining({
				code: "IMAGE_MANIFEST",
				details: expect.objectContaining({ field }),
			}),
		);
	});
});

describe("openImage, verifyImage", () => {
	const made: string[] = [];
	afterEach(async () => {
		for (const directory of made.splice(0)) await rm(directory, { recursive: true });
	});
	const make = async () => {
		const directory = await mkdtemp(join(tmpdir(), "ekexec-image-"));
		made.push(directory);
		await mkdir(join(directory, "layers"));
		await writeFile(join(directory, "manifest.json"), formatManifest(manifest));
		await writeFile(join(directory, "kernel"), "kernel");
		await writeFile(join(directory, "layers/base.cpio.xz"), "base");
		return directory;
	};

	test("opens an image and finds its files", async () => {
		const directory = await make();
		const image = await openImage(directory);
		expect(image.layers.map((layer) => layer.path)).toEqual([
			join(directory, "layers/base.cpio.xz"),
		]);
		expect(image.digest).toMatch(/^[0-9a-f]{64}$/);
		await verifyImage(image);
	});

	test("a layer of the right size with other bytes is refused by name", async () => {
		const directory = await make();
		await writeFile(join(directory, "layers/base.cpio.xz"), "bass");
		const image = await openImage(directory);
		await expect(verifyImage(image)).rejects.toMatchObject({
			code: "IMAGE_DAMAGED",
			details: { where: join(directory, "layers/base.cpio.xz"), expected: sha256("base") },
		});
	});

	test("a truncated layer is refused when opening", async () => {
		const directory = await make();
		await truncate(join(directory, "layers/base.cpio.xz"), 2);
		await expect(openImage(directory)).rejects.toMatchObject({ code: "IMAGE_DAMAGED" });
	});

	test("a missing kernel is refused when opening", async () => {
		const directory = await make();
		await rm(join(directory, "kernel"));
		await expect(openImage(directory)).rejects.toMatchObject({ code: "IMAGE_FILE_MISSING" });
	});

	test("an empty directory is no image", async () => {
		const directory = await make();
		await rm(join(directory, "manifest.json"));
		await expect(openImage(directory)).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
	});
});
