import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
	chmodSync,
	chownSync,
	closeSync,
	cpSync,
	existsSync,
	linkSync,
	lutimesSync,
	mkdirSync,
	openSync,
	readFileSync,
	symlinkSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { extractInitrd, fileChunks, packInitrd, walk } from "../../src/initrd/index.ts";
import { missing } from "../support/programs.ts";
import { pathsBelow, type SnapshotOptions, scratch, snapshot } from "./tree-on-disk.ts";

const place = scratch();
const at = (name: string) => join(place.path, name);
const root = process.getuid?.() === 0;
// By its path: the command runs in another folder.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const ekexec = (...words: string[]) =>
	execFileSync(process.execPath, ["--import", tsx, main, ...words], {
		cwd: place.path,
		stdio: ["ignore", "pipe", "pipe"],
	});

/** Thousands of real files, some of which are odd. */
beforeAll(() => {
	const sources = ["perl", "zoneinfo", "vim", "doc", "man", "i18n"].map(
		(name) => `/usr/share/${name}`,
	);
	mkdirSync(at("tree"));
	for (const source of sources.filter(existsSync)) {
		cpSync(source, at(`tree/${source.slice(11)}`), {
			recursive: true,
			verbatimSymlinks: true,
			preserveTimestamps: true,
		});
		if (pathsBelow(at("tree")).length > 1000) break;
	}
	const odd = at("tree/odd");
	mkdirSync(odd);
	writeFileSync(join(odd, "su"), "#!", { mode: 0o755 });
	chmodSync(join(odd, "su"), 0o4755);
	writeFileSync(
		Buffer.concat([Buffer.from(`${odd}/`), Buffer.of(0xe4, 0x20, 0x0a)]),
		"name that is no text",
	);
	writeFileSync(join(odd, "a"), "linked");
	for (const name of ["b", "c"]) linkSync(join(odd, "a"), join(odd, name));
	writeFileSync(join(odd, "empty-a"), "");
	linkSync(join(odd, "empty-a"), join(odd, "empty-b"));
	writeFileSync(join(odd, "block"), Buffer.alloc(5_000_000, "block"));
	symlinkSync("x".repeat(4000), join(odd, "long"));
	mkdirSync(join(odd, "sticky"));
	chmodSync(join(odd, "sticky"), 0o1777);
	execFileSync("mkfifo", [join(odd, "fifo")]);
	if (root) {
		execFileSync("mknod", [join(odd, "null"), "c", "1", "3"]);
		execFileSync("mknod", [join(odd, "sda"), "b", "8", "0"]);
		chownSync(join(odd, "a"), 1234, 4321);
		chownSync(join(odd, "sticky"), 5, 6);
	}
	utimesSync(join(odd, "a"), 1_234_567_890, 1_234_567_890);
	lutimesSync(join(odd, "long"), 1_000_000_000, 1_000_000_000);
	utimesSync(odd, 1_111_111_111, 1_111_111_111);
});
afterAll(() => place.remove());

/** Runs a program with a file as its standard input. */
function feed(program: string, args: readonly string[], file: string, folder: string): void {
	mkdirSync(at(folder));
	const stdin = openSync(at(file), "r");
	try {
		execFileSync(program, args, { cwd: at(folder), stdio: [stdin, "ignore", "pipe"] });
	} finally {
		closeSync(stdin);
	}
}
const without = (lines: string[], pattern: RegExp) => lines.filter((line) => !pattern.test(line));

