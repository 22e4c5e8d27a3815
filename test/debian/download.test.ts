import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { type BlobStore, blobStore } from "../../src/debian/cache.ts";
import { fetchBlob, fetchSmall, inParallel } from "../../src/debian/download.ts";
import { proxyFor } from "../../src/debian/transport.ts";
import { sha256 } from "./make.ts";
import { type MiniServer, now, scratch, serve } from "./mini.ts";

const content = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7) % 251));
const quick = { pause: 1, env: {} };

/** A server with one file, a store, and what is wanted. */
async function setUp() {
	const server = await serve(new Map([["file", content]]));
	const store = blobStore(await scratch());
	const wanted = (...paths: string[]) => ({
		urls: paths.map((path) => new URL(path, server.url)),
		size: content.length,
		sha256: sha256(content),
	});
	const stored = async () => (await readFile(store.path(sha256(content)))).equals(content);
	const partial = () => readdir(join(store.folder, "partial"));
	return { server, store, wanted, stored, partial };
}

/** Leaves the beginning of the file as of a process, here or elsewhere; resolves to its name. */
async function remainderOf(store: BlobStore, pid: number, place?: string): Promise<string> {
	const claimed = await store.claim("0");
	await rm(claimed);
	const here = basename(claimed).split(".")[1];
	const name = `${sha256(content)}.${place ?? here}.${pid}.cafe`;
	await writeFile(join(store.folder, "partial", name), content.subarray(0, 10));
	return name;
}

/** Sends the first half of the file, then drops the connection; only the first time. */
function breakOnce(server: MiniServer): void {
	let broken = false;
	server.misbehave = (_path, _request, response, bytes) => {
		if (broken || bytes === undefined) return false;
		broken = true;
		response.writeHead(200, { "content-length": bytes.length });
		response.write(bytes.subarray(0, bytes.length / 2), () => {
			setTimeout(() => response.destroy(), 20);
		});
		return true;
	};
}

