import { struct, u16, u32, u64, utf8 } from "../../../src/bytes/index.ts";
import type { Answer, Source } from "../../../src/kexec/contract.ts";
import { Evidence } from "../../../src/kexec/index.ts";
import { source } from "../../../src/kexec/sources.ts";

/** struct statx up to its size, include/uapi/linux/stat.h. */
const statHead = struct("statx", {
	mask: u32,
	blksize: u32,
	attributes: u64,
	nlink: u32,
	uid: u32,
	gid: u32,
	mode: u16,
	spare: u16,
	inode: u64,
	size: u64,
});

export type Stat = readonly [mode: number, uid: number, gid: number, size?: number];

/** What a helper would have answered on a host with these files, and with these stats of files. */
export function evidenceOf(
	files: Readonly<Record<string, string | Uint8Array>>,
	stats: Readonly<Record<string, Stat>> = {},
): Evidence {
	const answer = (asked: Source, at: string, bytes: Uint8Array): Answer => ({
		source: asked,
		items: [{ errno: 0, state: "whole", size: bytes.length, path: utf8(at), bytes }],
		errno: 0,
		state: "whole",
	});
	return new Evidence([
		...Object.entries(files).map(([at, content]) =>
			answer(source.read(at), at, typeof content === "string" ? utf8(content) : content),
		),
		...Object.entries(stats).map(([at, [mode, uid, gid, size = 0]]) => {
			const bytes = new Uint8Array(256);
			const stat = { mask: 0x7ff, blksize: 4096, attributes: 0n, nlink: 1, uid, gid, mode };
			bytes.set(statHead.write({ ...stat, size: BigInt(size) }));
			return answer(source.stat(at), at, bytes);
		}),
	]);
}
