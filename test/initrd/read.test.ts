import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { codecs } from "../../src/compress/index.ts";
import { type CpioEntry, microcodeArchive, packCpio } from "../../src/cpio/index.ts";
import {
	asManifest,
	compareManifests,
	initrdChunks,
	joinSegments,
	type Manifest,
	manifestOf,
	readContent,
	readRoot,
	scanInitrd,
	verifyInitrd,
} from "../../src/initrd/index.ts";
import { elf } from "./programs.ts";

const fixture = (name: string): Uint8Array =>
	readFileSync(fileURLToPath(new URL(`../../fixtures/cpio/${name}.cpio`, import.meta.url)));
async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
	const parts: Uint8Array[] = [];
	for await (const chunk of chunks) parts.push(chunk);
	return Buffer.concat(parts);
}
const packed = (codec: "gzip" | "xz", ...entries: CpioEntry<never>[]) =>
	collect(initrdChunks(entries, { codec: codecs[codec] }));
const init: CpioEntry<never> = { kind: "file", name: "init", mode: 0o755, content: elf() };
const early = microcodeArchive({ amd: new Uint8Array(100).fill(1) });

describe("segments", () => {
	test("each with kind, place and sizes; any chunking", async () => {
		const first = Buffer.concat([early, new Uint8Array(20)]);
		const gz = await packed("gzip", init);
		const xz = await packed("xz", { kind: "file", name: "etc/x", content: "y" });
		const plain = packCpio([{ kind: "file", name: "late" }]);
		const pad = Buffer.alloc((4 - ((first.length + gz.length + xz.length) % 4)) % 4);
		const whole = Buffer.concat([first, gz, xz, pad, plain, new Uint8Array(7)]);
		const expected = [
			["none", 0, early.length, early.length, 4, 0],
			["gzip", first.length, gz.length, packCpio([init]).length, 1, 20],
			["xz", first.length + gz.length, xz.length, 360, 2, 0],
			["none", whole.length - 7 - plain.length, plain.length, plain.length, 1, pad.length],
		];
		for (const size of [whole.length, 1, 7, 300]) {
			const chunks: Uint8Array[] = [];
			for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size));
			const segments = await scanInitrd(chunks);
			expect(
				segments.map((s) => [s.kind, s.offset, s.length, s.unpackedSize, s.entries, s.padding]),
			).toEqual(expected);
		}
	});

	test("joined again they begin at multiples of four", async () => {
		const gz = await packed("gzip", init);
		const odd = gz.length % 4 === 0 ? Buffer.concat([early]) : gz;
		const whole = await collect(joinSegments([[odd], [early], [gz], [early]]));
		const segments = await scanInitrd([whole]);
		expect(segments.map(({ offset }) => offset % 4)).toEqual([0, 0, 0, 0]);
	});

	test.each<[string, string, () => Promise<Uint8Array> | Uint8Array]>([
		["text", "INITRD_SEGMENT", () => Buffer.from("not an initrd at all")],
		[
			"garbage behind an archive",
			"INITRD_SEGMENT",
			() => Buffer.concat([early, Buffer.from("garbage!")]),
		],
		[
			"an archive at an odd offset",
			"CPIO_ALIGNMENT",
			() => Buffer.concat([early, Buffer.from([0, 0]), early]),
		],
		["a bzip2 stream", "COMPRESS_UNSUPPORTED", () => Buffer.from("BZh91AY&SYxxxxxxxx")],
		[
			"a compressed stream cut off",
			"COMPRESS_TRUNCATED",
			async () => (await packed("gzip", init)).subarray(0, 40),
		],
		[
			"text in a compressed stream",
			"CPIO_MAGIC",
			() => collect(codecs.gzip.compress([Buffer.from("text")])),
		],
		[
			"text behind the archive in a compressed stream",
			"CPIO_TRAILING",
			() => collect(codecs.gzip.compress([packCpio([init]), Buffer.from("text")])),
		],
	])("%s: %s", async (_what, code, make) => {
		await expect(scanInitrd([await make()])).rejects.toMatchObject({ code, kind: "check" });
	});

	test("a bomb ends at the limit, without its content in memory", async () => {
		const bomb = await collect(
			initrdChunks([{ kind: "file", name: "zeros", content: new Uint8Array(50_000_000) }], {
				codec: codecs.gzip,
			}),
		);
		expect(bomb.length).toBeLessThan(100_000);
		await expect(scanInitrd([bomb], {}, { maxOutput: 1_000_000 })).rejects.toMatchObject({
			code: "COMPRESS_LIMIT",
		});
	});
});

