import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bytesSource, type ConnectOptions, connect, type Prompt } from "../../src/ssh/index.ts";
import { operator } from "./sshd.ts";
import { codeOf } from "./support.ts";

const hostKey = ssh2.utils.generateKeyPairSync("ed25519").private;

/** A server that does as it is told, and else says nothing. */
let server: ssh2.Server;
let place: string;
let target: string;
let clients: ssh2.Connection[];

async function serve(each: (client: ssh2.Connection) => void): Promise<void> {
	server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
		clients.push(client);
		client.on("error", () => {});
		each(client);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const address = server.address();
	target = `127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

const options = (more: ConnectOptions = {}): ConnectOptions => ({
	transport: "ssh2",
	machine: operator(join(place, "home")),
	configFile: "none",
	settings: ["IdentityAgent=none"],
	expectHostKey: "any",
	...more,
});

/** Lets in whoever comes. */
const welcome = (client: ssh2.Connection) =>
	client.on("authentication", (attempt) => attempt.accept());

beforeEach(() => {
	place = mkdtempSync(join(tmpdir(), "ekexec-silent-"));
	clients = [];
});
afterEach(async () => {
	for (const client of clients) client.end();
	await new Promise((resolve) => server.close(resolve));
	rmSync(place, { recursive: true, force: true });
});

describe("a server that opens no session", () => {
	test("does not keep an abort waiting", async () => {
		let asked: () => void = () => {};
		const opening = new Promise<void>((resolve) => {
			asked = resolve;
		});
		await serve((client) => welcome(client).on("session", () => asked()));
		const connection = await connect(target, options());
		const abort = new AbortController();
		const code = codeOf(connection.exec(["id"], { signal: abort.signal }));
		await opening;
		abort.abort();
		expect(await code).toBe("SSH_ABORTED");
		await connection.close();
	});
});

test("a server whose sftp does not answer does not keep an abort waiting", async () => {
	const abort = new AbortController();
	await serve((client) =>
		welcome(client).on("session", (accept) => {
			accept().on("sftp", (open) => {
				// Whoever reads a file's state from a disk that hangs.
				open().on("LSTAT", () => abort.abort());
			});
		}),
	);
	const connection = await connect(target, options());
	const upload = connection.upload(bytesSource(Buffer.alloc(9)), "/x", { signal: abort.signal });
	expect(await codeOf(upload)).toBe("SSH_ABORTED");
	await connection.close();
});

test("a question ends with its login: no terminal is left waiting for an answer", async () => {
	await serve((client) => {
		client.on("authentication", (attempt) => attempt.reject(["password"]));
	});
	let over: string | undefined;
	const prompt: Prompt = {
		possible: true,
		ask: (_question, { signal } = {}) =>
			new Promise((_, reject) => {
				signal?.addEventListener("abort", () => {
					over = "over";
					reject(new Error("over"));
				});
				for (const client of clients) client.end();
			}),
	};
	const settings = ["IdentityAgent=none", "StrictHostKeyChecking=no", "UserKnownHostsFile=none"];
	const { expectHostKey: _, ...known } = options({ prompt, settings });
	expect(await codeOf(connect(target, known))).toBe("SSH_LOST");
	expect(over).toBe("over");
});
