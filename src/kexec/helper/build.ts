// Builds the helper for both architectures with clang and lld. The committed binaries were made by the version in
// bin/compiler; another one gives other bytes, so that a rebuild is comparable only with the same.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { HelperArch } from "../binaries.ts";

const sources = new URL("../../../src/kexec/helper/", import.meta.url);

/** What both architectures share; each flag has its reason in CONTRACT.md's chapter on the build. */
const flags = [
	"-std=c11",
	"-Os",
	"-Wall",
	"-Wextra",
	"-Werror",
	"-ffreestanding",
	"-nostdlib",
	"-nostdinc",
	"-static",
	"-fno-pic",
	"-fno-pie",
	"-fno-stack-protector",
	"-fno-ident",
	"-fno-asynchronous-unwind-tables",
	"-fomit-frame-pointer",
	"-ffunction-sections",
	"-fdata-sections",
	"-ffile-prefix-map=.=helper",
	"-fuse-ld=lld",
	"-Wl,--gc-sections,--strip-all,--build-id=none,-z,noseparate-code,-z,noexecstack",
];

const own: Readonly<Record<HelperArch, readonly string[]>> = {
	x86_64: [],
	// No floating point, and no call into a library for atomics.
	aarch64: ["-mgeneral-regs-only", "-mno-outline-atomics"],
};

/** First line of `clang --version`: what the bytes depend on. */
export function compilerVersion(): string {
	return execFileSync("clang", ["--version"], { encoding: "utf8" }).split("\n", 1)[0] ?? "";
}

/** Compiles and links the helper for `arch` into `output`. */
export function buildHelper(arch: HelperArch, output: string): void {
	const files = readdirSync(sources)
		.filter((name) => name.endsWith(".c"))
		.sort();
	const target = `--target=${arch}-linux-gnu`;
	execFileSync("clang", [target, ...flags, ...own[arch], ...files, "-o", output], {
		cwd: fileURLToPath(sources),
		stdio: ["ignore", "inherit", "inherit"],
	});
}

if (
	process.argv[1] !== undefined &&
	realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)
) {
	const bin = fileURLToPath(new URL("bin/", sources));
	mkdirSync(bin, { recursive: true });
	for (const arch of ["x86_64", "aarch64"] as const) buildHelper(arch, `${bin}helper-${arch}`);
	writeFileSync(`${bin}compiler`, `${compilerVersion()}\n`);
}
