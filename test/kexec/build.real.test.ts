// The committed binaries are what the sources say, and what they claim to be.
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { toHex } from "../../src/bytes/index.ts";
import { trampoline as arm64Trampoline } from "../../src/kexec/arm64-load.ts";
import { buildHelper, compilerVersion } from "../../src/kexec/helper/build.ts";
import { type HelperArch, helperFile } from "../../src/kexec/index.ts";
import { trampoline as x86Trampoline } from "../../src/kexec/x86-load.ts";
import { missing } from "../support/programs.ts";

const arches = ["x86_64", "aarch64"] as const satisfies readonly HelperArch[];
const source = (name: string) =>
	fileURLToPath(new URL(`../../src/kexec/helper/${name}`, import.meta.url));
const recorded = readFileSync(source("bin/compiler"), "utf8").trim();

/** Every path that the helper itself names. */
const known = [
	"/proc/self/exe",
	"/proc/self/fd/",
	"/proc/self/oom_score_adj",
	"/usr/sbin",
	"/usr/bin",
	"/dev/kmsg",
	"/dev/null",
	"/sys/kernel/kexec_loaded",
	"/usr/bin/systemctl",
	"/bin/systemctl",
	"/run/current-system/sw/bin/systemctl",
];

const looks = missing("file", "strings", "readelf");
describe.skipIf(looks !== "")(`the committed helpers ${looks}`, () => {
	test.each(arches)("%s: static, small, no writable code, no trace of who built it", (arch) => {
		const path = fileURLToPath(helperFile(arch));
		const kind = execFileSync("file", ["-b", path], { encoding: "utf8" });
		expect(kind).toContain(arch === "x86_64" ? "x86-64" : "ARM aarch64");
		expect(kind).toContain("statically linked, stripped");
		// Tens of kilobytes, as the upload before everything else should be.
		expect(statSync(path).size).toBeLessThan(64 * 1024);
		const headers = execFileSync("readelf", ["-lW", path], { encoding: "utf8" });
		expect(headers).not.toMatch(/RWE/);
		expect(headers).toMatch(/GNU_STACK.* RW /);
		expect(headers).not.toMatch(/INTERP|DYNAMIC/);
		const strings = execFileSync("strings", ["-a", "-n", "4", path], { encoding: "utf8" });
		expect(strings).not.toMatch(/clang|LLVM|\.[chS]\b/);
		// Whoever built it lives in some folder; the helper knows only those of the target.
		const paths = strings.match(/\/[a-z]+\/[\w./-]+/g) ?? [];
		expect(paths.filter((path) => !known.includes(path))).toEqual([]);
	});
});

const builds = missing("clang", "ld.lld");
const other =
	builds === "" && compilerVersion() !== recorded ? `another compiler than ${recorded}` : "";
describe.skipIf(builds !== "" || other !== "")(`a rebuild ${builds}${other}`, () => {
	const folder = join(tmpdir(), `ekexec-build-${randomUUID()}`);
	beforeAll(() => {
		mkdirSync(folder);
	});
	afterAll(() => {
		rmSync(folder, { recursive: true });
	});
	test.each(arches)("%s is byte-identical", (arch) => {
		const path = join(folder, arch);
		buildHelper(arch, path);
		expect(readFileSync(path).equals(readFileSync(helperFile(arch)))).toBe(true);
	});
	test.each([
		["x86_64", x86Trampoline],
		["aarch64", arm64Trampoline],
	] as const)("%s: the trampoline is what its source assembles to", (arch, known) => {
		const path = join(folder, `trampoline-${arch}`);
		const link = "-Wl,--build-id=none,--oformat=binary,-Ttext=0";
		const words = [`--target=${arch}-linux-gnu`, "-nostdlib", "-static", "-fuse-ld=lld", link];
		execFileSync("clang", [...words, source(`trampoline-${arch}.S`), "-o", path]);
		const bytes = new Uint8Array(readFileSync(path));
		expect(toHex(bytes.subarray(0, known.length / 2))).toBe(known);
		expect(bytes.subarray(known.length / 2).every((byte) => byte === 0)).toBe(true);
	});
});
