import { createHash, type Hash } from "node:crypto";
import type { ByteSource, Chunks } from "../compress/index.ts";
import type { ParsedEntry } from "../cpio/index.ts";
import { type Inode, Root, type Trouble } from "./root.ts";
import {
	type ScanHandler,
	type ScanOptions,
	type Segment,
	type SegmentStart,
	scanInitrd,
} from "./scan.ts";

export interface ReadRootOptions extends ScanOptions {
	/** Compute the SHA-256 of every file's content. Off unless told. */
	readonly digests?: boolean;
	/** Told of what a kernel would skip or replace. */
	readonly onTrouble?: (trouble: Trouble, entry: ParsedEntry, segment: SegmentStart) => void;
	/** Sees everything the scan sees, before the tree takes it. */
	readonly also?: ScanHandler;
}

/** Reads a whole initrd as the file system that a kernel would make of it. Throws as {@link scanInitrd} does. */
export async function readRoot(
	from: ByteSource | Chunks,
	options: ReadRootOptions = {},
): Promise<{ readonly root: Root; readonly segments: readonly Segment[] }> {
	const root = new Root();
	const { also, digests = false } = options;
	let hash: Hash | undefined;
	let inode: Inode | undefined;
	const segments = await scanInitrd(
		from,
		{
			...also,
			event(event, segment) {
				const busy = also?.event?.(event, segment);
				if (event.type === "entry") {
					const { node, takesData, troubles } = root.apply(event.entry, segment.index);
					for (const trouble of troubles) options.onTrouble?.(trouble, event.entry, segment);
					inode = takesData ? node?.inode : undefined;
					hash = digests && inode !== undefined ? createHash("sha256") : undefined;
				} else if (event.type === "data") hash?.update(event.bytes);
				else if (event.type === "end") {
					if (hash !== undefined && inode !== undefined) inode.sha256 = hash.digest("hex");
					hash = undefined;
				} else if (event.type === "trailer") root.trailer();
				return busy;
			},
			wantsData: (entry, segment) =>
				hash !== undefined ||
				(also?.event !== undefined && (also.wantsData?.(entry, segment) ?? true)),
		},
		options,
	);
	return { root, segments };
}
