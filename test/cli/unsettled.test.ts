import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
/** From now on nobody is told whether a file is there. */
const silence = `data:text/javascript,${encodeURIComponent(
	`import fs from "node:fs/promises";
	import { syncBuiltinESMExports } from "node:module";
	fs.stat = () => new Promise(() => {});
	syncBuiltinESMExports();`,
)}`;

test("a process that waits for what cannot come says that it is a bug", () => {
	const words = ["--import", "tsx", "--import", silence, main, "initrd", "pack", ".", "-o", "x"];
	const { status, stderr } = spawnSync(process.execPath, words, {
		encoding: "utf8",
		cwd: fileURLToPath(new URL("../..", import.meta.url)),
		timeout: 20_000,
	});
	expect(stderr).toContain("a bug of ekexec itself");
	expect(status).toBe(70);
});

test.skipIf(process.platform !== "linux")("output that the disk does not take is told", () => {
	const full = openSync("/dev/full", "w");
	const { status, stderr } = spawnSync(
		process.execPath,
		["--import", "tsx", main, "completion", "bash"],
		{
			encoding: "utf8",
			cwd: fileURLToPath(new URL("../..", import.meta.url)),
			stdio: ["ignore", full, "pipe"],
			timeout: 20_000,
		},
	);
	closeSync(full);
	expect([status, stderr]).toEqual([
		4,
		"ekexec: standard output: cannot write: ENOSPC. The disk is full.\n",
	]);
});
