import { readFileSync } from "node:fs";

/** Version of the package this file belongs to, whether run from `dist` or from `src`. */
export function version(): string {
	const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
	return (JSON.parse(manifest) as { version: string }).version;
}
