// tsx src/compress/lzma2/build.ts: compiles lzma2.c and writes module.ts. Needs clang and lld.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const flags =
	"--target=wasm32 -O3 -std=c11 -Wall -Wextra -Werror -nostdlib -mbulk-memory -Wl,--no-entry -Wl,--import-memory -Wl,--strip-all -Wl,-z,stack-size=4096";

/** The module's bytes, made on this machine. */
export function buildLzma2(): Uint8Array {
	const folder = mkdtempSync(join(tmpdir(), "ekexec-wasm-"));
	try {
		const output = join(folder, "lzma2.wasm");
		execFileSync("clang", [...flags.split(" "), "-o", output, join(here, "lzma2.c")], {
			stdio: "inherit",
		});
		return new Uint8Array(readFileSync(output));
	} finally {
		rmSync(folder, { recursive: true });
	}
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const lines =
		Buffer.from(buildLzma2())
			.toString("base64")
			.match(/.{1,92}/g) ?? [];
	writeFileSync(
		join(here, "module.ts"),
		`// lzma2.c, compiled by build.ts: in here, so that it is found wherever this program is put.\nconst base64 = \`\n${lines.join("\n")}\`;\n\n/** The WebAssembly module. */\nexport const lzma2Module: Uint8Array = Buffer.from(base64, "base64");\n`,
	);
}
