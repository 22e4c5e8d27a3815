import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { codecs } from "../../src/compress/index.ts";
import { type CpioEntry, packCpio } from "../../src/cpio/index.ts";
import { scanInitrd, verifyInitrd } from "../../src/initrd/index.ts";
import { rawEntry, trailer } from "./raw-entry.ts";

const fixture = (name: string): Uint8Array =>
	readFileSync(fileURLToPath(new URL(`../../fixtures/cpio/hostile/${name}.cpio`, import.meta.url)));
async function gzip(...parts: Uint8Array[]): Promise<Buffer> {
	const packed: Uint8Array[] = [];
	for await (const chunk of codecs.gzip.compress(parts)) packed.push(chunk);
	return Buffer.concat(packed);
}
const verify = (bytes: Uint8Array) => verifyInitrd([bytes], { init: false, where: "x.img" });
const file = (name: string, content = "x"): CpioEntry<never> => ({ kind: "file", name, content });
const good = packCpio([file("good")]);
const paths = async (bytes: Uint8Array) =>
	(await verify(bytes)).found.entries.map(({ path, type }) => `${path} ${type}`);

describe("what the kernel skips in silence does not end it", () => {
	const silence = "the kernel skips it in silence";
	test.each<[string, string]>([
		["namesize-0", `error: name has no possible size; expected 1 to 4096; found 0: ${silence}`],
		[
			"namesize-4097",
			`error: name has no possible size; expected 1 to 4096; found 4097: ${silence}`,
		],
		["name-empty", `error: name is empty: ${silence}`],
		["directory-with-data", `error d: a directory has data; expected 0; found 4: ${silence}`],
		["device-with-data", `error d: a character device has data; expected 0; found 4: ${silence}`],
		[
			"symlink-4097",
			`error l: symlink target has no possible size; expected 1 to 4096; found 4097: ${silence}`,
		],
		[
			"symlink-empty",
			"error l: symlink target has no possible size; expected 1 to 4096; found 0: the kernel removes what has its name and makes nothing of use",
		],
		[
			"mode-unknown",
			"error a: type of the entry is unknown; expected a type of inode(7); found 0170644: the kernel removes what has its name and makes nothing of use",
		],
		["symlink-nul", "warning l: symlink target holds a NUL: the kernel reads up to the NUL"],
		[
			"name-hidden",
			"warning a: something is hidden behind the name's NUL; expected only NULs; found byte 0x62: the kernel reads up to the NUL",
		],
	])("%s", async (name, expected) => {
		for (const whole of [Buffer.concat([fixture(name), good]), await gzip(fixture(name), good)]) {
			const { ok, problems } = await verify(whole);
			const [problem] = problems;
			const path = problem?.path === undefined ? "" : ` ${problem.path}`;
			expect(`${problem?.level}${path}: ${problem?.message}`).toBe(expected);
			expect(problems.length).toBe(1);
			expect(ok).toBe(problem?.level === "warning");
			expect(await paths(whole)).toContain("good file");
		}
	});

	test("what has the name of such an entry is gone, if the kernel removes it", async () => {
		const first = packCpio([file("a"), file("b"), { kind: "directory", name: "l" }]);
		const found = await paths(
			Buffer.concat([first, fixture("mode-unknown"), fixture("symlink-empty")]),
		);
		expect(found).toEqual(["b file"]);
	});

	test("a name longer than NAME_MAX", async () => {
		const bytes = packCpio([file(`${"n".repeat(255)}/x`)]);
		const name = `${"n".repeat(256)}x`;
		bytes.set(Buffer.from(name), Buffer.from(bytes).lastIndexOf(`/x`) - 255);
		const { ok, problems } = await verify(Buffer.concat([bytes, good]));
		expect(problems).toMatchObject([{ level: "error", code: "VERIFY_NAME_TOO_LONG", path: name }]);
		expect(problems[0]?.message).toBe(
			`a part of its name is longer than 255 bytes (NAME_MAX): ${silence}`,
		);
		expect(ok).toBe(false);
	});

	test("a hard link to what is gone", async () => {
		const bytes = Buffer.concat([
			packCpio([
				file("a"),
				{ kind: "link", name: "b", target: "a" },
				{ kind: "link", name: "z", target: "a" },
			]),
		]);
		// The second name becomes a folder's, whose first name the archive calls a.
		const at = bytes.indexOf("070701", 6);
		const folder = packCpio([{ kind: "directory", name: "a" }]).subarray(0, 112);
		const whole = Buffer.concat([bytes.subarray(0, at), folder, bytes.subarray(at)]);
		expect((await verify(whole)).problems.map(({ code, path }) => [code, path])).toEqual([
			["VERIFY_LINK", "b"],
			["VERIFY_LINK", "z"],
			["VERIFY_REPLACED", "a"],
		]);
	});

	test("a plain scan throws", async () => {
		const bytes = Buffer.concat([fixture("directory-with-data"), good]);
		await expect(scanInitrd([bytes])).rejects.toMatchObject({ code: "CPIO_SIZE" });
	});
});

