import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "../bytes/index.ts";
import { imageError } from "./errors.ts";
import type { ManifestFile } from "./manifest.ts";
import type { Image } from "./open.ts";
import { Shape } from "./shape.ts";

/** The lists beside the manifest have a line of some hundred bytes a file or module; more is no such list. */
const maxList = 256 * 1024 * 1024;

/** Reads one of the JSON files that the manifest names. Throws `IMAGE_MANIFEST` for any that is not what it says. */
export async function readListed(image: Image, file: ManifestFile): Promise<Shape> {
	const where = join(image.directory, file.file);
	const summary = "a list of the image cannot be read";
	const complain = (field: string, expected: string, found: string) =>
		imageError("check", "IMAGE_MANIFEST", summary, { where, field, expected, found });
	if (file.size > maxList) throw complain("size", `at most ${maxList} bytes`, `${file.size}`);
	let value: unknown;
	try {
		const bytes = await readFile(where);
		const found = createHash("sha256").update(bytes).digest("hex");
		if (found !== file.sha256) throw complain("sha256", file.sha256, found);
		value = JSON.parse(text(bytes));
	} catch (cause) {
		throw imageError("check", "IMAGE_MANIFEST", summary, { where, cause });
	}
	return new Shape(value, "", complain);
}
