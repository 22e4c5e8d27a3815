import { cacheFolder, findMirror } from "../../src/debian/index.ts";

/** Packages that tests download, and what they build of them, are kept where every other run of ekexec keeps them. */
export const testCache: string = cacheFolder();

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