describe("the kernel's tree", () => {
	const tree = async (...archives: Uint8Array[]) =>
		(await readRoot([Buffer.concat(archives)], { digests: true })).root;
	const lines = (manifest: Manifest) =>
		manifest.entries.map((e) => `${e.path} ${e.type} ${e.target ?? e.size ?? ""}`.trim());
	const one = (...entries: CpioEntry<never>[]) => packCpio(entries, { sort: false });

	test("an entry whose folder is missing is skipped", async () => {
		expect(lines(manifestOf(await tree(fixture("hostile/parent-missing"))))).toEqual([]);
		expect(lines(manifestOf(await tree(fixture("hostile/child-first"))))).toEqual(["a directory"]);
	});

	test("a folder with something in it is not replaced, an empty one is", async () => {
		const found = await tree(
			one({ kind: "file", name: "full/x" }, { kind: "directory", name: "empty" }),
			one(
				{ kind: "file", name: "full", content: "1" },
				{ kind: "symlink", name: "empty", target: "t" },
			),
		);
		expect(lines(manifestOf(found))).toEqual([
			"empty symlink t",
			"full directory",
			"full/x file 0",
		]);
	});

	test("a device of the same type stays what it was, owner and mode change", async () => {
		const device = (minor: number, mode: number): CpioEntry<never> => ({
			kind: "character",
			name: "d",
			major: 1,
			minor,
			mode,
		});
		const { entries } = manifestOf(await tree(one(device(3, 0o600)), one(device(5, 0o666))));
		expect(entries).toEqual([
			{ path: "d", type: "character", mode: "0666", uid: 0, gid: 0, major: 1, minor: 3 },
		]);
	});

	test("hard links are names of one thing, written as links", async () => {
		const found = await tree(
			packCpio([
				{ kind: "file", name: "a", content: "x" },
				{ kind: "link", name: "b", target: "a" },
			]),
		);
		const { entries } = manifestOf(found);
		const sha256 = createHash("sha256").update("x").digest("hex");
		expect(entries).toEqual([
			{ path: "a", type: "file", mode: "0644", uid: 0, gid: 0, size: 1, sha256 },
			{ path: "b", type: "link", target: "a" },
		]);
	});

	test("circles of symlinks end", async () => {
		const circle = Buffer.concat([
			one({ kind: "symlink", name: "a", target: "b" }, { kind: "symlink", name: "b", target: "a" }),
			Buffer.from(packCpio([{ kind: "file", name: "a/x" }])).subarray(112),
		]);
		expect(lines(manifestOf(await tree(circle)))).toEqual(["a symlink b", "b symlink a"]);
	});

	test("content of a file: the last of that name, through symlinks", async () => {
		const bytes = Buffer.concat([
			await packed(
				"gzip",
				{ kind: "file", name: "etc/f", content: "old" },
				{ kind: "symlink", name: "etc/l", target: "/etc/f" },
			),
			await packed("xz", { kind: "file", name: "etc/f", content: "new" }),
		]);
		const content = async (path: string) => {
			const parts: Uint8Array[] = [];
			await readContent(
				() => [bytes],
				Buffer.from(path),
				(part) => void parts.push(part.slice()),
			);
			return Buffer.concat(parts).toString();
		};
		expect(await content("etc/f")).toBe("new");
		expect(await content("/etc/l")).toBe("new");
		await expect(content("etc")).rejects.toMatchObject({ code: "INITRD_NO_ENTRY" });
		await expect(content("no")).rejects.toThrow(
			/field no: no such file in the initrd; found nothing/,
		);
	});
});

