import { chmod, chown, mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { ownCache } from "../../src/debian/cache.ts";
import {
	fetchPackages,
	openRepository,
	type Progress,
	readDeb,
	readLock,
	solve,
	unpackPackages,
	writeLock,
} from "../../src/debian/index.ts";
import { sha256 } from "./make.ts";
import {
	addSuite,
	archive,
	clearsign,
	type MiniOptions,
	type MiniServer,
	newKey,
	now,
	scratch,
	serve,
	type Tree,
} from "./mini.ts";

const key = await newKey();
const packages = [
	{
		name: "app",
		fields: { Depends: "lib (>= 2)" },
		files: [{ name: "./usr/bin/app", content: "app" }],
	},
	{ name: "lib", version: "2", files: [{ name: "./usr/lib/lib.so", content: "lib" }] },
];
const hour = 3600_000;

const setUp = (mini: MiniOptions = {}) => archive(key, packages, mini);

const list = "dists/trixie/main/binary-amd64/Packages.gz";
function alter(server: MiniServer, path: string, change: (text: string) => string): void {
	const bytes = Buffer.from(server.tree.get(path) ?? []);
	server.tree.set(path, Buffer.from(change(bytes.toString("latin1")), "latin1"));
}
const firstOf = (tree: Tree, pattern: RegExp) =>
	[...tree.keys()].find((path) => pattern.test(path)) ?? "";

describe("from a mirror to files", () => {
	test("resolve, fetch, read", async () => {
		const { options } = await setUp();
		const steps: Progress[] = [];
		const repository = await openRepository({ ...options, report: (step) => steps.push(step) });
		const { packages } = solve(repository.index, ["app"]);
		expect(packages.map((one) => one.name)).toEqual(["app", "lib"]);
		const fetched = await fetchPackages(packages, {
			...options,
			report: (step) => steps.push(step),
		});
		expect(fetched.map((one) => [one.package.name, one.cached])).toEqual([
			["app", false],
			["lib", false],
		]);
		const names: string[] = [];
		for (const { file } of fetched) {
			for await (const entry of readDeb(file)) names.push(Buffer.from(entry.name).toString());
		}
		expect(names).toEqual(["usr/bin/app", "usr/lib/lib.so"]);
		for (const step of ["index", "packages"]) {
			expect(steps.findLast((one) => one.step === step)).toMatchObject({ cached: 0 });
			const last = steps.findLast((one) => one.step === step);
			expect(last?.done).toBe(last?.total);
		}
	});

	test("a second time only InRelease is asked for, and nothing of it sent", async () => {
		const { server, options } = await setUp();
		const { index } = await openRepository(options);
		await fetchPackages(solve(index, ["app"]).packages, options);
		server.requests.length = 0;
		const again = await openRepository(options);
		const fetched = await fetchPackages(solve(again.index, ["app"]).packages, options);
		expect(fetched.every((one) => one.cached)).toBe(true);
		expect(server.requests.sort()).toEqual([
			"dists/trixie-updates/InRelease",
			"dists/trixie/InRelease",
		]);
	});

	test("from a lock without any index, to the same packages", async () => {
		const { server, options } = await setUp();
		const repository = await openRepository(options);
		const { packages, roots, exclude } = solve(repository.index, ["app"]);
		const { suite, arch, releases } = repository;
		const lock = readLock(writeLock({ suite, arch, releases, roots, exclude, packages }));
		server.requests.length = 0;
		const fetched = await fetchPackages(lock.packages, { ...options, cache: await scratch() });
		expect(fetched.map((one) => one.package)).toEqual(lock.packages);
		expect(server.requests.filter((path) => path.startsWith("dists/"))).toEqual([]);
	});

	test("what was replaced on the mirror is told as that", async () => {
		const { server, options } = await setUp();
		const { index } = await openRepository(options);
		const { packages } = solve(index, ["lib"]);
		server.tree.delete("pool/main/lib_2_amd64.deb");
		await expect(fetchPackages(packages, options)).rejects.toMatchObject({
			code: "DEBIAN_MISSING",
			message: expect.stringMatching(/lib 2.*newer version/),
		});
		const archive = "debian-security";
		const ofSecurity = packages.map((one) => ({ ...one, archive }));
		await expect(fetchPackages(ofSecurity, options)).rejects.toMatchObject({
			code: "DEBIAN_MISSING",
			details: { remedy: expect.stringContaining("EKEXEC_DEBIAN_SECURITY_MIRROR") },
		});
		const named = { ...options, securityMirror: server.url };
		await expect(fetchPackages(ofSecurity, named)).rejects.toMatchObject({
			details: { remedy: expect.stringContaining("newer version") },
		});
	});

	test("from a folder", async () => {
		const { server, options } = await setUp();
		const folder = await scratch();
		for (const [path, bytes] of server.tree) {
			await mkdir(dirname(join(folder, path)), { recursive: true });
			await writeFile(join(folder, path), bytes);
		}
		const local = { ...options, mirror: folder };
		const { index } = await openRepository(local);
		expect(await fetchPackages(solve(index, ["app"]).packages, local)).toHaveLength(2);
		expect(server.requests).toEqual([]);
	});

	test("of several suites the newest version counts, and its archive is remembered", async () => {
		const { server, tree, options } = await setUp();
		const security: Tree = new Map();
		await addSuite(security, key, [{ name: "lib", version: "3" }], { suite: "trixie-security" });
		await addSuite(tree, key, [{ name: "lib", version: "2.5" }], { suite: "trixie-updates" });
		const other = await serve(security);
		const both = { ...options, securityMirror: other.url };
		const repository = await openRepository(both);
		const { packages } = solve(repository.index, ["lib"]);
		expect(packages).toMatchObject([{ version: "3", archive: "debian-security" }]);
		expect(repository.releases.map((one) => one.suite)).toEqual([
			"trixie",
			"trixie-updates",
			"trixie-security",
		]);
		expect(repository.notes).toEqual([]);
		await fetchPackages(packages, both);
		expect(server.requests.some((path) => path.startsWith("pool/"))).toBe(false);
	});

	test("what the mirror lacks is noted, what was named and lacks is an error", async () => {
		const { server, options } = await setUp();
		const { notes } = await openRepository(options);
		expect(notes).toEqual([
			expect.stringContaining("no archive of security updates is known"),
			"the mirror has no trixie-updates",
		]);
		await expect(openRepository({ ...options, securityMirror: server.url })).rejects.toMatchObject({
			code: "DEBIAN_MISSING",
			details: { where: expect.stringContaining("trixie-security/InRelease") },
		});
	});

	test("lists are had by their hash where the suite offers that, else by name", async () => {
		const offered = await setUp();
		await openRepository(offered.options);
		expect(offered.server.requests.filter((path) => path.includes("Packages"))).toEqual([]);
		expect(offered.server.requests.filter((path) => path.includes("by-hash/SHA256/"))).toHaveLength(
			1,
		);
		const plain = await setUp({ release: { "Acquire-By-Hash": "no" } });
		await openRepository(plain.options);
		expect(plain.server.requests.filter((path) => path.includes("by-hash"))).toEqual([]);
		expect(plain.server.requests).toContain(list);
	});

	test("a list that is gone by its hash is had by name", async () => {
		const { server, options } = await setUp();
		server.misbehave = (path, _request, response) => {
			if (path.includes("by-hash")) response.writeHead(404).end();
			return path.includes("by-hash");
		};
		await openRepository(options);
		expect(server.requests).toContain(list);
	});
});

describe("refused", () => {
	const refused = (code: string, where: string) =>
		expect.objectContaining({
			code,
			details: expect.objectContaining({ where: expect.stringContaining(where) }),
		});

	test("a cache that all may write to", async () => {
		const { options } = await setUp();
		await openRepository(options);
		const cache = options.cache ?? "";
		await chmod(cache, 0o777);
		await expect(openRepository(options)).rejects.toEqual(refused("DEBIAN_CACHE", cache));
		await expect(unpackPackages([], { ...options, locked: [] })).rejects.toEqual(
			refused("DEBIAN_CACHE", cache),
		);
		await chmod(cache, 0o775);
		await openRepository(options);
	});

	test.skipIf(process.getuid === undefined)(
		"a cache of another user (where users are)",
		async () => {
			const folder = await scratch();
			const own = process.getuid?.() ?? 0;
			await ownCache(folder);
			const umask = process.umask(0);
			await ownCache(join(folder, "none"));
			process.umask(umask);
			await ownCache(join(folder, "none"));
			if (own === 0) await chown(folder, 1, 1);
			await ownCache(folder, 0);
			await expect(ownCache(folder, own + 2)).rejects.toMatchObject({
				code: "DEBIAN_CACHE",
				kind: "usage",
			});
		},
	);

	test("an altered InRelease", async () => {
		const { server, options } = await setUp();
		alter(server, "dists/trixie/InRelease", (text) => text.replace("Origin: Test", "Origin: Evil"));
		await expect(openRepository(options)).rejects.toEqual(
			refused("DEBIAN_SIGNATURE", "trixie/InRelease"),
		);
	});

	test("an InRelease of another key", async () => {
		const { options } = await setUp({ key: await newKey("mallory") });
		await expect(openRepository(options)).rejects.toEqual(
			refused("DEBIAN_SIGNATURE", "trixie/InRelease"),
		);
	});

	test("that of apt's sources is told with the file that names it", async () => {
		const { server, options } = await setUp({ key: await newKey("vendor") });
		const { mirror: _, ...rest } = options;
		const apt = await scratch();
		await writeFile(join(apt, "sources.list"), `deb ${server.url} trixie main\n`);
		await expect(openRepository({ ...rest, apt })).rejects.toMatchObject({
			code: "DEBIAN_SIGNATURE",
			details: { remedy: expect.stringContaining(`that of ${join(apt, "sources.list")};`) },
		});
	});

	test("Debian's own keys do not vouch for it", async () => {
		const { options } = await setUp();
		const { keyrings: _, ...withDebians } = options;
		await expect(openRepository(withDebians)).rejects.toEqual(
			refused("DEBIAN_SIGNATURE", "InRelease"),
		);
	});

	test("an InRelease past its Valid-Until, unless its age does not matter", async () => {
		const { options } = await setUp();
		const later = { ...options, clock: () => now + 2 * hour };
		await expect(openRepository(later)).rejects.toMatchObject({
			code: "DEBIAN_EXPIRED",
			details: { field: "Valid-Until" },
		});
		expect((await openRepository({ ...later, anyAge: true })).index.find("app")).toHaveLength(1);
	});

	test("a kept InRelease is no way around that", async () => {
		const { options } = await setUp();
		await openRepository(options);
		await expect(openRepository({ ...options, clock: () => now + 2 * hour })).rejects.toMatchObject(
			{
				code: "DEBIAN_EXPIRED",
			},
		);
	});

	test("an InRelease from the future", async () => {
		const date = new Date(now + 48 * hour).toUTCString();
		const { options } = await setUp({ release: { Date: date, "Valid-Until": date } });
		await expect(openRepository(options)).rejects.toMatchObject({
			code: "DEBIAN_EXPIRED",
			details: { field: "Date" },
		});
	});

	test("an InRelease of another suite", async () => {
		const { tree, options } = await setUp();
		const other: Tree = new Map();
		await addSuite(other, key, packages, { suite: "bookworm" });
		tree.set("dists/trixie/InRelease", other.get("dists/bookworm/InRelease") ?? Buffer.alloc(0));
		await expect(openRepository(options)).rejects.toEqual(
			refused("DEBIAN_RELEASE", "trixie/InRelease"),
		);
	});

	test("the role of a suite is as good as its name", async () => {
		const { tree, options } = await setUp();
		for (const [path, bytes] of [...tree]) tree.set(path.replace("trixie", "stable"), bytes);
		expect((await openRepository({ ...options, suite: "stable" })).index.find("app")).toHaveLength(
			1,
		);
	});

	test("a suite without the architecture, or without the component", async () => {
		const { options } = await setUp();
		await expect(openRepository({ ...options, arch: "arm64" })).rejects.toMatchObject({
			code: "DEBIAN_RELEASE",
		});
		await expect(openRepository({ ...options, components: ["contrib"] })).rejects.toMatchObject({
			code: "DEBIAN_RELEASE",
		});
	});

	test("a component that is not the first may be missing", async () => {
		const { options } = await setUp();
		const both = { ...options, components: ["main", "non-free-firmware"] };
		expect((await openRepository(both)).index.find("app")).toHaveLength(1);
	});

	test("an altered list of packages", async () => {
		const { server, tree, options } = await setUp();
		const altered = Buffer.from(tree.get(list) ?? []);
		altered[altered.length - 5] = (altered.at(-5) ?? 0) ^ 1;
		for (const path of [list, firstOf(tree, /by-hash/)]) server.tree.set(path, altered);
		for (const path of [...tree.keys()]) if (path.includes("by-hash")) tree.set(path, altered);
		await expect(openRepository(options)).rejects.toEqual(refused("DEBIAN_DIGEST", "Packages.gz"));
	});

	test("a list that was compressed from something else than was signed", async () => {
		const bomb = gzipSync(Buffer.alloc(1 << 20));
		const { tree, options } = await setUp();
		const plain = tree.get("dists/trixie/main/binary-amd64/Packages") ?? Buffer.alloc(0);
		const lines = (size: number) =>
			`SHA256:\n ${sha256(plain)} ${size} main/binary-amd64/Packages\n ${sha256(bomb)} ${bomb.length} main/binary-amd64/Packages.gz\n`;
		tree.set(list, bomb);
		for (const [size, code] of [
			[plain.length, "COMPRESS_LIMIT"],
			[1 << 20, "DEBIAN_DIGEST"],
		] as const) {
			const head = `Codename: trixie\nDate: ${new Date(now).toUTCString()}\nArchitectures: amd64\n`;
			tree.set("dists/trixie/InRelease", await clearsign(head + lines(size), key));
			const fresh = { ...options, cache: await scratch() };
			await expect(openRepository(fresh)).rejects.toEqual(refused(code, "Packages.gz"));
		}
	});

	test("an altered package, by its name", async () => {
		const { server, options } = await setUp();
		const { index } = await openRepository(options);
		alter(server, "pool/main/lib_2_amd64.deb", (text) => text.replace("!<arch>", "!<arcx>"));
		await expect(fetchPackages(solve(index, ["app"]).packages, options)).rejects.toMatchObject({
			code: "DEBIAN_DIGEST",
			details: { field: "lib 2", where: expect.stringContaining("lib_2_amd64.deb") },
		});
	});

	test("an InRelease without end", async () => {
		const { server, options } = await setUp();
		server.misbehave = (path, _request, response) => {
			if (path !== "dists/trixie/InRelease") return false;
			const pour = () => {
				if (!response.destroyed)
					response.write(Buffer.alloc(1 << 20, 0x2d), () => setImmediate(pour));
			};
			pour();
			return true;
		};
		await expect(openRepository(options)).rejects.toEqual(refused("DEBIAN_SIZE", "InRelease"));
	});

	test("'not modified' where nothing is known", async () => {
		const { server, options } = await setUp();
		server.misbehave = (_path, _request, response) => {
			response.writeHead(304).end();
			return true;
		};
		await expect(openRepository(options)).rejects.toEqual(refused("DEBIAN_FETCH", "InRelease"));
	});
});

test("a mirror's password is sent, and in no error", async () => {
	const { server, options } = await setUp();
	const asked: unknown[] = [];
	server.misbehave = (_path, request, response) => {
		asked.push(request.headers.authorization);
		response.writeHead(403).end();
		return true;
	};
	const mirror = server.url.replace("http://", "http://me:sesame@");
	const error = await openRepository({ ...options, mirror }).catch((error: unknown) => error);
	expect(asked).toContain(`Basic ${Buffer.from("me:sesame").toString("base64")}`);
	expect(error).toMatchObject({ code: "DEBIAN_FETCH" });
	expect(inspect(error, { depth: 9 })).not.toContain("sesame");
});

describe("yesterday's answer", () => {
	test("is not taken after today's", async () => {
		const { server, tree, options } = await setUp();
		const old: Tree = new Map();
		await addSuite(old, key, [{ name: "lib", version: "1" }], {
			release: { Date: new Date(now - 5 * hour).toUTCString() },
		});
		await openRepository(options);
		for (const [path, bytes] of old) if (path.startsWith("dists/")) tree.set(path, bytes);
		server.misbehave = (_path, request) => {
			delete request.headers["if-modified-since"];
			return false;
		};
		const again = await openRepository(options);
		expect(again.index.find("lib")[0]?.version).toBe("2");
		expect(again.notes).toContainEqual(expect.stringContaining("an older trixie"));
	});

	test("does when nobody answers, and is told", async () => {
		const { server, options } = await setUp();
		await openRepository(options);
		server.misbehave = (_path, _request, response) => {
			response.destroy();
			return true;
		};
		const { index, notes } = await openRepository(options);
		expect(index.find("app")).toHaveLength(1);
		expect(notes).toContainEqual(
			expect.stringMatching(/no answer .*; trixie is taken as it was on/),
		);
	});

	test("does when the mirror refuses, and what it said is told", async () => {
		const { server, options } = await setUp();
		await openRepository(options);
		server.misbehave = (_path, _request, response) => {
			response.writeHead(403).end();
			return true;
		};
		const { notes } = await openRepository(options);
		expect(notes).toContainEqual(expect.stringMatching(/refuses \(403\); trixie is taken/));
	});

	describe("of updates that the mirror had", () => {
		const suite = "trixie-updates";
		const inRelease = `dists/${suite}/InRelease`;
		async function withUpdates() {
			const all = await setUp();
			await addSuite(all.tree, key, [{ name: "lib", version: "3" }], { suite });
			await openRepository(all.options);
			const updates = all.tree.get(inRelease) ?? Buffer.alloc(0);
			all.tree.delete(inRelease);
			return { ...all, updates };
		}

		test("does when it says that it has none, and is told", async () => {
			const { options } = await withUpdates();
			const { index, notes } = await openRepository(options);
			expect(index.find("lib").map((one) => one.version)).toContain("3");
			expect(notes).toContainEqual(
				expect.stringMatching(/has it no more; trixie-updates is taken/),
			);
		});

		test("is not forgotten by that: an older one is not taken after it", async () => {
			const { server, tree, options } = await withUpdates();
			await openRepository(options);
			await addSuite(tree, key, [{ name: "lib", version: "2.5" }], {
				suite,
				release: { Date: new Date(now - 5 * hour).toUTCString() },
			});
			server.misbehave = (_path, request) => {
				delete request.headers["if-modified-since"];
				return false;
			};
			const { index, notes } = await openRepository(options);
			expect(index.find("lib").map((one) => one.version)).toContain("3");
			expect(notes).toContainEqual(expect.stringContaining("an older trixie-updates"));
		});

		test("that is out of date by now is no reason to go without", async () => {
			const { tree, options } = await withUpdates();
			await addSuite(tree, key, packages, {
				release: { "Valid-Until": new Date(now + 9 * hour).toUTCString() },
			});
			await expect(
				openRepository({ ...options, clock: () => now + 2 * hour }),
			).rejects.toMatchObject({
				code: "DEBIAN_MISSING",
				details: { remedy: expect.stringContaining(join(options.cache ?? "", "lists")) },
			});
		});
	});

	test("that there is none does not count once the archive is named", async () => {
		const { server, tree, options } = await setUp();
		for (const [path, bytes] of [...tree]) tree.set(`debian/${path}`, bytes);
		const beside = { ...options, mirror: `${server.url}debian/` };
		expect((await openRepository(beside)).notes).toContain("the mirror has no trixie-security");
		const named = { ...beside, securityMirror: `${server.url}debian-security/` };
		server.misbehave = (_path, _request, response) => {
			response.destroy();
			return true;
		};
		expect((await openRepository(beside)).index.find("app")).toHaveLength(1);
		await expect(openRepository(named)).rejects.toMatchObject({ code: "DEBIAN_FETCH" });
	});

	test("counts as used whenever it is asked for, whatever time the mirror gives it", async () => {
		const { options } = await setUp();
		const lists = join(options.cache ?? "", "lists");
		const begun = Date.now() - 1000; // file systems round
		const files = async () =>
			(await readdir(lists))
				.filter((name) => name.endsWith(".InRelease"))
				.map((n) => join(lists, n));
		await openRepository(options);
		expect(await files()).toHaveLength(2);
		for (const file of await files()) {
			expect((await stat(file)).atimeMs).toBeGreaterThan(begun);
			await utimes(file, 0, (await stat(file)).mtime);
		}
		await openRepository(options);
		for (const file of await files()) {
			expect((await stat(file)).atimeMs).toBeGreaterThan(begun);
		}
		const times = await Promise.all(
			(await files()).map(async (file) => (await stat(file)).mtimeMs),
		);
		expect(times).toContain(now - hour);
	});

	test("a spoilt index in the cache is made again", async () => {
		const { options } = await setUp();
		await openRepository(options);
		const lists = join(options.cache ?? "", "lists");
		const kept = (await readdir(lists)).find((name) => name.endsWith(".packages")) ?? "";
		const text = await readFile(join(lists, kept), "latin1");
		await writeFile(join(lists, kept), text.replace("pool/main/app", "pool/main/bad"));
		expect((await openRepository(options)).index.find("app")[0]?.path).toBe(
			"pool/main/app_1_amd64.deb",
		);
	});
});

describe("time", () => {
	test("a deadline ends it", async () => {
		const { server, options } = await setUp();
		server.misbehave = () => true;
		await expect(openRepository({ ...options, deadline: 50 })).rejects.toMatchObject({
			code: "DEBIAN_TIMEOUT",
			kind: "failed",
		});
	});

	test("an abort ends it with its reason", async () => {
		const { server, options } = await setUp();
		const abort = new AbortController();
		const reason = new Error("enough");
		server.misbehave = () => {
			abort.abort(reason);
			return true;
		};
		await expect(openRepository({ ...options, signal: abort.signal })).rejects.toBe(reason);
	});
});
