// What stat and statfs items hold.
import { Cursor, pad, struct, u16, u32, u64 } from "../bytes/index.ts";

/** struct statx, include/uapi/linux/stat.h: the same bytes on every architecture. */
const statx = struct("statx", {
	mask: u32,
	blockSize: u32,
	attributes: u64,
	links: u32,
	uid: u32,
	gid: u32,
	mode: u16,
	pad0: pad(2),
	ino: u64,
	size: u64,
	blocks: u64,
	attributesMask: u64,
	atime: u64,
	atimeRest: pad(8),
	btime: u64,
	btimeRest: pad(8),
	ctime: u64,
	ctimeRest: pad(8),
	mtime: u64,
	mtimeRest: pad(8),
	rdevMajor: u32,
	rdevMinor: u32,
	devMajor: u32,
	devMinor: u32,
	rest: pad(112),
});

/** struct statfs of 64-bit Linux, include/uapi/asm-generic/statfs.h. */
const statfs = struct("statfs", {
	type: u64,
	blockSize: u64,
	blocks: u64,
	free: u64,
	available: u64,
	files: u64,
	filesFree: u64,
	fsid: u64,
	nameLength: u64,
	fragment: u64,
	flags: u64,
	spare: pad(32),
});

/** What stat(2) knows of a file. */
export interface FileStat {
	/** Kind and permissions, as in stat(2): `mode & 0o170000` is the kind. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	readonly links: number;
	readonly ino: bigint;
	/** Bytes. */
	readonly size: number;
	/** Seconds since 1970. */
	readonly mtime: number;
	readonly device: { readonly major: number; readonly minor: number };
	/** For device nodes: the device they stand for. */
	readonly node: { readonly major: number; readonly minor: number };
}

/** The content of a `stat` item. */
export function decodeStat(bytes: Uint8Array): FileStat {
	const raw = statx.read(new Cursor(bytes, { where: "statx" }));
	const { mode, uid, gid, links, ino } = raw;
	return {
		mode,
		uid,
		gid,
		links,
		ino,
		size: Number(raw.size),
		mtime: Number(BigInt.asIntN(64, raw.mtime)),
		device: { major: raw.devMajor, minor: raw.devMinor },
		node: { major: raw.rdevMajor, minor: raw.rdevMinor },
	};
}

/** What statfs(2) knows of a file system. Sizes in bytes. */
export interface FileSystemStat {
	/** Magic number of the file system's kind (linux/magic.h). */
	readonly type: number;
	readonly size: number;
	readonly free: number;
	/** Free for users without privileges. */
	readonly available: number;
	readonly files: number;
	readonly filesFree: number;
	/** Mount flags: 1 read-only, 2 nosuid, 4 nodev, 8 noexec (ST_RDONLY and so on of statvfs(3)). */
	readonly flags: number;
}

/** The content of a `statfs` item. */
export function decodeStatfs(bytes: Uint8Array): FileSystemStat {
	const raw = statfs.read(new Cursor(bytes, { where: "statfs" }));
	const block = Number(raw.fragment === 0n ? raw.blockSize : raw.fragment);
	return {
		type: Number(raw.type),
		size: Number(raw.blocks) * block,
		free: Number(raw.free) * block,
		available: Number(raw.available) * block,
		files: Number(raw.files),
		filesFree: Number(raw.filesFree),
		flags: Number(raw.flags),
	};
}
