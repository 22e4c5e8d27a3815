import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { packCpio } from "../../src/cpio/index.ts";
import { packInitrd, scanInitrd } from "../../src/initrd/index.ts";
import { scratch } from "./tree-on-disk.ts";

let place = scratch();
beforeEach(() => {
	place = scratch();
});
afterEach(() => place.remove());
const at = (name: string) => join(place.path, name);
const fixture = (name: string): Buffer =>
	readFileSync(fileURLToPath(new URL(`../../fixtures/cpio/hostile/${name}.cpio`, import.meta.url)));
const base = packCpio([{ kind: "file", name: "a", content: "x" }]);
const append = (signal?: AbortSignal) =>
	packInitrd([{ kind: "file", name: "b" }], at("out"), { appendTo: at("base"), signal });

describe("what a kernel would not get through is no base", () => {
	test.each<[string, Uint8Array, RegExp]>([
		[
			"text",
			Buffer.from("This is no initrd at all."),
			/base, offset 0, field magic: cannot be appended to: neither an archive nor compressed data; expected .*; found bytes 54 68/,
		],
		[
			"a compressed stream that was cut off",
			gzipSync(base).subarray(0, 60),
			/base, offset 60, .*cannot be appended to: compressed stream ends too early/,
		],
		[
			"an archive that was cut off",
			base.subarray(0, 113),
			/base, offset 113, field padding: cannot be appended to: input ends within the padding of a/,
		],
		["zeros instead of the rest", Buffer.concat([fixture("no-trailer"), Buffer.alloc(99)]), /NULs/],
		[
			"an archive without trailer",
			fixture("no-trailer"),
			/cannot be appended to: archive has no trailer/,
		],
		[
			"junk behind it",
			Buffer.concat([base, Buffer.from("junk")]),
			new RegExp(`base, offset ${base.length}, `),
		],
	])("%s", async (_what, bytes, message) => {
		writeFileSync(at("base"), bytes);
		writeFileSync(at("out"), "what was there");
		await expect(append()).rejects.toThrow(message);
		await expect(append()).rejects.toMatchObject({ code: "INITRD_BASE", kind: "usage" });
		expect(readFileSync(at("out"), "utf8")).toBe("what was there");
		expect(readdirSync(place.path).sort()).toEqual(["base", "out"]);
	});

	test("nothing, and a folder", async () => {
		await expect(append()).rejects.toMatchObject({ code: "INITRD_IO" });
		mkdirSync(at("base"));
		await expect(append()).rejects.toMatchObject({ code: "INITRD_IO" });
	});

	test("what only ekexec cannot read may be well: how to join it by hand", async () => {
		const longName = [0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3];
		for (const [bytes, found] of [
			[Buffer.from([2, 0x21, 0x4c, 0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0]), /lz4/],
			[Buffer.concat([Buffer.from(longName), Buffer.alloc(70_000, "n")]), /more than is allowed/],
		] as const) {
			writeFileSync(at("base"), bytes);
			await expect(append()).rejects.toMatchObject({
				message: expect.stringMatching(found),
				code: "INITRD_BASE",
				details: { remedy: expect.stringMatching(/join .* begins at a multiple of 4\.$/) },
			});
		}
	});

	test("it is called as the caller calls it", async () => {
		writeFileSync(at("base"), "junk");
		const options = { appendTo: at("base"), baseName: "the base" };
		await expect(packInitrd([], at("out"), options)).rejects.toThrow(/^the base, offset 0, /);
		await expect(packInitrd([], at("out"), { ...options, appendTo: at("none") })).rejects.toThrow(
			/^the base: cannot read: ENOENT/,
		);
	});

	test("an abort comes through", async () => {
		writeFileSync(at("base"), base);
		await expect(append(AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
		expect(readdirSync(place.path)).toEqual(["base"]);
	});
});

test.each([
	["an empty file", new Uint8Array(0), 0],
	["an entry that the kernel skips", fixture("directory-with-data"), 1],
])("%s is one", async (_what, bytes, segments) => {
	writeFileSync(at("base"), bytes);
	await append();
	const found = await scanInitrd([readFileSync(at("out"))], { fault: () => {} });
	expect(found.length).toBe(segments + 1);
});

test("a fault in what is appended comes before the base is read", async () => {
	writeFileSync(at("base"), "junk");
	const progress = { update: vi.fn(), end: vi.fn() };
	const append = (...names: string[]) =>
		packInitrd(
			names.map((name) => ({ kind: "file", name })),
			at("out"),
			{ appendTo: at("base"), baseProgress: progress },
		);
	await expect(append("a", "a")).rejects.toMatchObject({ code: "CPIO_DUPLICATE" });
	expect(progress.update).not.toHaveBeenCalled();
	writeFileSync(at("base"), base);
	await append("a");
	expect(progress.update).toHaveBeenLastCalledWith(base.length, base.length);
	expect(progress.end).toHaveBeenCalled();
});

test("data that is aligned is so in the whole file", async () => {
	writeFileSync(at("base"), base);
	const content = Buffer.alloc(4096, "x");
	await packInitrd([{ kind: "file", name: "b", content }], at("out"), {
		appendTo: at("base"),
		align: 4096,
	});
	expect(readFileSync(at("out")).indexOf(content)).toBe(4096);
});
