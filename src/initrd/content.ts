import { EkexecError, showBytes } from "../bytes/index.ts";
import type { Chunks } from "../compress/index.ts";
import type { InitrdCode } from "./codes.ts";
import { readRoot } from "./read.ts";
import { type ScanHandler, type ScanOptions, scanInitrd } from "./scan.ts";

export interface ReadContentOptions extends ScanOptions {
	/** Told, once, of what no archive should hold, but at which the kernel goes on. The first is thrown unless there is one. */
	readonly onFault?: NonNullable<ScanHandler["fault"]>;
}

/** Ends a scan that has found what it looked for. */
const found: unique symbol = Symbol("found");

/**
 * The content of one file as it is after the whole initrd has been unpacked: symlinks followed within it, later entries
 * and other names counted. The initrd is read twice, since what comes last decides: `open` is called for each time.
 * Throws `INITRD_NO_ENTRY` if there is no such file, and what {@link scanInitrd} throws.
 */
export async function readContent(
	open: () => Chunks,
	path: Uint8Array,
	write: (bytes: Uint8Array) => void | Promise<void>,
	options: ReadContentOptions = {},
): Promise<void> {
	const { onFault, ...scanning } = options;
	const { root } = await readRoot(open(), {
		...scanning,
		...(onFault === undefined ? {} : { also: { fault: onFault } }),
	});
	const node = root.find(path, true);
	if (node === undefined || node.inode.kind !== "file") {
		const dangling = node === undefined && root.find(path)?.inode.kind === "symlink";
		throw new EkexecError<InitrdCode>("check", "INITRD_NO_ENTRY", "no such file in the initrd", {
			where: options.where,
			field: showBytes(path),
			found: dangling
				? "a symlink that leads to nothing"
				: node === undefined
					? "nothing"
					: `a ${node.inode.kind}`,
			remedy: "List it with: ekexec initrd list",
		});
	}
	const { from } = node.inode;
	if (from === undefined) return;
	let here = false;
	try {
		await scanInitrd(
			open(),
			{
				event(event, segment) {
					if (event.type === "entry")
						here = segment.index === from.segment && event.entry.offset === from.offset;
					else if (event.type === "data") return here ? write(event.bytes) : undefined;
					else if (event.type === "end" && here) throw found;
				},
				// All of them were told, or thrown, the first time.
				fault: () => {},
				wantsData: () => here,
			},
			scanning,
		);
	} catch (error) {
		if (error !== found) throw error;
	}
}