describe("files of known digest", () => {
	test("are fetched once, then found", async () => {
		const { server, store, wanted, stored, partial } = await setUp();
		let bytes = 0;
		expect(await fetchBlob(store, wanted("file"), quick, (count) => (bytes += count))).toBe(false);
		expect(await stored()).toBe(true);
		expect(bytes).toBe(content.length);
		expect(await fetchBlob(store, wanted("file"), quick)).toBe(true);
		expect(server.requests).toEqual(["file"]);
		expect(await partial()).toEqual([]);
	});

	test("a broken connection is resumed where it broke", async () => {
		const { server, store, wanted, stored } = await setUp();
		breakOnce(server);
		await fetchBlob(store, wanted("file"), quick);
		expect(await stored()).toBe(true);
		expect(server.requests).toHaveLength(2);
		expect(server.requests[1]).toMatch(/^file bytes=[1-9]\d*-$/);
	});

	test("what a run left is resumed by the next, and counted as progress", async () => {
		const { server, store, wanted, stored } = await setUp();
		breakOnce(server);
		await expect(fetchBlob(store, wanted("file"), { ...quick, attempts: 1 })).rejects.toMatchObject(
			{
				code: "DEBIAN_FETCH",
			},
		);
		let bytes = 0;
		await fetchBlob(store, wanted("file"), quick, (count) => (bytes += count));
		expect(await stored()).toBe(true);
		expect(bytes).toBe(content.length);
		expect(server.requests[1]).toMatch(/^file bytes=/);
	});

	test("a remainder that is spoilt is thrown away", async () => {
		const { server, store, wanted, stored, partial } = await setUp();
		await mkdir(join(store.folder, "partial"), { recursive: true });
		const left = join(store.folder, "partial", `${sha256(content)}.free`);
		await writeFile(left, "not the beginning of that file");
		await fetchBlob(store, wanted("file"), quick);
		expect(await stored()).toBe(true);
		expect(server.requests).toEqual(["file bytes=30-", "file"]);
		expect(await partial()).toEqual([]);
	});

	test("the remainder of a process that lives is left alone", async () => {
		const { server, store, wanted, partial } = await setUp();
		await mkdir(join(store.folder, "partial"), { recursive: true });
		const name = await remainderOf(store, process.ppid);
		await fetchBlob(store, wanted("file"), quick);
		expect(server.requests).toEqual(["file"]);
		expect(await partial()).toEqual([name]);
	});

	test("that of one that is gone is taken over, unless it was of another machine not long ago", async () => {
		const { server, store, wanted, partial } = await setUp();
		const { pid } = spawnSync(process.execPath, ["--version"]);
		const elsewhere = await remainderOf(store, pid, "0123456789ab");
		await fetchBlob(store, wanted("file"), quick);
		expect(await partial()).toEqual([elsewhere]);
		await rm(store.path(sha256(content)));
		await remainderOf(store, pid);
		await fetchBlob(store, wanted("file"), quick);
		expect(await partial()).toEqual([elsewhere]);
		const old = new Date(Date.now() - 2 * 3600_000);
		await utimes(join(store.folder, "partial", elsewhere), old, old);
		await rm(store.path(sha256(content)));
		await fetchBlob(store, wanted("file"), quick);
		expect(await partial()).toEqual([]);
		expect(server.requests).toEqual(["file", "file bytes=10-", "file bytes=10-"]);
	});

	test("a download that is cleared away under it is told as that, unless another brought the same", async () => {
		const { store, wanted, stored } = await setUp();
		const cleared: typeof store = {
			...store,
			keep: async (claimed, digest) => {
				await rm(claimed);
				await store.keep(claimed, digest);
			},
		};
		await expect(fetchBlob(cleared, wanted("file"), quick)).rejects.toMatchObject({
			code: "DEBIAN_CACHE",
			details: { found: expect.stringContaining("ENOENT") },
		});
		const keep: typeof store.keep = async (claimed, digest) => {
			await fetchBlob(store, wanted("file"), quick);
			await cleared.keep(claimed, digest);
		};
		expect(await fetchBlob({ ...cleared, keep }, wanted("file"), quick)).toBe(false);
		expect(await stored()).toBe(true);
	});

	test.skipIf(process.platform !== "linux")(
		"a full disk is told as that, with what to do (on Linux)",
		async () => {
			const { store, wanted } = await setUp();
			await mkdir(join(store.folder, "partial"), { recursive: true });
			await symlink("/dev/full", join(store.folder, "partial", `${sha256(content)}.free`));
			await expect(fetchBlob(store, wanted("file"), quick)).rejects.toMatchObject({
				code: "DEBIAN_CACHE",
				kind: "failed",
				details: {
					where: expect.stringContaining(store.folder),
					found: expect.stringContaining("ENOSPC"),
					remedy: expect.stringContaining("EKEXEC_CACHE"),
				},
			});
		},
	);

	test("a server that ignores the range is read from the start", async () => {
		const { server, store, wanted, stored } = await setUp();
		breakOnce(server);
		const once = server.misbehave;
		server.misbehave = (path, request, response, bytes) => {
			if (once(path, request, response, bytes)) return true;
			response.writeHead(200, { "content-length": content.length }).end(content);
			return true;
		};
		await fetchBlob(store, wanted("file"), quick);
		expect(await stored()).toBe(true);
	});

	test("one that does so and always breaks off is given up", async () => {
		const { server, store, wanted } = await setUp();
		server.misbehave = (_path, _request, response) => {
			response.writeHead(200, { "content-length": content.length });
			response.write(content.subarray(0, 1000), () => setTimeout(() => response.destroy(), 20));
			return true;
		};
		await expect(fetchBlob(store, wanted("file"), { ...quick, attempts: 2 })).rejects.toMatchObject(
			{ code: "DEBIAN_FETCH" },
		);
	});

	test("a range other than asked for is not taken", async () => {
		const { server, store, wanted, stored } = await setUp();
		breakOnce(server);
		const once = server.misbehave;
		let lied = false;
		server.misbehave = (path, request, response, bytes) => {
			if (once(path, request, response, bytes)) return true;
			if (lied || !request.headers.range) return false;
			lied = true;
			response.writeHead(206, { "content-range": `bytes 5-9/${content.length}` }).end("12345");
			return true;
		};
		await fetchBlob(store, wanted("file"), quick);
		expect(lied).toBe(true);
		expect(await stored()).toBe(true);
	});

	test("a file altered in one place is had from another, and refused if there is none", async () => {
		const { server, store, wanted, stored, partial } = await setUp();
		server.tree.set("altered", Buffer.from(content).fill(0, 1000, 1001));
		await expect(fetchBlob(store, wanted("altered"), quick)).rejects.toMatchObject({
			code: "DEBIAN_DIGEST",
			kind: "check",
			details: {
				where: expect.stringContaining("altered"),
				expected: expect.stringContaining(sha256(content)),
			},
		});
		expect(await partial()).toEqual([]);
		await fetchBlob(store, wanted("none", "altered", "file"), quick);
		expect(await stored()).toBe(true);
	});

	test("that it is altered says more than that it is missing", async () => {
		const { server, store, wanted } = await setUp();
		server.tree.set("altered", Buffer.alloc(content.length));
		for (const paths of [
			["none", "altered"],
			["altered", "none"],
		]) {
			await expect(fetchBlob(store, wanted(...paths), quick)).rejects.toMatchObject({
				code: "DEBIAN_DIGEST",
			});
		}
		await expect(fetchBlob(store, wanted("none"), quick)).rejects.toMatchObject({
			code: "DEBIAN_MISSING",
		});
	});

	test("more bytes than there should be are refused, announced or not", async () => {
		const { server, store, wanted, partial } = await setUp();
		const more = Buffer.concat([content, content]);
		server.tree.set("announced", more);
		await expect(fetchBlob(store, wanted("announced"), quick)).rejects.toMatchObject({
			code: "DEBIAN_SIZE",
		});
		let sent = 0;
		server.misbehave = (_path, _request, response) => {
			// No length, no end: only the reader can stop it.
			const pour = () => {
				sent += content.length;
				if (!response.destroyed) response.write(content, () => setImmediate(pour));
			};
			pour();
			return true;
		};
		await expect(fetchBlob(store, wanted("file"), quick)).rejects.toMatchObject({
			code: "DEBIAN_SIZE",
		});
		expect(sent).toBeGreaterThan(0);
		expect(await partial()).toEqual([]);
	});

	test("a length that promises more than comes is truncation, and tried again", async () => {
		const { server, store, wanted } = await setUp();
		server.misbehave = (_path, _request, response) => {
			response.writeHead(200, { "content-length": content.length });
			response.write(content.subarray(0, 100), () => setTimeout(() => response.destroy(), 5));
			return true;
		};
		await expect(
			fetchBlob(
				store,
				{ ...wanted("file"), size: content.length },
				{ ...quick, attempts: 2, idle: 500 },
			),
		).rejects.toMatchObject({ code: "DEBIAN_FETCH" });
	});

	test("a server in trouble is asked again, a refusal is final", async () => {
		const { server, store, wanted, stored } = await setUp();
		let troubles = 3;
		server.misbehave = (_path, _request, response) => {
			if (troubles-- <= 0) return false;
			response.writeHead(troubles === 1 ? 429 : 503, { "retry-after": "0" }).end("later");
			return true;
		};
		await fetchBlob(store, wanted("file"), quick);
		expect(await stored()).toBe(true);
		expect(server.requests).toHaveLength(4);
		server.misbehave = (_path, _request, response) => {
			response.writeHead(403).end("no");
			return true;
		};
		server.requests.length = 0;
		const other = { ...wanted("file"), sha256: sha256("other") };
		await expect(fetchBlob(store, other, quick)).rejects.toMatchObject({
			code: "DEBIAN_FETCH",
			details: { found: "403" },
		});
		expect(server.requests).toHaveLength(1);
	});

	test("a server that falls silent is given up", async () => {
		const { server, store, wanted } = await setUp();
		server.misbehave = (_path, _request, response) => {
			response.writeHead(200, { "content-length": content.length });
			response.flushHeaders();
			return true;
		};
		await expect(
			fetchBlob(store, wanted("file"), { ...quick, attempts: 2, idle: 30 }),
		).rejects.toMatchObject({
			code: "DEBIAN_FETCH",
			details: { found: "no byte came for 30 ms" },
		});
		expect(server.requests).toHaveLength(2);
	});

	test("of a redirection, a body without end is not read", async () => {
		const { server, store, wanted, stored } = await setUp();
		const closed = new Promise<void>((resolve) => {
			server.misbehave = (path, _request, response) => {
				if (path !== "endless") return false;
				response.on("close", resolve);
				response.writeHead(302, { location: "/file" });
				const pour = () => {
					if (!response.destroyed) response.write(content, () => setImmediate(pour));
				};
				pour();
				return true;
			};
		});
		await fetchBlob(store, wanted("endless"), quick);
		expect(await stored()).toBe(true);
		await closed;
	});

	test("redirections are followed, to http and https alone, and not for ever", async () => {
		const { server, store, wanted, stored } = await setUp();
		const to: Record<string, string> = {
			moved: "/file",
			local: pathToFileURL("/etc/passwd").href,
			circle: "/circle",
		};
		server.misbehave = (path, _request, response) => {
			if (to[path] === undefined) return false;
			response.writeHead(302, { location: to[path] }).end();
			return true;
		};
		for (const path of ["local", "circle"]) {
			await expect(fetchBlob(store, wanted(path), { ...quick, attempts: 1 })).rejects.toMatchObject(
				{
					code: "DEBIAN_FETCH",
					summary: expect.stringContaining("redirected"),
				},
			);
		}
		await fetchBlob(store, wanted("moved"), quick);
		expect(await stored()).toBe(true);
	});

	test("an abort ends it at once, with its reason, and what came is kept", async () => {
		const { server, store, wanted, partial } = await setUp();
		const abort = new AbortController();
		const reason = new Error("enough");
		server.misbehave = (_path, _request, response, bytes) => {
			response.writeHead(200, { "content-length": content.length });
			response.write(bytes?.subarray(0, 1000), () => setTimeout(() => abort.abort(reason), 20));
			return true;
		};
		await expect(fetchBlob(store, wanted("file"), { ...quick, signal: abort.signal })).rejects.toBe(
			reason,
		);
		expect(await partial()).toEqual([`${sha256(content)}.free`]);
		await expect(fetchBlob(store, wanted("file"), { ...quick, signal: abort.signal })).rejects.toBe(
			reason,
		);
	});

	test("several at once agree on one file", async () => {
		const { store, wanted, stored, partial } = await setUp();
		await Promise.all(Array.from({ length: 5 }, () => fetchBlob(store, wanted("file"), quick)));
		expect(await stored()).toBe(true);
		expect(await partial()).toEqual([]);
	});

	test("a blob that rotted in the cache is fetched again", async () => {
		const { server, store, wanted, stored } = await setUp();
		await fetchBlob(store, wanted("file"), quick);
		await writeFile(store.path(sha256(content)), Buffer.alloc(content.length));
		expect(await fetchBlob(store, wanted("file"), quick)).toBe(false);
		expect(await stored()).toBe(true);
		expect(server.requests).toEqual(["file", "file"]);
	});

	test("a folder is a mirror, too", async () => {
		const { store, wanted, stored } = await setUp();
		const folder = await scratch();
		await writeFile(join(folder, "a file"), content);
		const urls = [pathToFileURL(join(folder, "none")), pathToFileURL(join(folder, "a file"))];
		await fetchBlob(store, { ...wanted(), urls }, quick);
		expect(await stored()).toBe(true);
	});
});

