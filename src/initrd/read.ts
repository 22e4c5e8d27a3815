import { createHash, type Hash } from "node:crypto";
import type { ByteSource, Chunks } from "../compress/index.ts";
import type { ParsedEntry } from "../cpio/index.ts";
import type { Inode } from "./node.ts";
import { ProgramReader } from "./program.ts";
import { Root, type Trouble } from "./root.ts";
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
	/** Recognise programs by their first bytes: {@link Inode.program}. Off unless told. */
	readonly programs?: boolean;
	/** Told of what a kernel would skip or replace. */
	readonly onTrouble?: (trouble: Trouble, entry: ParsedEntry, segment: SegmentStart) => void;
	/** Sees everything the scan sees, before the tree takes it. */
	readonly also?: ScanHandler;
}

/**
 * Reads a whole initrd as the file system that a kernel would make of it; what that skips in silence is told to
 * `onTrouble` and to `also.fault`. Throws as {@link scanInitrd} does: without `also.fault` at the first fault.
 */
export async function readRoot(
	from: ByteSource | Chunks,
	options: ReadRootOptions = {},
): Promise<{ readonly root: Root; readonly segments: readonly Segment[] }> {
	const root = new Root();
	const { also, digests = false } = options;
	const programs = options.programs === true ? new ProgramReader() : undefined;
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
					programs?.begin();
				} else if (event.type === "data") {
					hash?.update(event.bytes);
					programs?.push(event.bytes);
				} else if (event.type === "end") {
					if (hash !== undefined && inode !== undefined) inode.sha256 = hash.digest("hex");
					hash = undefined;
					const program = inode === undefined ? undefined : programs?.end();
					if (inode !== undefined && program !== undefined) inode.program = program;
					inode = undefined;
				} else if (event.type === "trailer") root.trailer();
				return busy;
			},
			...(also?.fault === undefined
				? {}
				: {
						fault(fault, segment) {
							also.fault?.(fault, segment);
							if (fault.kernel === "removes") root.unlink(fault.name);
						},
					}),
			wantsData: (entry, segment) =>
				hash !== undefined ||
				(programs !== undefined && inode !== undefined) ||
				(also?.event !== undefined && (also.wantsData?.(entry, segment) ?? true)),
		},
		options,
	);
	return { root, segments };
}
