import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EkexecError, utf8 } from "../../src/bytes/index.ts";
import { libraryCheck, readElf } from "../../src/debian/index.ts";
import { type ElfShape, elf } from "./elves.ts";

const interpreter = "/lib64/ld-linux-x86-64.so.2";
const shape: ElfShape = {
	type: 2,
	interpreter,
	soname: "libself.so.1",
	needed: ["libc.so.6", "libm.so.6"],
	runpath: "/opt/lib:$ORIGIN/../lib",
	dlopen: '[{"feature":"tpm","priority":"suggested","soname":["libtss2.so.0","libtss2.so.1"]}]',
};

describe("ELF", () => {
	test.each([
		[64, false],
		[64, true],
		[32, false],
		[32, true],
	] as const)("%i bits, big-endian %s", (bits, big) => {
		expect(readElf(elf({ ...shape, bits, big }))).toEqual({
			bits,
			machine: bits === 64 ? 62 : 3,
			type: 2,
			interpreter,
			soname: "libself.so.1",
			needed: ["libc.so.6", "libm.so.6"],
			runpath: ["/opt/lib", "$ORIGIN/../lib"],
			dlopens: [
				{ feature: "tpm", priority: "suggested", sonames: ["libtss2.so.0", "libtss2.so.1"] },
			],
		});
	});

	test("what is no ELF file is none", () => {
		for (const bytes of [new Uint8Array(), utf8("#!/bin/sh\n"), utf8("\x7fEL")]) {
			expect(readElf(bytes)).toBeUndefined();
		}
	});

	test("a remark that is broken is no remark", () => {
		expect(readElf(elf({ ...shape, dlopen: "{" }))?.dlopens).toEqual([]);
		expect(readElf(elf({ ...shape, dlopen: '[{"soname":1},null]' }))?.dlopens).toEqual([]);
	});

	test("firmware of other machines is not looked into", () => {
		const foreign = elf({ ...shape, machine: 15 });
		expect(readElf(foreign.fill(0xff, 1024))).toMatchObject({ machine: 15, needed: [] });
	});

	test("whatever bytes are wrong, the answer is an Elf or an error that says so", () => {
		const whole = elf(shape);
		const spot = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
		fc.assert(
			fc.property(
				fc.array(spot, { minLength: 1, maxLength: 6 }),
				fc.nat(whole.length),
				(spots, length) => {
					const bytes = Uint8Array.from(whole);
					for (const [at, value] of spots) bytes[at % 1400] = value;
					try {
						readElf(bytes.subarray(0, length));
					} catch (error) {
						expect(error).toBeInstanceOf(EkexecError);
						expect(error).toMatchObject({ code: "DEBIAN_ELF" });
					}
				},
			),
			{ numRuns: 3000 },
		);
	});

	test.each<[string, number, number]>([
		["a class that is none", 4, 3],
		["a byte order that is none", 5, 0],
		["program headers of another size", 54, 1],
		["more program headers than sense", 57, 0xff],
		["a table beyond the end", 36, 0xff],
	])("%s is refused", (_, at, value) => {
		const bytes = elf(shape);
		bytes[at] = value;
		expect(() => readElf(bytes)).toThrow(expect.objectContaining({ code: "DEBIAN_ELF" }));
	});
});

/** A tree of files by name: ELF shapes, or targets of links. */
function missing(tree: Readonly<Record<string, ElfShape | string>>) {
	const check = libraryCheck();
	for (const [name, what] of Object.entries(tree)) {
		if (typeof what === "string")
			check.add({ name: utf8(name), kind: "symlink", target: utf8(what) });
		else check.add({ name: utf8(name), kind: "file", content: elf(what) });
	}
	return check.finish().missing.map(({ file, needs }) => `${file} ${needs}`);
}
const triplet = "usr/lib/x86_64-linux-gnu";
const libc = { [`${triplet}/libc.so.6`]: {}, "usr/lib64/ld-linux-x86-64.so.2": {} };