describe("small files of unknown digest", () => {
	test("are asked for only if they changed", async () => {
		const { server } = await setUp();
		const url = new URL("file", server.url);
		const first = await fetchSmall(url, 1 << 20, undefined, quick);
		expect(Buffer.from(first?.bytes ?? []).equals(content)).toBe(true);
		expect(Date.parse(first?.lastModified ?? "")).toBe(now - 3600_000);
		expect(await fetchSmall(url, 1 << 20, first?.lastModified, quick)).toBeUndefined();
	});

	test("are refused above the cap, whatever the length says", async () => {
		const { server } = await setUp();
		const url = new URL("file", server.url);
		await expect(fetchSmall(url, 1000, undefined, quick)).rejects.toMatchObject({
			code: "DEBIAN_SIZE",
		});
		server.misbehave = (_path, _request, response) => {
			response.write(content);
			response.end(content);
			return true;
		};
		await expect(fetchSmall(url, 1000, undefined, quick)).rejects.toMatchObject({
			code: "DEBIAN_SIZE",
		});
	});
});

describe("many at once", () => {
	test("keep their order and stay within the width", async () => {
		let running = 0;
		let most = 0;
		const items = Array.from({ length: 20 }, (_, at) => at);
		const results = await inParallel(items, 3, undefined, async (item) => {
			running += 1;
			most = Math.max(most, running);
			await sleep(item % 3);
			running -= 1;
			return item * 2;
		});
		expect(results).toEqual(items.map((item) => item * 2));
		expect(most).toBe(3);
	});

	test("the first failure stops the others and is the one thrown", async () => {
		const started: number[] = [];
		const work = async (item: number, signal: AbortSignal) => {
			started.push(item);
			if (item === 1) throw new Error("one");
			await sleep(10_000, undefined, { signal });
		};
		await expect(inParallel([0, 1, 2, 3], 2, undefined, work)).rejects.toThrow("one");
		expect(started).toEqual([0, 1]);
	});
});

