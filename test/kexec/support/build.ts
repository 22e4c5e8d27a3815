import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Compiles one of the C programs beside this file, statically and without a library. */
export function buildProgram(name: string, arch: "x86_64" | "aarch64", output: string): void {
	const flags = [
		"-std=c11",
		"-Os",
		"-Wall",
		"-Werror",
		"-ffreestanding",
		"-nostdlib",
		"-static",
		"-fno-pic",
	];
	const own = arch === "aarch64" ? ["-mgeneral-regs-only", "-mno-outline-atomics"] : [];
	const source = fileURLToPath(new URL(`${name}.c`, import.meta.url));
	execFileSync(
		"clang",
		[
			`--target=${arch}-linux-gnu`,
			...flags,
			...own,
			"-fno-stack-protector",
			"-fuse-ld=lld",
			source,
			"-o",
			output,
		],
		{ stdio: ["ignore", "inherit", "inherit"] },
	);
}
