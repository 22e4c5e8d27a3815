import { spawnSync } from "node:child_process";
import { printable } from "../bytes/index.ts";
import { native } from "./folder.ts";
import type { Inode } from "./node.ts";

/** Each device or fifo costs a process; no tree has this many. */
export const maxSpecials = 10_000;

/**
 * Makes a device or fifo by mknod(1), for Node cannot. `pathOf` answers a path for another process, or undefined where there
 * were too many already; asked only when there is something to make. Answers why nothing was made, or undefined.
 */
export function makeSpecial(inode: Inode, pathOf: () => string | undefined): string | undefined {
	if (inode.kind === "socket") return "a socket is made by the program that listens on it";
	const device = inode.kind === "character" || inode.kind === "block";
	if (device && process.geteuid?.() !== 0) return "only root can make devices";
	const path = pathOf();
	if (path === undefined) return `more than ${maxSpecials} of its kind`;
	if (typeof native(path) !== "string") return "a device whose name is no plain text";
	const what =
		inode.kind === "fifo"
			? ["p"]
			: [inode.kind === "block" ? "b" : "c", `${inode.major}`, `${inode.minor}`];
	// With its final permissions at once: changing them later by name could hit something else by then.
	const mode = (inode.permissions & 0o777).toString(8);
	const words = ["-m", mode, path, ...what];
	const { status, stderr, error } = spawnSync("mknod", words, {
		encoding: "utf8",
		timeout: 10_000,
	});
	if (status === 0) return undefined;
	// In front of the last colon stand mknod's name and the path: the one of our descriptor, and whatever bytes a name has.
	const said = error?.message ?? stderr.trim().split(": ").at(-1);
	return printable(said || "mknod failed");
}
