// A small Debian archive, made and signed in the test, and a server on the loopback that can misbehave.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { createCleartextMessage, generateKey, type PrivateKey, sign } from "openpgp";
import { onTestFinished } from "vitest";
import type { RepositoryOptions } from "../../src/debian/index.ts";
import { deb, sha256, type TarMember } from "./make.ts";

export const now: number = Date.parse("2030-01-10T12:00:00Z");
const hour = 3600_000;

/** A folder that is gone when the test is. */
export async function scratch(): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), "ekexec-debian-"));
	onTestFinished(() => rm(folder, { recursive: true, force: true }));
	return folder;
}

/** A package of the archive; fields as in a control file. */
export interface MiniPackage {
	readonly name: string;
	readonly version?: string;
	readonly arch?: string;
	readonly fields?: Readonly<Record<string, string>>;
	readonly files?: readonly TarMember[];
}

export interface MiniOptions {
	readonly suite?: string;
	readonly release?: Readonly<Record<string, string>>;
	readonly key?: PrivateKey;
	/** Compressions offered. */
	readonly suffixes?: readonly ("" | ".gz")[];
}

/** A key made 1000 hours before `now`; it expires after so many seconds, if told. */
export async function newKey(name = "archive", seconds?: number): Promise<PrivateKey> {
	const made = await generateKey({
		userIDs: [{ name }],
		type: "ecc",
		curve: "ed25519Legacy",
		date: new Date(now - 1000 * hour),
		format: "object",
		...(seconds === undefined ? {} : { keyExpirationTime: seconds }),
	});
	return made.privateKey;
}

/** An archive with these packages, served, and the options that open it, with a cache of its own. */
export async function archive(
	key: PrivateKey,
	packages: readonly MiniPackage[],
	mini: MiniOptions = {},
): Promise<{ server: MiniServer; tree: Tree; options: RepositoryOptions }> {
	const tree: Tree = new Map();
	await addSuite(tree, key, packages, mini);
	const server = await serve(tree);
	const folder = await scratch();
	const keyring = join(folder, "key.asc");
	await writeFile(keyring, key.toPublic().armor());
	const options: RepositoryOptions = {
		arch: "amd64",
		components: ["main"],
		mirror: server.url,
		keyrings: [keyring],
		cache: join(folder, "cache"),
		clock: () => now,
		env: {},
		pause: 1,
		attempts: 2,
	};
	return { server, tree, options };
}

/** All files of an archive by their paths. */
export type Tree = Map<string, Uint8Array>;

/** Adds packages and a signed suite to a tree. */
export async function addSuite(
	tree: Tree,
	key: PrivateKey,
	packages: readonly MiniPackage[],
	options: MiniOptions = {},
): Promise<void> {
	const suite = options.suite ?? "trixie";
	const stanzas: string[] = [];
	for (const { name, version = "1", arch = "amd64", fields = {}, files = [] } of packages) {
		const path = `pool/main/${name}_${version.replace(":", "%3a")}_${arch}.deb`;
		const bytes = await deb(files, `Package: ${name}\nVersion: ${version}\n`);
		tree.set(path, bytes);
		const all = {
			Package: name,
			Version: version,
			Architecture: arch,
			...fields,
			Filename: path,
			Size: String(bytes.length),
			SHA256: sha256(bytes),
			Description: "a package for tests",
		};
		stanzas.push(
			Object.entries(all)
				.map(([field, value]) => `${field}: ${value}\n`)
				.join(""),
		);
	}
	const list = Buffer.from(`${stanzas.join("\n")}\n`);
	const base = "main/binary-amd64/Packages";
	const lines: string[] = [];
	const offered = new Map([
		["", list],
		[".gz", gzipSync(list)],
	]);
	for (const [suffix, bytes] of offered) {
		lines.push(` ${sha256(bytes)} ${bytes.length} ${base}${suffix}`);
		if (suffix !== "" && !(options.suffixes ?? ["", ".gz"]).includes(".gz")) continue;
		tree.set(`dists/${suite}/${base}${suffix}`, bytes);
		tree.set(`dists/${suite}/main/binary-amd64/by-hash/SHA256/${sha256(bytes)}`, bytes);
	}
	const release = {
		Origin: "Test",
		Label: "Test",
		Suite: "stable",
		Codename: suite,
		Date: new Date(now - hour).toUTCString().replace("GMT", "UTC"),
		"Valid-Until": new Date(now + hour).toUTCString().replace("GMT", "UTC"),
		"Acquire-By-Hash": "yes",
		Architectures: "all amd64",
		"No-Support-for-Architecture-all": "Packages",
		Components: "main",
		...options.release,
	};
	const head = Object.entries(release).map(([field, value]) => `${field}: ${value}\n`);
	tree.set(
		`dists/${suite}/InRelease`,
		await clearsign(`${head.join("")}SHA256:\n${lines.join("\n")}\n`, options.key ?? key),
	);
}

export async function clearsign(text: string, key: PrivateKey): Promise<Uint8Array> {
	const message = await createCleartextMessage({ text });
	const date = new Date(now - 2 * hour);
	return Buffer.from(await sign({ message, signingKeys: key, date }));
}

/** What a server does with one request instead of answering properly; undefined lets it answer. */
export type Misbehave = (
	path: string,
	request: IncomingMessage,
	response: ServerResponse,
	content: Uint8Array | undefined,
) => boolean;

export interface MiniServer {
	readonly url: string;
	/** Paths asked for, each with its Range if it had one. */
	readonly requests: string[];
	misbehave: Misbehave;
	readonly tree: Tree;
}

/** Serves a tree on the loopback, with ranges and Last-Modified. */
export async function serve(tree: Tree): Promise<MiniServer> {
	const requests: string[] = [];
	const server = createServer((request, response) => {
		const path = decodeURIComponent((request.url ?? "/").slice(1));
		requests.push(request.headers.range ? `${path} ${request.headers.range}` : path);
		const content = tree.get(path);
		if (mini.misbehave(path, request, response, content)) return;
		if (content === undefined) {
			response.writeHead(404).end("none\n");
			return;
		}
		const modified = new Date(now - hour).toUTCString();
		if (request.headers["if-modified-since"] === modified) {
			response.writeHead(304).end();
			return;
		}
		const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
		const length = content.length - start;
		if (start > 0) {
			const range = `bytes ${start}-${content.length - 1}/${content.length}`;
			response.writeHead(206, { "content-length": length, "content-range": range });
		} else response.writeHead(200, { "content-length": length, "last-modified": modified });
		response.end(content.subarray(start));
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => {
		server.closeAllConnections();
		server.close();
	});
	const { port } = server.address() as AddressInfo;
	const mini: MiniServer = {
		url: `http://127.0.0.1:${port}/`,
		requests,
		misbehave: () => false,
		tree,
	};
	return mini;
}
