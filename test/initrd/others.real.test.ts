import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { microcodeArchive } from "../../src/cpio/index.ts";
import { extractInitrd, fileChunks, scanInitrd, verifyInitrd } from "../../src/initrd/index.ts";
import { find, missing } from "../support/programs.ts";
import { pathsBelow, scratch } from "./tree-on-disk.ts";

const place = scratch();
afterAll(() => place.remove());
const at = (name: string) => join(place.path, name);
// By its path: the command runs in another folder.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const version = "6.1.0-ekexec";
const list = (file: string) =>
	execFileSync(process.execPath, ["--import", tsx, main, "initrd", "list", at(file)], {
		maxBuffer: 2 ** 26,
	}).toString("latin1");
const lsinitramfs = (file: string) =>
	execFileSync(find("lsinitramfs") ?? "", [at(file)], {
		maxBuffer: 2 ** 26,
		stdio: ["ignore", "pipe", "ignore"],
	}).toString("latin1");

const root = process.getuid?.() === 0 ? "" : "not root";
const lackDebian =
	missing("mkinitramfs", "lsinitramfs", "unshare", "depmod", "cpio", "gzip", "xz") || root;

describe.skipIf(lackDebian)(`initrds made by initramfs-tools ${lackDebian}`, () => {
	beforeAll(() => {
		mkdirSync(at(`modules/${version}`), { recursive: true });
		for (const name of ["modules.order", "modules.builtin", "modules.builtin.modinfo"])
			writeFileSync(at(`modules/${version}/${name}`), "");
		mkdirSync(at("boot"));
		writeFileSync(at(`boot/config-${version}`), "CONFIG_RD_GZIP=y\nCONFIG_RD_XZ=y\n");
		// It looks into /lib/modules and /boot: those are ours in a mount namespace of its own.
		mkdirSync("/lib/modules", { recursive: true });
		const words = `mount --bind ${at("modules")} /lib/modules && mount --bind ${at("boot")} /boot && mkinitramfs -c gzip -o ${at("deb.img")} ${version}`;
		execFileSync("unshare", ["-m", "sh", "-c", words], { stdio: "ignore", timeout: 110_000 });
	});

	test("list prints what lsinitramfs prints", () => {
		const expected = lsinitramfs("deb.img");
		expect(expected.split("\n").length).toBeGreaterThan(50);
		expect(list("deb.img")).toBe(expected);
	});

	test("with early microcode in front and an xz segment behind, too", async () => {
		const early = microcodeArchive({
			amd: Buffer.from("DMA\0 made up"),
			intel: Buffer.alloc(2048, 1),
		});
		const tail = execFileSync("xz", ["--check=crc32", "-0"], {
			input: readFileSync(new URL("../../fixtures/cpio/own/tree.cpio", import.meta.url)),
		});
		writeFileSync(at("early.img"), Buffer.concat([early, readFileSync(at("deb.img"))]));
		writeFileSync(at("three.img"), Buffer.concat([readFileSync(at("early.img")), tail]));
		expect(list("early.img")).toBe(lsinitramfs("early.img"));
		const segments = await scanInitrd(fileChunks(at("three.img")));
		expect(segments.map(({ kind }) => kind)).toEqual(["none", "gzip", "xz"]);
	});

	test("verify finds nothing wrong, extract gives what cpio gives", async () => {
		const result = await verifyInitrd(fileChunks(at("deb.img")));
		expect(result.problems).toEqual([]);
		await extractInitrd(fileChunks(at("deb.img")), at("ours"));
		mkdirSync(at("theirs"));
		execFileSync("sh", ["-c", `zcat ${at("deb.img")} | cpio -idm --quiet`], { cwd: at("theirs") });
		expect(pathsBelow(at("ours"))).toEqual(pathsBelow(at("theirs")));
		execFileSync("diff", ["-r", "--no-dereference", at("ours"), at("theirs")]);
	});
});

const lackDracut = missing("dracut", "lsinitramfs", "cpio", "gzip") || root;

describe.skipIf(lackDracut)(`an initrd made by dracut ${lackDracut}`, () => {
	test("with early microcode: list prints what lsinitramfs prints, verify finds nothing wrong", async () => {
		mkdirSync(at("fw/amd-ucode"), { recursive: true });
		writeFileSync(at("fw/amd-ucode/microcode_amd.bin"), "DMA\0 made up");
		const words = [
			"--no-kernel",
			"--force",
			"--no-hostonly",
			"--modules",
			"base",
			"--early-microcode",
			"--fwdir",
			at("fw"),
			"--gzip",
			at("dracut.img"),
			version,
		];
		execFileSync("dracut", words, { stdio: "ignore", timeout: 110_000 });
		const segments = await scanInitrd(fileChunks(at("dracut.img")));
		expect(segments.map(({ kind }) => kind)).toEqual(["none", "gzip"]);
		expect(list("dracut.img")).toBe(lsinitramfs("dracut.img"));
		expect((await verifyInitrd(fileChunks(at("dracut.img")))).problems).toEqual([]);
	});
});