describe("verify", () => {
	const verify = (bytes: Uint8Array, options = {}) => verifyInitrd([bytes], options);
	const codes = async (bytes: Uint8Array, options = {}) =>
		(await verify(bytes, options)).problems.map((p) =>
			`${p.level} ${p.code} ${p.path ?? ""}`.trim(),
		);

	test("an initrd with all in order", async () => {
		const bytes = Buffer.concat([early, await packed("xz", init)]);
		const result = await verify(bytes, {
			sha256: createHash("sha256").update(bytes).digest("hex").toUpperCase(),
		});
		expect(result).toMatchObject({ ok: true, problems: [], changes: [] });
		expect(result.segments.map(({ kind }) => kind)).toEqual(["none", "xz"]);
	});

	test.each<[string, string[]]>([
		["hostile/parent-missing", ["error VERIFY_NO_PARENT a/b"]],
		["hostile/child-first", ["error VERIFY_NO_PARENT a/b"]],
		["hostile/traversal", ["warning VERIFY_DOT_DOT ../escaped"]],
		["hostile/device-over-file", ["warning VERIFY_REPLACED f"]],
		["hostile/unaligned", ["error CPIO_ALIGNMENT"]],
		["hostile/zeros", ["error VERIFY_EMPTY"]],
		["hostile/trailing-junk", ["error INITRD_SEGMENT"]],
		["truncated/at-240", ["error CPIO_TRUNCATED"]],
		["own/tree-crc", ["warning VERIFY_CRC_FORMAT"]],
	])("%s", async (name, expected) => {
		expect(await codes(fixture(name), { init: false })).toEqual(expected);
	});

	test.each<[string, CpioEntry<never>[], string]>([
		[
			"is missing",
			[{ kind: "file", name: "x" }],
			"is missing: the kernel would look for a root file system instead",
		],
		[
			"leads to nothing",
			[{ kind: "symlink", name: "init", target: "/sbin/init" }],
			"leads to nothing",
		],
		["is not executable", [{ kind: "file", name: "init", content: "x" }], "is not executable"],
		["is empty", [{ kind: "file", name: "init", mode: 0o755 }], "is no file with content"],
		["is a folder", [{ kind: "directory", name: "init" }], "is no file with content"],
	])("/init %s", async (_what, entries, message) => {
		expect((await verify(packCpio(entries))).problems).toEqual([
			{ level: "error", code: "VERIFY_NO_INIT", path: "/init", message },
		]);
		expect((await verify(packCpio(entries), { init: false })).ok).toBe(true);
	});

	test("a gzip header with more than a name, which every other reader takes, no kernel takes", async () => {
		const gz = await packed("gzip", init);
		const commented = Buffer.concat([gz.subarray(0, 10), Buffer.from("why\0"), gz.subarray(10)]);
		commented[3] = 16;
		expect(await codes(commented)).toEqual(["error VERIFY_GZIP_HEADER"]);
		commented[3] = 8;
		expect(await codes(commented)).toEqual([]);
	});

	test("what ekexec itself cannot read it does not say of the kernel", async () => {
		const lz4 = Uint8Array.of(0x02, 0x21, 0x4c, 0x18, 0, 0, 0, 0);
		const { ok, problems } = await verify(lz4);
		expect(ok).toBe(false);
		expect(problems).toMatchObject([{ code: "COMPRESS_UNSUPPORTED" }]);
		expect(problems[0]?.message).toMatch(/Nothing was looked at from here on\.$/);
	});

	test("/init through a symlink is fine", async () => {
		const bytes = packCpio([
			{ kind: "symlink", name: "init", target: "/sbin/../sbin/real" },
			{ ...init, name: "sbin/real" },
		]);
		expect((await verify(bytes)).ok).toBe(true);
	});

	test("microcode where the kernel does not look", async () => {
		const plain = packCpio([init]);
		expect(await codes(Buffer.concat([plain, early]))).toEqual([
			"error VERIFY_EARLY kernel/x86/microcode/AuthenticAMD.bin",
		]);
		expect(await codes(await collect(codecs.gzip.compress([early, plain])))).toEqual([
			"error VERIFY_EARLY kernel/x86/microcode/AuthenticAMD.bin",
		]);
	});

	test("the digest is of the whole file, whatever is in it", async () => {
		const bytes = Buffer.concat([fixture("hostile/trailing-junk"), Buffer.from("more")]);
		const result = await verify(bytes, { init: false });
		expect(result.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
		expect(
			(await verify(packCpio([init]), { sha256: "0".repeat(64) })).problems.map(({ code }) => code),
		).toEqual(["VERIFY_SHA256"]);
	});

	test("a manifest says what is added, removed and changed", async () => {
		const before = packCpio([
			init,
			{ kind: "file", name: "a", content: "1" },
			{ kind: "file", name: "b" },
			{ kind: "symlink", name: "c", target: "x" },
		]);
		const after = packCpio([
			{ ...init, uid: 5 },
			{ kind: "file", name: "a", content: "2" },
			{ kind: "directory", name: "c" },
			{ kind: "file", name: "d" },
		]);
		const manifest = asManifest(
			JSON.parse(JSON.stringify((await verify(before, { digests: true })).found)),
		);
		expect((await verify(before, { manifest })).ok).toBe(true);
		const result = await verify(after, { manifest });
		expect(result.ok).toBe(false);
		expect(
			result.changes.map(({ path, change, fields }) => [
				path,
				change,
				fields?.map(({ field }) => field),
			]),
		).toEqual([
			["a", "changed", ["sha256"]],
			["b", "removed", undefined],
			["c", "changed", ["type"]],
			["d", "added", undefined],
			["init", "changed", ["uid"]],
		]);
		expect(compareManifests(manifest, manifest)).toEqual([]);
	});

	test.each([
		[undefined],
		[[]],
		[{ format: "ekexec-initrd-1" }],
		[{ format: "other", entries: [] }],
		[{ format: "ekexec-initrd-1", entries: [{ type: "file" }] }],
	])("%j is no manifest", (json) => {
		expect(() => asManifest(json)).toThrow(
			expect.objectContaining({ code: "INITRD_MANIFEST", kind: "usage" }),
		);
	});

	test("problems without end are counted, not kept", async () => {
		const orphan = Buffer.from(fixture("hostile/parent-missing")).subarray(0, 120);
		const bytes = Buffer.concat([...Array.from({ length: 1500 }, () => orphan), packCpio([])]);
		const result = await verify(bytes, { init: false });
		expect([result.problems.length, result.omitted]).toEqual([1000, 500]);
	});
});

test("a folder with more files than a call may have arguments", async () => {
	const names = Array.from({ length: 130_000 }, (_, i) => i.toString(36));
	const { root } = await readRoot([
		packCpio(names.map((name): CpioEntry<never> => ({ kind: "file", name }))),
	]);
	expect([...root.nodes()].length).toBe(names.length);
});
