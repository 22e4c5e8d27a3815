/** What an entry is. */
export type EntryKind =
	| "file"
	| "directory"
	| "symlink"
	| "character"
	| "block"
	| "fifo"
	| "socket";

// inode(7)
const types: Readonly<Record<EntryKind, number>> = {
	fifo: 0o010000,
	character: 0o020000,
	directory: 0o040000,
	block: 0o060000,
	file: 0o100000,
	symlink: 0o120000,
	socket: 0o140000,
};
const kinds = new Map(
	(Object.entries(types) as [EntryKind, number][]).map(([kind, type]) => [type, kind]),
);

/** Bits of a mode that are permissions, with set-uid, set-gid and sticky. */
export const permissionBits = 0o7777;

/** The kind that a whole mode says, or undefined where its type is none of Linux. */
export function kindOf(mode: number): EntryKind | undefined {
	return kinds.get(mode & 0xffff_f000);
}

/** A whole mode: type and permissions. */
export function modeOf(kind: EntryKind, permissions: number): number {
	return types[kind] | permissions;
}

/** A mode as `ls -l` shows it: `drwxr-xr-x`. */
export function showMode(mode: number): string {
	const letters: Record<EntryKind, string> = {
		file: "-",
		directory: "d",
		symlink: "l",
		character: "c",
		block: "b",
		fifo: "p",
		socket: "s",
	};
	const kind = kindOf(mode);
	const triple = (shift: number, special: number, set: string): string => {
		const bits = mode >> shift;
		const run = (bits & 1) !== 0;
		const last = (mode & special) !== 0 ? (run ? set : set.toUpperCase()) : run ? "x" : "-";
		return `${bits & 4 ? "r" : "-"}${bits & 2 ? "w" : "-"}${last}`;
	};
	const type = kind === undefined ? "?" : letters[kind];
	return type + triple(6, 0o4000, "s") + triple(3, 0o2000, "s") + triple(0, 0o1000, "t");
}