describe("libraries of a tree", () => {
	test("all there", () => {
		expect(missing({ "usr/bin/a": { interpreter, needed: ["libc.so.6"] }, ...libc })).toEqual([]);
	});

	test("a library and an interpreter that are missing are named, with their user", () => {
		expect(missing({ "usr/bin/a": { interpreter, needed: ["libc.so.6", "libx.so.1"] } })).toEqual([
			`usr/bin/a ${interpreter}`,
			"usr/bin/a libc.so.6",
			"usr/bin/a libx.so.1",
		]);
	});

	test("links are followed, to their end only", () => {
		const user = { "usr/bin/a": { needed: ["libx.so.1"] } };
		expect(
			missing({ ...user, [`${triplet}/libx.so.1`]: "libx.so.1.2", [`${triplet}/libx.so.1.2`]: {} }),
		).toEqual([]);
		expect(
			missing({ ...user, [`${triplet}/libx.so.1`]: "/usr/lib/other/x", "usr/lib/other/x": {} }),
		).toEqual([]);
		expect(
			missing({ ...user, [`${triplet}/libx.so.1`]: "../../../lib/x", "usr/lib/x": {} }),
		).toEqual([]);
		expect(missing({ ...user, [`${triplet}/libx.so.1`]: "gone" })).toHaveLength(1);
		expect(missing({ ...user, [`${triplet}/libx.so.1`]: "libx.so.1" })).toHaveLength(1);
	});

	test("a library for another machine does not count, nor one in a folder nobody searches", () => {
		const user = { "usr/bin/a": { needed: ["libx.so.1"] } };
		expect(missing({ ...user, "usr/lib/libx.so.1": { bits: 32 } })).toHaveLength(1);
		expect(missing({ ...user, "opt/libx.so.1": {} })).toHaveLength(1);
	});

	test("folders of its own, from the file's place or from the root", () => {
		const at = (runpath: string) => ({
			"opt/app/bin/a": { needed: ["libx.so.1"], runpath },
			"opt/app/lib/libx.so.1": {},
		});
		expect(missing(at("$ORIGIN/../lib"))).toEqual([]);
		// biome-ignore lint/suspicious/noTemplateCurlyInString: as ld.so(8) writes it
		expect(missing(at("${ORIGIN}/../lib"))).toEqual([]);
		expect(missing(at("/opt/app/lib"))).toEqual([]);
		expect(missing(at("/opt/app"))).toHaveLength(1);
	});

	test("what all users of a library have loaded, it has", () => {
		const inner = {
			"usr/lib/app/libshared.so": {},
			[`${triplet}/libcore.so`]: { needed: ["libshared.so"] },
		};
		const good = { needed: ["libcore.so", "libshared.so"], runpath: "/usr/lib/app" };
		expect(missing({ ...inner, "usr/bin/a": good })).toEqual([]);
		expect(
			missing({ ...inner, "usr/bin/a": good, "usr/bin/b": { needed: ["libcore.so"] } }),
		).toEqual([`${triplet}/libcore.so libshared.so`]);
	});

	test("kernel modules and objects are linked by nobody", () => {
		expect(missing({ "usr/lib/x.ko": { type: 1, needed: ["libx.so.1"] } })).toEqual([]);
	});

	test("hard links are files, and what is removed is missing", () => {
		const check = libraryCheck();
		check.add({ name: utf8("usr/bin/a"), kind: "file", content: elf({ needed: ["libx.so.1"] }) });
		check.add({ name: utf8(`${triplet}/real`), kind: "file", content: elf({}) });
		check.add({
			name: utf8(`${triplet}/libx.so.1`),
			kind: "link",
			target: utf8(`${triplet}/real`),
		});
		expect(check.finish().missing).toEqual([]);
		expect(check.users("libx.so.1")).toEqual(["usr/bin/a"]);
		check.remove(utf8(`${triplet}/libx.so.1`));
		expect(check.finish().missing).toEqual([
			{ file: "usr/bin/a", needs: "libx.so.1", how: "needed" },
		]);
	});

	test("libraries opened at run time are told apart, any of several will do", () => {
		const dlopen = '[{"feature":"f","priority":"recommended","soname":["liba.so","libb.so"]}]';
		const check = libraryCheck();
		check.add({ name: utf8("usr/bin/a"), kind: "file", content: elf({ dlopen }) });
		expect(check.finish()).toEqual({
			missing: [],
			optional: [
				{ file: "usr/bin/a", needs: "liba.so | libb.so", how: "recommended", feature: "f" },
			],
		});
		check.add({ name: utf8("usr/lib/libb.so"), kind: "file", content: elf({}) });
		expect(check.finish().optional).toEqual([]);
	});
});
