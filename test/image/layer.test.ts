import { type FileHandle, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { utf8 } from "../../src/bytes/index.ts";
import { codecs } from "../../src/compress/index.ts";
import { type CpioEntry, readCpio } from "../../src/cpio/index.ts";
import { bestPacking, writeLayer } from "../../src/image/layer.ts";
import { pruneTree } from "../../src/image/prune.ts";
import { FileTree, type TreeNode } from "../../src/image/tree.ts";
import { squarify } from "../../src/image/treemap.ts";

let home = "";
beforeAll(async () => {
	home = await mkdtemp(join(tmpdir(), "ekexec-layer-"));
});
afterAll(async () => rm(home, { recursive: true }));

const entries: CpioEntry<never>[] = [
	{ kind: "file", name: "usr/bin/b", mode: 0o755, content: "b".repeat(5000) },
	{ kind: "symlink", name: "bin", target: "usr/bin" },
	{ kind: "link", name: "usr/bin/c", target: "usr/bin/b" },
	{ kind: "file", name: "etc/a", content: "a" },
];

test("the same files, added in whichever order, give the same bytes: what is alike lies together", async () => {
	const nodes: [string, TreeNode][] = [
		["usr/bin/b", { kind: "file", owner: "b", mode: 0o755, content: utf8("\x7fELF, b") }],
		["usr/lib/b", { kind: "file", owner: "b", mode: 0o644, content: utf8("\x7fELF, b") }],
		["usr/bin/a", { kind: "file", owner: "c", mode: 0o755, content: utf8("\x7fELF, c") }],
		["usr/bin/c", { kind: "link", owner: "b", mode: 0o755, target: "usr/bin/b" }],
		["usr/share/t", { kind: "file", owner: "x", mode: 0o644, content: utf8("text") }],
		["bin", { kind: "symlink", owner: "b", mode: 0o777, target: "usr/bin" }],
		["usr/bin", { kind: "directory", owner: "b", mode: 0o755 }],
	];
	const trees = [nodes, [...nodes].reverse()].map((list) => {
		const tree = new FileTree();
		for (const [path, node] of list) tree.set(path, node);
		return tree;
	});
	const [one, two] = await Promise.all(
		trees.map((tree, i) => writeLayer(join(home, `${i}`), tree.entries(), bestPacking())),
	);
	expect(two).toEqual(one);
	expect(await readFile(join(home, "0"))).toEqual(await readFile(join(home, "1")));
	const order = trees[0]?.entries().map(({ name }) => Buffer.from(name).toString());
	expect(order?.slice(0, 1)).toEqual(["usr/bin"]);
	expect(order?.slice(-4)).toEqual(["usr/share/t", "usr/bin/b", "usr/lib/b", "usr/bin/a"]);
});

test("the memory that files take is counted in pages", async () => {
	const one = await writeLayer(join(home, "2"), entries, bestPacking());
	// Two pages for the one, one for the other; the link counts once.
	expect(one.memorySize).toBe(3 * 4096 + 4096);
});

test("the layer unpacks to what was put in", async () => {
	const written = await writeLayer(join(home, "3"), entries, { codec: "gzip", level: 6 });
	const { byteSource } = await import("../../src/compress/index.ts");
	const parts: Uint8Array[] = [];
	for await (const part of codecs.gzip.decode(byteSource([await readFile(join(home, "3"))])))
		parts.push(part);
	const whole = Buffer.concat(parts);
	expect(whole.length).toBe(written.unpackedSize);
	const names = [...readCpio(whole)].map((entry) => Buffer.from(entry.name).toString());
	expect(names).toEqual(["usr", "usr/bin", "usr/bin/b", "bin", "usr/bin/c", "etc", "etc/a"]);
});

test("a disk that takes less than it was given loses nothing", async () => {
	const probe = await open(join(home, "probe"), "w");
	const handles = Object.getPrototypeOf(probe) as FileHandle;
	await probe.close();
	const { write } = handles;
	const half = vi.spyOn(handles, "write").mockImplementation(function (
		this: FileHandle,
		buffer: unknown,
		offset: unknown,
	) {
		const bytes = buffer as Uint8Array;
		const from = typeof offset === "number" ? offset : 0;
		return Reflect.apply(write, this, [bytes, from, Math.ceil((bytes.length - from) / 2)]);
	});
	onTestFinished(() => half.mockRestore());
	const written = await writeLayer(join(home, "4"), entries, { codec: "gzip", level: 6 });
	expect(half.mock.calls.length).toBeGreaterThan(1);
	expect((await readFile(join(home, "4"))).length).toBe(written.size);
});

test.each([
	["grown", 9, undefined],
	["shrunk", 11, undefined],
	["written over", 10, "ab".repeat(32)],
])("a file that was %s since it was looked at does not get in", async (_name, size, sha256) => {
	const path = join(home, "changes");
	await writeFile(path, "0123456789");
	const ref = { path, ...(sha256 === undefined ? {} : { sha256 }) };
	const entry = { kind: "file", name: "a", content: { size, ref } } as const;
	const layer = writeLayer(join(home, `5-${size}`), [entry], { codec: "gzip", level: 1 });
	await expect(layer).rejects.toMatchObject({ code: "IMAGE_OVERLAY" });
});

test("scripts without interpreter and links to nothing go, what is used stays", () => {
	const tree = new FileTree();
	const file = (path: string, content: string, mode = 0o755) =>
		tree.set(path, { kind: "file", owner: "p", mode, content: utf8(content) });
	const link = (path: string, target: string) =>
		tree.set(path, { kind: "symlink", owner: "p", mode: 0o777, target });
	tree.set("usr/bin", { kind: "directory", owner: "p", mode: 0o755 });
	tree.set("usr/share/empty", { kind: "directory", owner: "p", mode: 0o755 });
	link("bin", "usr/bin");
	file("usr/bin/sh", "binary");
	file("usr/bin/good", "#!/bin/sh -e\n");
	file("usr/bin/env-good", "#!/usr/bin/env -S sh\n");
	file("usr/bin/perl-script", "#!/usr/bin/perl -w\n");
	file("usr/bin/py", "#!/usr/bin/env python3\n");
	file("usr/share/data", "#!/usr/bin/perl\n", 0o644);
	link("usr/bin/alias", "perl-script");
	link("usr/bin/alias2", "alias");
	link("etc/run", "/run/x");
	expect(pruneTree(tree)).toEqual({
		scripts: ["usr/bin/perl-script", "usr/bin/py"],
		libraries: [],
		links: ["usr/bin/alias", "usr/bin/alias2"],
	});
	expect([...tree.nodes.keys()].sort()).toEqual([
		"bin",
		"etc/run",
		"usr/bin",
		"usr/bin/env-good",
		"usr/bin/good",
		"usr/bin/sh",
		"usr/share/data",
	]);
});

test("the other names of a dropped file keep its content", () => {
	const tree = new FileTree();
	tree.set("a", { kind: "file", owner: "p", mode: 0o755, content: utf8("x") });
	tree.set("b", { kind: "link", owner: "p", mode: 0o777, target: "a" });
	tree.set("c", { kind: "link", owner: "p", mode: 0o777, target: "a" });
	tree.remove((path) => path === "a");
	expect(tree.nodes.get("b")).toMatchObject({ kind: "file", mode: 0o755 });
	expect(tree.nodes.get("c")).toMatchObject({ kind: "link", target: "b" });
});

test("a treemap fills its room in proportion", () => {
	const boxes = squarify(
		[60, 30, 20, 10, 5, 0].map((size) => ({ name: String(size), size })),
		0,
		0,
		100,
		50,
	);
	expect(boxes.length).toBe(5);
	for (const box of boxes) expect((box.w * box.h) / 5000).toBeCloseTo(box.size / 125, 6);
	const inside = boxes.every(
		(b) => b.x >= 0 && b.y >= 0 && b.x + b.w <= 100.001 && b.y + b.h <= 50.001,
	);
	expect(inside).toBe(true);
});