describe("proxies", () => {
	const of = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env)?.href;

	test("by scheme, from the variables that curl and apt know", () => {
		expect(of("http://a.example/", { http_proxy: "http://p:3128" })).toBe("http://p:3128/");
		expect(of("https://a.example/", { http_proxy: "http://p:3128" })).toBeUndefined();
		expect(of("https://a.example/", { HTTPS_PROXY: "p:3128" })).toBe("http://p:3128/");
		expect(of("http://a.example/", { HTTP_PROXY: "http://p:3128" })).toBeUndefined();
		expect(of("http://a.example/", { all_proxy: "http://p" })).toBe("http://p/");
	});

	test.each([
		["a.example", true],
		[".example", true],
		["other, a.example", true],
		["*", true],
		["b.a.example", false],
		["ample", false],
		["", false],
	])("no_proxy %j spares a.example: %s", (no_proxy, spared) => {
		const proxy = of("http://a.example/", { http_proxy: "http://p", no_proxy });
		expect(proxy === undefined).toBe(spared);
	});

	test("is asked for the whole URL, with its credentials and the mirror's", async () => {
		const { store, wanted, stored } = await setUp();
		const asked: unknown[] = [];
		const proxy = createServer((request, response) => {
			asked.push([
				request.url,
				request.headers.host,
				request.headers["proxy-authorization"],
				request.headers.authorization,
			]);
			response.end(content);
		});
		await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
		onTestFinished(() => {
			proxy.closeAllConnections();
			proxy.close();
		});
		const { port } = proxy.address() as AddressInfo;
		const urls = [new URL("http://you:50%too@mirror.example:8080/file")];
		const env = { http_proxy: `http://me:p%40ss@127.0.0.1:${port}` };
		await fetchBlob(store, { ...wanted(), urls }, { ...quick, env });
		expect(await stored()).toBe(true);
		const basic = `Basic ${Buffer.from("me:p@ss").toString("base64")}`;
		const too = `Basic ${Buffer.from("you:50%too").toString("base64")}`;
		expect(asked).toEqual([["http://mirror.example:8080/file", "mirror.example:8080", basic, too]]);
	});

	test("a server that is silent behind a tunnel is given up", async () => {
		const { store, wanted } = await setUp();
		const proxy = createServer();
		const sockets: Duplex[] = [];
		proxy.on("connect", (_request, socket) => {
			sockets.push(socket);
			socket.on("error", () => {});
			socket.write("HTTP/1.1 200 OK\r\n\r\n");
		});
		await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
		onTestFinished(() => {
			for (const socket of sockets) socket.destroy();
			proxy.close();
		});
		const { port } = proxy.address() as AddressInfo;
		const env = { https_proxy: `http://127.0.0.1:${port}` };
		const urls = [new URL("https://mirror.example/file")];
		await expect(
			fetchBlob(store, { ...wanted(), urls }, { ...quick, attempts: 1, idle: 30, env }),
		).rejects.toMatchObject({ code: "DEBIAN_FETCH", details: { found: "no byte came for 30 ms" } });
	});

	test("tunnels https, and tells of a refusal without the password", async () => {
		const { store, wanted } = await setUp();
		const asked: unknown[] = [];
		const proxy = createServer();
		proxy.on("connect", (request, socket) => {
			asked.push(request.url);
			socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
		});
		await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
		onTestFinished(() => void proxy.close());
		const { port } = proxy.address() as AddressInfo;
		const env = { https_proxy: `http://me:secret@127.0.0.1:${port}` };
		const urls = [new URL("https://mirror.example/file")];
		const attempt = fetchBlob(store, { ...wanted(), urls }, { ...quick, attempts: 1, env });
		await expect(attempt).rejects.toMatchObject({
			code: "DEBIAN_FETCH",
			details: { field: `proxy 127.0.0.1:${port}` },
		});
		await expect(attempt).rejects.not.toThrow(/secret/);
		expect(asked).toEqual(["mirror.example:443"]);
	});
});
