import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { type CpioEntry, microcodeArchive, modeOf, packCpio } from "../../src/cpio/index.ts";
import { type Node, readRoot, verifyInitrd } from "../../src/initrd/index.ts";
import { debianKernel } from "../support/kernels.ts";
import { find, missing } from "../support/programs.ts";
import { scratch } from "./tree-on-disk.ts";

const place = scratch();
afterAll(() => place.remove());
const lack = missing("qemu-system-x86_64", "busybox");

/** One record as no writer makes it: by its name, without parents, with any inode number and count of links. */
function record(name: string, entry: Record<string, unknown>, ino = 0, nlink = 1): Buffer {
	const whole = Buffer.from(
		packCpio([{ ...entry, name: "n".repeat(name.length) } as CpioEntry<never>]),
	);
	const bytes = Buffer.from(whole.subarray(0, whole.length - 124));
	bytes.write(name, 110, "latin1");
	bytes.write(ino.toString(16).padStart(8, "0"), 6);
	bytes.write(nlink.toString(16).padStart(8, "0"), 38);
	return bytes;
}
const file = (content: string) => ({ kind: "file", content });

/** Entries that get in each other's way in every manner that the kernel's unpacking knows. */
function initrd(busybox: Uint8Array): Buffer {
	const first: CpioEntry<never>[] = [
		{ kind: "file", name: "bin/find", mode: 0o755, content: busybox },
		{ kind: "link", name: "bin/stat", target: "bin/find" },
		{ kind: "link", name: "bin/sha256sum", target: "bin/find" },
		{ kind: "link", name: "bin/sleep", target: "bin/find" },
		{ kind: "character", name: "dev/console", major: 5, minor: 1, mode: 0o600 },
		{ kind: "file", name: "t/aligned", content: Buffer.alloc(9000, "big") },
		{ kind: "file", name: "t/f", content: "old content that is longer" },
		{ kind: "file", name: "t/l1", content: "linked", uid: 3, gid: 4, mode: 0o640 },
		{ kind: "link", name: "t/l2", target: "t/l1" },
		{ kind: "link", name: "t/l3", target: "t/l1" },
		{ kind: "file", name: "t/full/x", content: "x" },
		{ kind: "directory", name: "t/empty" },
		{ kind: "symlink", name: "t/sym", target: "full" },
		{ kind: "symlink", name: "t/dangling", target: "nowhere" },
		{ kind: "fifo", name: "t/fifo" },
		{ kind: "socket", name: "t/sock" },
		{ kind: "character", name: "t/dev", major: 1, minor: 3, mode: 0o600 },
		{ kind: "block", name: "t/blk", major: 8, minor: 300, mode: 0o660, gid: 6 },
		{ kind: "character", name: "t/tty", major: 4, minor: 0 },
		{ kind: "link", name: "t/tty2", target: "t/tty" },
	];
	const second = Buffer.concat([
		record("t/f", file("new")),
		record("t/l2", file("rewritten under one of three names")),
		record("t/full", file("never takes the place of a folder with something in it")),
		record("t/empty", { kind: "symlink", target: "f" }),
		record("t/sym/through", file("lands behind the symlink")),
		record("t/nodir/x", file("lost: nobody makes its folder")),
		record("t/f/x", file("lost: its folder is a file")),
		record("t/dangling", { kind: "directory", mode: 0o700 }),
		record("t/dangling/y", file("y")),
		record("t/dev", { kind: "character", major: 1, minor: 5, mode: 0o666, uid: 9 }),
		record("t/full", { kind: "directory", mode: 0o711 }),
		record("t/h1", file("the first name has the data"), 77, 2),
		record("t/h2", file(""), 77, 2),
		record("t/k1", file("one"), 78, 3),
		record("t/k2", file("longer than one"), 78, 3),
		record("t/k2", file(""), 78, 3),
		record("t/self", file("gone with the second mention"), 79, 2),
		record("t/self", file(""), 79, 2),
		record("t/m1", file("same inode number, another type"), 80, 2),
		record("t/m2", { kind: "fifo" }, 80, 2),
		record("../t/up", file("up")),
		record("/t/absolute", file("absolute")),
		record("t/./dot", file("dot")),
		record("t/c1", { kind: "symlink", target: "c2" }),
		record("t/c2", { kind: "symlink", target: "c1" }),
		record("t/c1/x", file("lost in a circle")),
		packCpio([]),
	]);
	const third = packCpio([{ kind: "file", name: "t/l3", content: "of a third segment" }]);
	const early = microcodeArchive({ amd: Buffer.from("DMA\0 made up") });
	return Buffer.concat([
		early,
		packCpio(first, { align: 4096 }),
		gzipSync(second),
		Buffer.alloc(5),
		gzipSync(third),
	]);
}

