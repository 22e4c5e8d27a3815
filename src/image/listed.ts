import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type ErrorDetails, text } from "../bytes/index.ts";
import { imageError } from "./errors.ts";
import type { ManifestFile } from "./manifest.ts";
import type { Image } from "./open.ts";
import { parseShape, type Shape } from "./shape.ts";

/** The lists beside the manifest have a line of some hundred bytes a file or module; more is no such list. */
const maxList = 256 * 1024 * 1024;

/** Reads one of the JSON files that the manifest names. Throws `IMAGE_MANIFEST` for any that is not what it says. */
export async function readListed(image: Image, file: ManifestFile): Promise<Shape> {
	const where = join(image.directory, file.file);
	const refuse = (details: ErrorDetails) =>
		imageError("check", "IMAGE_MANIFEST", "a list of the image cannot be read", {
			where,
			...details,
		});
	if (file.size > maxList) {
		throw refuse({ field: "size", expected: `at most ${maxList} bytes`, found: `${file.size}` });
	}
	const bytes = await readFile(where).catch((cause: unknown) => {
		throw refuse({ cause });
	});
	const found = createHash("sha256").update(bytes).digest("hex");
	if (found !== file.sha256) throw refuse({ field: "sha256", expected: file.sha256, found });
	return parseShape(text(bytes), refuse);
}
