import { execFileSync } from "node:child_process";
import { link, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
	cacheFolder,
	fetchPackages,
	type Lock,
	moduleTables,
	readIndex,
} from "../../src/debian/index.ts";
import { buildImage, type Image, verifyImage } from "../../src/image/index.ts";
import { indexModules, openKernel, unpacked } from "../../src/image/kernel.ts";
import { find, missing } from "../support/programs.ts";
import { bootRescue, everyTool } from "./rescue-vm.ts";

/** Quick, but with all that a packing can have: several blocks, several threads, the filter for machine code. */
const packing = { codec: "xz", level: 0 } as const;
const target = {
	modaliases: ["pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00"],
	filesystems: ["ext4"],
};

let home = "";
let lock: Lock;
let first: Image;
beforeAll(async () => {
	home = await mkdtemp(join(tmpdir(), "ekexec-build-"));
	const built = await buildImage({ packing, target, out: join(home, "first") });
	lock = built.lock;
	first = built.image;
}, 900_000);
afterAll(async () => rm(home, { recursive: true, force: true }));

/** A cache that has the packages of the lock and nothing else. */
async function packagesAlone(name: string): Promise<string> {
	const folder = join(home, name);
	for (const { sha256 } of lock.packages) {
		const inside = join("sha256", sha256.slice(0, 2), sha256);
		const from = join(cacheFolder(), inside);
		const to = join(folder, inside);
		await mkdir(dirname(to), { recursive: true });
		await link(from, to).catch(async () => writeFile(to, await readFile(from)));
	}
	return folder;
}

describe("two builds from one lock", () => {
	// With no mirror to ask: what is not in the lock and the cache cannot come from elsewhere.
	const env = { EKEXEC_DEBIAN_MIRROR: "http://127.0.0.1:9/debian" };

	test("in caches of their own, one by another process in another zone and language: the same bytes", async () => {
		const cache = await packagesAlone("one");
		const one = await buildImage({ lock, packing, target, cache, env, out: join(home, "a") });
		expect(one.image.digest).toBe(first.digest);
		expect(one.cached).toEqual([]);

		const other = await packagesAlone("two");
		const script = `
			const { buildImage } = await import(${JSON.stringify(new URL("../../src/image/index.ts", import.meta.url).href)});
			const { readFileSync } = await import("node:fs");
			const options = JSON.parse(readFileSync(${JSON.stringify(join(home, "options.json"))}, "utf8"));
			process.stdout.write((await buildImage(options)).image.digest);`;
		const options = { lock, packing, target, cache: other, env, out: join(home, "b") };
		await writeFile(join(home, "options.json"), JSON.stringify(options));
		await writeFile(join(home, "build.mts"), script);
		const tsx = new URL("../../node_modules/tsx/dist/loader.mjs", import.meta.url).href;
		// Another release of Node, where one is at hand: EKEXEC_TEST_NODE is the path of its program.
		const node = process.env.EKEXEC_TEST_NODE ?? process.execPath;
		const digest = execFileSync(node, ["--import", tsx, join(home, "build.mts")], {
			encoding: "utf8",
			env: {
				...process.env,
				TZ: "Pacific/Kiritimati",
				LANG: "tr_TR.UTF-8",
				UV_THREADPOOL_SIZE: "1",
			},
		});
		expect(digest).toBe(first.digest);
		for (const file of ["manifest.json", "contents.json", "drivers.json", "kernel"]) {
			expect(await readFile(join(home, "b", file))).toEqual(await readFile(join(home, "a", file)));
		}
		await verifyImage(one.image);

		// Once more: nothing is made.
		const again = await buildImage({ lock, packing, target, cache, env, out: join(home, "c") });
		expect(again.cached.toSorted()).toEqual(first.layers.map(({ name }) => name).toSorted());
		expect(again.image.digest).toBe(first.digest);
	});

	test("a package that was altered in the cache is fetched again, and refused where that fails", async () => {
		const cache = await packagesAlone("altered");
		const victim = lock.packages.find(({ name }) => name === "btrfs-progs");
		const { sha256 } = victim ?? lock.packages[0] ?? { sha256: "" };
		const path = join(cache, "sha256", sha256.slice(0, 2), sha256);
		const bytes = await readFile(path);
		bytes[bytes.length - 100] = (bytes.at(-100) ?? 0) ^ 1;
		await rm(path);
		await writeFile(path, bytes);
		await expect(
			buildImage({ lock, packing, target, cache, env, out: join(home, "never") }),
		).rejects.toThrow(/btrfs-progs/);
	});
});