describe("an archive without trailer", () => {
	const open = fixture("no-trailer");

	test("is whole, with a warning", async () => {
		for (const bytes of [open, await gzip(open)]) {
			const { ok, problems, found } = await verify(bytes);
			expect(ok).toBe(true);
			expect(problems).toMatchObject([{ level: "warning", code: "CPIO_NO_TRAILER" }]);
			expect(found.entries.length).toBe(1);
		}
		const names: string[] = [];
		const event = (event: { type: string; entry?: { name: Uint8Array } }) => {
			if (event.type === "entry") names.push(Buffer.from(event.entry?.name ?? []).toString());
		};
		await scanInitrd([open], { event });
		expect(names).toEqual(["a"]);
	});

	test("something compressed may follow it", async () => {
		const bytes = Buffer.concat([open, await gzip(good)]);
		const { ok, segments } = await verify(bytes);
		expect([ok, segments.map(({ kind, offset }) => `${kind} ${offset}`)]).toEqual([
			true,
			["none 0", `gzip ${open.length}`],
		]);
	});

	test("NULs behind it look like a file that was never whole: an error, and no list", async () => {
		const bytes = Buffer.concat([open, Buffer.alloc(512), good]);
		const { ok, problems } = await verify(bytes);
		expect(ok).toBe(false);
		expect(problems).toEqual([
			{
				level: "error",
				code: "CPIO_MAGIC",
				message:
					"no newc header where one must be; expected another entry or TRAILER!!!; found NULs: the kernel goes on behind them, but what was to stand here is lost",
				segment: 0,
				offset: open.length,
			},
		]);
		expect(await paths(bytes)).toEqual(["a file", "good file"]);
		await expect(scanInitrd([bytes])).rejects.toMatchObject({ code: "CPIO_MAGIC" });
	});
});

describe("places and ends", () => {
	test("the file is named, whatever is wrong; unpacked offsets are told as such", async () => {
		const broken = await gzip(good);
		const cut = await verify(broken.subarray(0, broken.length - 2));
		expect(cut.problems[0]?.message).toMatch(
			/^x\.img, offset \d+, .*unpacks nothing from here on\.$/,
		);
		expect(cut.problems[0]?.unpacked).toBeUndefined();
		const inside = await verify(await gzip(fixture("magic-later")));
		expect(inside.problems).toMatchObject([{ code: "CPIO_MAGIC", offset: 116, unpacked: true }]);
		expect(inside.problems[0]?.message).toMatch(
			/^x\.img, segment 0 \(gzip, from offset 0\), unpacked, offset 116, /,
		);
		const orphan = await verify(await gzip(fixture("parent-missing")));
		expect(orphan.problems).toMatchObject([{ segment: 0, offset: 0, unpacked: true }]);
		expect((await verify(fixture("parent-missing"))).problems[0]?.unpacked).toBeUndefined();
		// Without a name, too.
		const nameless = await verifyInitrd([await gzip(fixture("magic-later"))]);
		expect(nameless.problems[0]?.message).toMatch(/^segment 0 \(gzip, from offset 0\), unpacked, /);
	});

	test("where kernels may go on it says only that nothing was looked at", async () => {
		const { problems } = await verify(fixture("trailer-with-data"));
		expect(problems[0]?.message).toMatch(/ Nothing was looked at from here on\.$/);
	});
});

test("an archive behind itself replaces nothing by another type", async () => {
	const one = packCpio([
		file("a"),
		{ kind: "link", name: "b", target: "a" },
		{ kind: "symlink", name: "s", target: "a" },
		{ kind: "directory", name: "d" },
	]);
	expect((await verify(Buffer.concat([one, one]))).problems).toEqual([]);
	const other = packCpio([file("p"), { kind: "link", name: "d", target: "p" }]);
	expect((await verify(Buffer.concat([one, other]))).problems).toMatchObject([
		{ code: "VERIFY_REPLACED", path: "d" },
	]);
});

describe("070702, which older kernels refuse", () => {
	test.each<CpioEntry<never>>([
		file("a"),
		{ kind: "directory", name: "a" },
		{ kind: "symlink", name: "a", target: "b" },
		{ kind: "fifo", name: "a" },
	])("is told once a segment, whatever is in it: $kind", async (entry) => {
		const bytes = packCpio([entry, { ...entry, name: "b" }], { format: "crc" });
		const { ok, problems } = await verify(Buffer.concat([good, bytes, await gzip(bytes, bytes)]));
		expect([ok, problems]).toEqual([
			true,
			[
				{ segment: 1, offset: good.length },
				{ segment: 2, offset: 0, unpacked: true },
			].map((place) => ({
				level: "warning",
				code: "VERIFY_CRC_FORMAT",
				message: "written as 070702, which kernels before 6.2 refuse",
				...place,
			})),
		]);
	});
});

describe("no warnings hide an error", () => {
	const entries = Array.from({ length: 1500 }, (_, i) => rawEntry(`../f${i}`));
	const odd = Buffer.concat([...entries, trailer()]);

	test("a thousand of them are listed, and all are warnings", async () => {
		const { ok, problems, omitted } = await verify(odd);
		expect([ok, problems.length, omitted]).toEqual([true, 1000, 500]);
	});

	test.each<[string, Uint8Array, Parameters<typeof verifyInitrd>[1], string]>([
		["a digest", odd, { init: false, sha256: "0".repeat(64) }, "VERIFY_SHA256"],
		["a cut", odd.subarray(0, -130), { init: false }, "CPIO_TRUNCATED"],
		["no /init", odd, {}, "VERIFY_NO_INIT"],
	])("%s", async (_what, bytes, options, code) => {
		const { ok, problems, omitted } = await verifyInitrd([bytes], options);
		expect([ok, problems.length, problems[0]?.code, problems[0]?.level]).toEqual([
			false,
			1000,
			code,
			"error",
		]);
		expect(omitted).toBeGreaterThan(0);
		expect(problems.slice(1).every(({ level }) => level === "warning")).toBe(true);
	});
});
