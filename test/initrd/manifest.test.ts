import { describe, expect, test } from "vitest";
import { type CpioEntry, packCpio } from "../../src/cpio/index.ts";
import {
	asManifest,
	compareManifests,
	manifestFormat,
	manifestOf,
	readRoot,
	verifyInitrd,
} from "../../src/initrd/index.ts";

const manifest = (...entries: unknown[]) =>
	asManifest({ format: manifestFormat, entries }, "m.json");
const sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"; // of "x"

describe("a manifest that says something else than it means is refused", () => {
	const file = { path: "etc/f", type: "file" };
	test.each<[string, unknown]>([
		[
			"entries[0].sha265 (etc/f): not a manifest of an initrd; expected of a file only mode, uid, gid, size, sha256",
			{ ...file, sha265: sha256 },
		],
		[
			"entries[0].target (etc/f): not a manifest of an initrd; expected of a file only",
			{ ...file, target: "x" },
		],
		[
			'entries[0].sha256 (etc/f): not a manifest of an initrd; expected 64 hexadecimal digits; found "abc"',
			{ ...file, sha256: "abc" },
		],
		["entries[0].sha256 (etc/f): ", { ...file, sha256: `${sha256}0` }],
		[
			'entries[0].mode (etc/f): not a manifest of an initrd; expected permissions as octal text, such as "0755"; found 493',
			{ ...file, mode: 0o755 },
		],
		["entries[0].mode (etc/f): ", { ...file, mode: "rwxr-xr-x" }],
		["entries[0].mode (etc/f): ", { ...file, mode: "0100644" }],
		[
			'entries[0].size (etc/f): not a manifest of an initrd; expected an integer from 0 to 4294967295; found "1"',
			{ ...file, size: "1" },
		],
		["entries[0].size (etc/f): ", { ...file, size: -1 }],
		["entries[0].uid (etc/f): ", { ...file, uid: 1.5 }],
		["entries[0].uid (etc/f): ", { ...file, uid: null }],
		[
			'entries[0].type (etc/f): not a manifest of an initrd; expected file, directory, symlink, character, block, fifo, socket, link; found "flie"',
			{ ...file, type: "flie" },
		],
		["entries[0].type (etc/f): ", { path: "etc/f" }],
		["entries[0].type (etc/f): ", { path: "etc/f", type: "constructor" }],
		["entries[0].path: ", { type: "file" }],
		[
			"entries[0].path (../x): not a manifest of an initrd; expected a path below the root, without ..",
			{ path: "../x", type: "file" },
		],
		["entries[0].path (/): ", { path: "/", type: "directory" }],
		["entries[0]: not a manifest of an initrd; expected an object", "etc/f"],
	])("%s", (message, entry) => {
		expect(() => manifest(entry)).toThrow(
			expect.objectContaining({
				code: "INITRD_MANIFEST",
				kind: "usage",
				message: expect.stringContaining(`m.json, field ${message}`),
			}),
		);
	});

	test.each(["etc/f", "/etc/f", "./etc//f", "etc/f/"])("%s twice", (path) => {
		expect(() => manifest({ path: "a", type: "file" }, file, { path, type: "fifo" })).toThrow(
			'm.json, field entries[2] (etc/f): not a manifest of an initrd; expected one entry of this path; found "another, entries[1]"',
		);
	});

	test("an unknown member beside the entries", () => {
		expect(() => asManifest({ format: manifestFormat, entries: [], entires: [] })).toThrow(
			/field entires: .*expected format and entries only/,
		);
	});
});

describe("a manifest written by hand", () => {
	const bytes = packCpio([
		{ kind: "file", name: "init", mode: 0o755, uid: 5, content: "x" },
		{ kind: "symlink", name: "sh", target: "init" },
	]);
	const verify = (...entries: unknown[]) =>
		verifyInitrd([bytes], { init: false, manifest: manifest(...entries) });

	test("what it does not say is not compared, what it says is", async () => {
		const sh = { path: "sh", type: "symlink" };
		const right = { path: "/init", type: "file", sha256: sha256.toUpperCase(), mode: "755" };
		expect((await verify(right, sh)).ok).toBe(true);
		for (const wrong of [{ mode: "0700" }, { size: 2 }, { sha256: "0".repeat(64) }, { uid: 0 }]) {
			const { ok, changes } = await verify({ ...right, ...wrong }, sh);
			expect([ok, changes.map(({ path }) => path)]).toEqual([false, ["init"]]);
		}
	});

	test("what it does not name must not be", async () => {
		const { ok, changes } = await verify({ path: "init", type: "file" });
		expect([ok, changes]).toEqual([false, [{ path: "sh", change: "added" }]]);
	});
});

test("what is written is read as it was, names of any bytes too", async () => {
	const entries: CpioEntry<never>[] = [
		{ kind: "file", name: Uint8Array.of(0xff, 0x5c), content: "x", mode: 0o4755 },
		{ kind: "link", name: "l", target: Uint8Array.of(0xff, 0x5c) },
		{ kind: "symlink", name: "s", target: Uint8Array.of(0x2e, 0x2e, 0x2f, 0x0a) },
		{ kind: "block", name: "b", major: 8, minor: 1 },
		{ kind: "fifo", name: "d/p" },
	];
	const made = manifestOf((await readRoot([packCpio(entries)], { digests: true })).root);
	const read = asManifest(JSON.parse(JSON.stringify(made)));
	expect(read).toEqual(made);
	expect(compareManifests(made, read)).toEqual([]);
});