describe.skipIf(missing("cpio", "bsdcpio"))(
	`what we pack, others extract ${missing("cpio", "bsdcpio")}`,
	() => {
		beforeAll(() => {
			ekexec("initrd", "pack", "tree", "--preserve", "-o", "preserved.img");
			ekexec("initrd", "pack", "tree", "-o", "plain.img");
		});

		test("the tree has thousands of files", () => {
			expect(pathsBelow(at("tree")).length).toBeGreaterThan(1000);
		});

		test("GNU cpio: names, types, modes, links, contents, devices; owners and the times of files", () => {
			feed("cpio", ["-idm", "--quiet", "--no-absolute-filenames"], "preserved.img", "by-cpio");
			const how: SnapshotOptions = { owners: root, times: "files" };
			expect(snapshot(at("by-cpio"), how)).toEqual(snapshot(at("tree"), how));
		});

		test("bsdcpio: all of that, and the times of folders and symlinks", () => {
			feed("bsdcpio", ["-idm", "--quiet"], "preserved.img", "by-bsdcpio");
			const how: SnapshotOptions = { owners: root, times: "all" };
			expect(snapshot(at("by-bsdcpio"), how)).toEqual(snapshot(at("tree"), how));
		});

		test("without preserve everything is root's, from 1970; the rest is the same", () => {
			feed("bsdcpio", ["-idm", "--quiet"], "plain.img", "by-bsdcpio-plain");
			expect(snapshot(at("by-bsdcpio-plain"))).toEqual(snapshot(at("tree")));
			const listing = execFileSync("cpio", ["-itvn", "--quiet"], {
				input: readFileSync(at("plain.img")),
				maxBuffer: 2 ** 28,
			}).toString("latin1");
			const odd = listing
				.split("\n")
				.filter((line) => !/^\S+\s+\d+ 0\s+0\s.* Jan\s+1\s+1970 /.test(line));
			// The name with a newline in it takes two lines.
			expect(odd.filter((line) => line !== "" && !line.includes("\\n"))).toEqual([]);
		});

		test("packed again, by another path and on another day, the SHA-256 is the same", () => {
			// Without times and owners, but for links and modes.
			execFileSync("cp", ["-R", "-P", "--preserve=mode,links", at("tree"), at("elsewhere")]);
			ekexec("initrd", "pack", "elsewhere", "-o", "again.img");
			const digest = (name: string) =>
				createHash("sha256")
					.update(readFileSync(at(name)))
					.digest("hex");
			expect(digest("again.img")).toBe(digest("plain.img"));
		});

		test("in the crc format cpio finds every sum right", () => {
			ekexec("initrd", "pack", "tree/odd", "--format", "crc", "-o", "crc.img");
			feed("cpio", ["-i", "--quiet", "--only-verify-crc"], "crc.img", "crc");
			const bytes = readFileSync(at("crc.img"));
			const block = bytes.indexOf("blockblock");
			bytes[block] = 0x42;
			writeFileSync(at("crc-broken.img"), bytes);
			mkdirSync(at("crc-broken"));
			const wrong = execFileSync(
				"sh",
				["-c", "cpio -i --quiet --only-verify-crc < ../crc-broken.img 2>&1 || true"],
				{ cwd: at("crc-broken") },
			);
			expect(wrong.toString()).toMatch(/block: checksum error/);
		});
	},
);

describe.skipIf(missing("cpio", "bsdcpio"))(
	`what others pack, we extract ${missing("cpio", "bsdcpio")}`,
	() => {
		test.each([
			["cpio", ["-o", "-0", "-H", "newc", "--quiet"]],
			["cpio", ["-o", "-0", "-H", "crc", "--quiet"]],
			["bsdcpio", ["-o", "-0", "-H", "newc", "--quiet"]],
		] as const)("%s %j", async (program, args) => {
			const names = [".", ...pathsBelow(at("tree"))].map((name) => `${name}\0`).join("");
			const list = at("names");
			writeFileSync(list, Buffer.from(names, "latin1"));
			const name = `${program}-${args[3]}`;
			const [stdin, stdout] = [openSync(list, "r"), openSync(at(`${name}.img`), "w")];
			execFileSync(program, args, { cwd: at("tree"), stdio: [stdin, stdout, "pipe"] });
			closeSync(stdin);
			closeSync(stdout);
			await extractInitrd(fileChunks(at(`${name}.img`)), at(`ours-${name}`), { preserve: root });
			const how: SnapshotOptions = root ? { owners: true, times: "all" } : {};
			const devices = root ? /$^/ : /odd\/(null|sda)"/;
			expect(without(snapshot(at(`ours-${name}`), how), devices)).toEqual(
				without(snapshot(at("tree"), how), devices),
			);
		});
	},
);

test("a pack of our own, compressed, extracted by ourselves, is the same tree", async () => {
	await packInitrd(await walk(at("tree"), { preserve: root }), at("self.gz"), {
		codec: (await import("../../src/compress/index.ts")).codecs.gzip,
	});
	ekexec("initrd", "extract", "self.gz", "-C", "self", ...(root ? ["--preserve"] : []));
	const how: SnapshotOptions = root ? { owners: true, times: "all" } : {};
	expect(snapshot(at("self"), how)).toEqual(snapshot(at("tree"), how));
});

test("a reader that has seen enough is no error", async () => {
	for (const words of [
		["list", "--long", "self.gz"],
		["cat", "self.gz", "odd/block"],
	]) {
		const child = spawn(process.execPath, ["--import", tsx, main, "initrd", ...words], {
			cwd: place.path,
		});
		let talk = "";
		child.stderr.on("data", (part: Buffer) => {
			talk += part.toString();
		});
		child.stdout.once("data", () => child.stdout.destroy());
		const code = await new Promise((resolve) => child.on("close", resolve));
		expect([code, talk]).toEqual([0, ""]);
	}
});
