import { fileURLToPath } from "node:url";
import { cacheFolder, findMirror } from "../../src/debian/index.ts";

/** Packages that tests download are kept between runs, unless EKEXEC_CACHE says where they are anyway. */
export const testCache: string = process.env.EKEXEC_CACHE
	? cacheFolder()
	: fileURLToPath(new URL("../../node_modules/.cache/ekexec", import.meta.url));

/** Why no Debian mirror can be used here: the reason for a skip, in words. Empty: one answers. */
export async function noMirror(suite = "trixie"): Promise<string> {
	try {
		const { main } = await findMirror();
		if (main.protocol === "file:") return "";
		const url = new URL(`dists/${suite}/InRelease`, main);
		const answer = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(10_000) });
		return answer.ok ? "" : `the mirror has no ${suite}`;
	} catch {
		return "no Debian mirror answers";
	}
}
