import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { sha256 } from "./make.ts";
import { scratch, serve } from "./mini.ts";

const child = fileURLToPath(new URL("./download.child.ts", import.meta.url));

describe("a file system that takes no more", () => {
	test("in the middle of a write: what is short is not kept as whole", async () => {
		const content = Buffer.alloc(300_000, "ekexec ");
		const server = await serve(new Map([["file", content]]));
		const words = [`${server.url}file`, "300000", sha256(content), await scratch()];
		const ends = async (blocks: string) => {
			// Of 512 bytes, says POSIX. The limit cuts a write short, as a full disk does.
			const script = `ulimit -f ${blocks}; exec "$0" "$@"`;
			const node = [process.execPath, "--import", "tsx", child, ...words];
			return (await promisify(execFile)("sh", ["-c", script, ...node], { timeout: 60_000 })).stdout;
		};
		expect(await ends("585")).toMatch(/^DEBIAN_CACHE EFBIG/);
		expect(await ends("unlimited")).toBe("false\n");
	});
});