const noDepmod = missing("depmod");
describe.skipIf(noDepmod)(`all modules of Debian's kernel, beside depmod ${noDepmod}`, () => {
	test("the tables say the same, the binary ones to the byte but for the order of independent dependencies", async () => {
		const [kernel] = lock.packages.filter(({ name }) => /^linux-image-/.test(name));
		const [fetched] = await fetchPackages(kernel === undefined ? [] : [kernel]);
		if (fetched === undefined) throw new Error("the lock has no kernel");
		const opened = await openKernel(fetched);
		const root = join(home, "tree");
		const folder = join(root, "lib/modules", opened.release);
		const index = await indexModules(join(home, "index"), async () => opened);
		for (const { path } of index.modules) {
			const plain = path.replace(/\.ko\.\w+$/, ".ko");
			await mkdir(dirname(join(folder, plain)), { recursive: true });
			const packed = opened.modules.get(path) ?? new Uint8Array();
			await writeFile(join(folder, plain), await unpacked(path, packed));
		}
		await writeFile(join(folder, "modules.order"), opened.files.order);
		await writeFile(join(folder, "modules.builtin"), opened.files.builtin);
		await writeFile(
			join(folder, "modules.builtin.modinfo"),
			opened.files.builtinModinfo ?? new Uint8Array(),
		);
		execFileSync(find("depmod") ?? "depmod", ["-b", root, opened.release], { stdio: "ignore" });
		const placed = index.modules.map((module) => ({
			...module,
			path: module.path.replace(/\.ko\.\w+$/, ".ko"),
		}));
		expect(placed.length).toBeGreaterThan(3000);
		const lines = (bytes: Uint8Array): string[] =>
			Buffer.from(bytes)
				.toString()
				.split("\n")
				.filter((line) => !line.startsWith("#"))
				.sort();
		// depmod puts what does not depend on one another in the order of its hash table.
		const anyOrder = (list: readonly string[]): string[] =>
			list.map((line) => line.split(" ").sort().join(" "));
		const tables = new Map<string, Uint8Array>(
			moduleTables(placed, index.files).map(({ name, content }) => [name, content]),
		);
		for (const [name, ours] of tables) {
			const theirs = await readFile(join(folder, name)).catch(() => undefined);
			// Older depmods write no table of weak dependencies.
			if (theirs === undefined && name === "modules.weakdep") continue;
			const both = [ours, theirs ?? new Uint8Array()];
			if (name === "modules.dep") {
				const [one, other] = both.map((bytes) => anyOrder(lines(bytes)));
				expect(one, name).toEqual(other);
			} else if (name === "modules.dep.bin") {
				const [one, other] = both.map((bytes) =>
					readIndex(bytes).map(({ key, value }) => `${key} ${anyOrder([value])}`),
				);
				expect(one, name).toEqual(other);
			} else if (name.endsWith(".bin")) {
				expect(theirs?.equals(ours), `${name}: the same bytes`).toBe(true);
			} else {
				expect(lines(ours), name).toEqual(lines(both[1] ?? new Uint8Array()));
			}
		}
		// modprobe loads from the last to the first: what a module needs has to stand behind it.
		const needs = new Map<string, readonly string[]>();
		for (const line of lines(tables.get("modules.dep") ?? new Uint8Array())) {
			const [path = "", rest = ""] = line.split(": ");
			needs.set(path.replace(/:$/, ""), rest.split(" ").filter(Boolean));
		}
		for (const [path, list] of needs) {
			for (const [i, needed] of list.entries()) {
				const before = (needs.get(needed) ?? []).filter((one) => list.indexOf(one) <= i);
				expect(before, `${path}: ${needed}`).toEqual([]);
			}
		}
	});
});

const noQemu = missing("qemu-system-x86_64", "ssh", "ssh-keygen");
describe.skipIf(noQemu)(`the image from bookworm ${noQemu}`, () => {
	test("it has 32 MB, and boots: no failed unit, keys only, every tool runs", async () => {
		const folder = join(home, "bookworm");
		await mkdir(folder);
		const options = { suite: "bookworm", target, firmware: false } as const;
		const { image } = await buildImage({ ...options, out: join(folder, "image") });
		const layers = image.layers.reduce((sum, { size }) => sum + size, 0);
		// 31.96 MB with the packages of November 2026; what Debian's updates add to them is no fault of ours.
		expect(image.kernel.size + layers).toBeLessThanOrEqual(32_500_000);
		const rescue = await bootRescue(image, folder, { memory: 512, cpus: 2 });
		try {
			expect(await rescue.ssh(". /etc/os-release; echo $VERSION_CODENAME; uname -r")).toBe(
				`bookworm\n${image.manifest.kernel.release}\n`,
			);
			// Which unit it was, where one failed.
			const state = "systemctl is-system-running --wait; systemctl --failed --no-legend --plain";
			expect(await rescue.ssh(state)).toBe("running\n");
			expect(await rescue.ssh("sshd -T | grep ^passwordauth; systemctl is-active ssh")).toBe(
				"passwordauthentication no\nactive\n",
			);
			expect(await rescue.ssh(everyTool)).toBe("");
		} finally {
			await rescue.vm.stop();
		}
	}, 900_000);
});