/** A name as busybox's stat and sha256sum tell it. */
function told(node: Node): string[] {
	const { inode, key } = node;
	const mode = modeOf(inode.kind, inode.permissions).toString(16);
	const links = inode.kind === "directory" ? "-" : inode.names;
	const size = inode.kind === "directory" ? "-" : (inode.target?.length ?? inode.size);
	const name =
		inode.target === undefined ? `/${key}` : `'/${key}' -> '${Buffer.from(inode.target)}'`;
	const line = [
		`/${key}`,
		mode,
		inode.uid,
		inode.gid,
		links,
		size,
		inode.major.toString(16),
		inode.minor.toString(16),
		name,
	].join("|");
	return inode.sha256 === undefined ? [line] : [line, `${inode.sha256}  /${key}`];
}

test.skipIf(lack)(`a real kernel unpacks what the tree in memory says ${lack}`, async () => {
	const image = initrd(readFileSync(find("busybox") ?? ""));
	writeFileSync(join(place.path, "initrd"), image);
	const { root } = await readRoot([image], { digests: true });
	const expected = [...root.nodes()].filter(({ key }) => key.startsWith("t/")).flatMap(told);
	const lost = (await verifyInitrd([image], { init: false })).problems.filter(
		({ level }) => level === "error",
	);
	expect(lost.map(({ path }) => path)).toEqual([
		"t/full",
		"t/nodir/x",
		"t/f/x",
		"t/self",
		"t/c1/x",
	]);

	const kernel = await debianKernel("amd64");
	// find is the first process; when it ends the kernel panics, and with panic=-1 and -no-reboot QEMU ends. What it
	// printed has to be out of the serial line by then, so it comes to /t itself last and waits there.
	const init =
		"rdinit=/bin/find -- /t -depth -exec /bin/stat -c %n|%f|%u|%g|%h|%s|%t|%T|%N {} ; ( -type f -exec /bin/sha256sum {} ; -o -path /t -exec /bin/sleep 5 ; )";
	const words = [
		"-accel",
		"tcg",
		"-m",
		"512",
		// Not -nographic: that has the firmware write to the serial line, too, in front of the first line.
		"-nodefaults",
		"-display",
		"none",
		"-serial",
		"stdio",
		"-no-reboot",
		"-nic",
		"none",
		"-kernel",
		kernel.file,
	];
	words.push(
		"-initrd",
		join(place.path, "initrd"),
		"-append",
		// A message of the kernel in the middle of a line would make it another line.
		`console=ttyS0 quiet loglevel=0 panic=-1 ${init}`,
	);
	const { stdout } = await promisify(execFile)("qemu-system-x86_64", words, {
		timeout: 300_000,
		maxBuffer: 2 ** 24,
	});
	const lines = stdout
		.split(/\r?\n/)
		.filter((line) => /^\/t\/|^[0-9a-f]{64} {2}\/t\//.test(line))
		// Of folders link count and size are the file system's own affair.
		.map((line) => line.replace(/^([^|]*\|4[0-9a-f]{3}\|\d+\|\d+)\|\d+\|\d+/, "$1|-|-"));
	expect(lines.sort()).toEqual(expected.sort());
});
