import {
	type DumpName,
	dumpNames,
	dumpRequest,
	groupMask,
	type RawDump,
	unsupportedErrnos,
} from "../../netlink/index.ts";
import {
	networkFileCap,
	networkFiles,
	networkSymlinks,
	type RawNetwork,
} from "../../network/index.ts";
import type { Source } from "../contract.ts";
import { errnoName } from "../errno.ts";
import { source } from "../sources.ts";
import type { Evidence } from "./evidence.ts";

/** The dumps and files that the network model is made from. */
export function networkSources(): Source[] {
	return [
		...dumpNames.map((name) => source.netlink(dumpRequest(name), { groups: groupMask(name) })),
		...networkFiles.map((pattern) => source.read(pattern, { cap: networkFileCap })),
		...networkSymlinks.map((pattern) => source.readlink(pattern)),
	];
}

/**
 * What the helper read, in the form that a snapshot takes. A dump that failed is told in `failures`, but for those that
 * this kernel does not know.
 */
export function rawNetwork(evidence: Evidence): RawNetwork {
	const dumps: { [N in DumpName]?: RawDump } = {};
	const failures: string[] = [];
	dumpNames.forEach((name, index) => {
		const answer = evidence.dumps[index];
		// A dump was taken again while the network changed; the last pass counts.
		const pass = answer?.items.at(-1);
		if (answer?.errno === 0 && pass !== undefined) {
			dumps[name] = { bytes: pass.bytes, stable: pass.state !== "unstable" };
		} else if (!unsupportedErrnos.includes(answer?.errno ?? 0)) {
			failures.push(`${name} (${errnoName(answer?.errno ?? 0)})`);
		}
	});
	const files = new Map<string, Uint8Array>();
	for (const pattern of networkFiles) {
		for (const { path, bytes } of evidence.found("read", pattern)) files.set(path, bytes);
	}
	const symlinks = new Map<string, string>();
	for (const pattern of networkSymlinks) {
		for (const { path } of evidence.found("readlink", pattern)) {
			symlinks.set(path, evidence.link(path) ?? "");
		}
	}
	return { dumps, files, symlinks, failures };
}
