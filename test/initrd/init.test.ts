import { describe, expect, test } from "vitest";
import { type CpioEntry, packCpio } from "../../src/cpio/index.ts";
import { type Program, verifyInitrd } from "../../src/initrd/index.ts";
import { programOf } from "../../src/initrd/program.ts";
import { elf } from "./programs.ts";

const program = (name: string, content: Uint8Array | string, mode = 0o755): CpioEntry<never> => ({
	kind: "file",
	name,
	content,
	mode,
});
const symlink = (name: string, target: string): CpioEntry<never> => ({
	kind: "symlink",
	name,
	target,
});
/** What verify has to say of /init, in small pieces as in one. */
async function told(...entries: CpioEntry<never>[]): Promise<string[]> {
	const bytes = packCpio(entries);
	const pieces: Uint8Array[] = [];
	for (let at = 0; at < bytes.length; at += 100) pieces.push(bytes.subarray(at, at + 100));
	const [one, many] = [await verifyInitrd([bytes]), await verifyInitrd(pieces)];
	expect(many.problems).toEqual(one.problems);
	return one.problems.map((p) => `${p.level} ${p.code} ${p.path}: ${p.message}`);
}
const linker = "/lib64/ld-linux-x86-64.so.2";

describe("/init can be run", () => {
	test("a static program", async () => {
		expect(await told(program("init", elf()))).toEqual([]);
	});

	test("a script whose interpreter is there, by way of symlinks", async () => {
		const entries = [
			program("init", "#! \t/bin/sh -e\n"),
			symlink("bin", "usr/bin"),
			symlink("usr/bin/sh", "/bin/busybox"),
			program("usr/bin/busybox", elf()),
		];
		expect(await told(...entries)).toEqual([]);
	});

	test("a program that is linked dynamically, with usr merged", async () => {
		const entries = [
			symlink("init", "usr/lib/systemd/systemd"),
			symlink("lib64", "usr/lib64"),
			program("usr/lib/systemd/systemd", elf(linker)),
			symlink("usr/lib64/ld-linux-x86-64.so.2", "../lib/ld.so"),
			program("usr/lib/ld.so", elf()),
		];
		expect(await told(...entries)).toEqual([]);
	});

	test("of an initrd in several archives the last /init counts", async () => {
		const bytes = Buffer.concat([
			packCpio([program("init", "#!/gone\n")]),
			packCpio([program("init", elf())]),
		]);
		expect((await verifyInitrd([bytes])).problems).toEqual([]);
	});
});

describe("/init cannot be run", () => {
	test.each<[string, CpioEntry<never>[], string]>([
		[
			"the interpreter is missing",
			[program("init", "#!/bin/sh\n")],
			"it needs /bin/sh, which is not in the initrd (error -2)",
		],
		[
			"a line that ends as on Windows",
			[program("init", "#!/bin/sh\r\n"), program("bin/sh", elf())],
			"it needs /bin/sh\\x0d, which is not in the initrd (error -2)",
		],
		[
			"the interpreter is a symlink to nothing",
			[program("init", "#!/bin/sh\n"), symlink("bin/sh", "busybox")],
			"it needs /bin/sh, which is not in the initrd (error -2)",
		],
		[
			"the dynamic linker is missing",
			[program("init", elf(linker))],
			`it needs ${linker}, which is not in the initrd (error -2)`,
		],
		[
			"the dynamic linker of the interpreter is missing",
			[program("init", "#!/bin/sh\n"), program("bin/sh", elf(linker))],
			`/bin/sh needs ${linker}, which is not in the initrd (error -2)`,
		],
		[
			"the interpreter is not executable",
			[program("init", "#!/bin/sh\n"), program("bin/sh", elf(), 0o644)],
			"it needs /bin/sh, which is no executable file (error -13)",
		],
		[
			"the interpreter is a folder",
			[program("init", "#!/bin\n"), program("bin/sh", elf())],
			"it needs /bin, which is no executable file (error -13)",
		],
		[
			"a script that interprets itself",
			[program("init", "#!/init\n")],
			"its interpreters are scripts, more than 5 deep (error -40)",
		],
	])("%s", async (_what, entries, why) => {
		expect(await told(...entries)).toEqual([
			`error VERIFY_INTERPRETER /init: cannot be run: ${why}`,
		]);
	});

	test.each(["echo hello\n", "#!\n", "#! \t\n", Uint8Array.of(0x7f, 0x45)])(
		"%j is neither program nor script",
		async (content) => {
			expect(await told(program("init", content))).toEqual([
				"warning VERIFY_INIT_FORMAT /init: is neither an ELF program nor a script that begins with #! and an interpreter: hardly a kernel runs it (error -8)",
			]);
		},
	);

	const neither =
		"neither an ELF program nor a script that begins with #! and an interpreter: hardly a kernel runs it (error -8)";
	test.each<[string, CpioEntry<never>[]]>([
		["#!/bin/sh\n", []],
		["#!/bin/other\n", [program("bin/other", "#!/bin/sh\n")]],
	])("an interpreter that is no program itself: %j", async (content, others) => {
		const entries = [program("init", content), program("bin/sh", "echo hello\n"), ...others];
		expect(await told(...entries)).toEqual([
			`warning VERIFY_INIT_FORMAT /init: its interpreter /bin/sh is ${neither}`,
		]);
	});

	test.each(["text", "#!/bin/sh\n"])("a dynamic linker that is no ELF: %j", async (content) => {
		const entries = [program("init", elf(linker)), program(linker, content)];
		expect(await told(...entries)).toEqual([
			`error VERIFY_INTERPRETER /init: cannot be run: it needs ${linker}, which is no ELF program (error -80)`,
		]);
	});

	test("a layer without /init is not asked for one", async () => {
		const bytes = packCpio([program("init", "#!/bin/sh\n")]);
		expect((await verifyInitrd([bytes], { init: false })).ok).toBe(true);
	});
});

describe("programOf", () => {
	test.each([
		[true, true],
		[true, false],
		[false, true],
		[false, false],
	])("ELF, 64 bits %s, little-endian %s", (wide, little) => {
		const expected: Program = { kind: "elf", interpreter: "/lib/ld.so" };
		expect(programOf(elf("/lib/ld.so", { wide, little }))).toEqual(expected);
		expect(programOf(elf(undefined, { wide, little }))?.interpreter).toBeUndefined();
	});

	test("whatever is cut off or lies elsewhere is not known", () => {
		const whole = elf("/lib/ld.so");
		for (let length = 4; length < 522; length++) {
			expect(programOf(whole.subarray(0, length))).toEqual({ kind: "elf", interpreter: undefined });
		}
		expect(programOf(whole.subarray(0, 523))?.interpreter).toBe("/lib/ld.so");
	});

	test.each([0, 1, 55, 57, 0xffff])("a table with entries of %i bytes is not looked at", (size) => {
		const bytes = Buffer.from(elf("/lib/ld.so"));
		// The first entry is the one that is looked for.
		bytes.writeUInt32LE(64 + 56, 32);
		expect(programOf(bytes)?.interpreter).toBe("/lib/ld.so");
		bytes.writeUInt16LE(size, 54);
		expect(programOf(bytes)).toEqual({ kind: "elf", interpreter: undefined });
	});

	test("of a script the kernel reads 256 bytes", () => {
		const long = programOf(Buffer.from(`#!/${"x".repeat(300)}\n`));
		expect(long?.interpreter?.length).toBe(254);
	});
});
