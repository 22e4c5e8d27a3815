import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer as createProxy } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, connect, type Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { missing } from "../support/programs.ts";
import { scratch } from "./mini.ts";

const lacking = missing("openssl");
const child = fileURLToPath(new URL("./https.child.ts", import.meta.url));

async function listen(server: Server): Promise<number> {
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => void server.close());
	return (server.address() as AddressInfo).port;
}

/** A server of its own certificate for the name `localhost`, and how to fetch from it. */
async function setUp() {
	const folder = await scratch();
	const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
	const words =
		"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost";
	execFileSync(
		"openssl",
		[...words.split(" "), "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
		{ stdio: "ignore" },
	);
	const port = await listen(
		createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
			if (request.url === "/stall") response.write("half");
			else response.end(`served ${request.url} of ${request.headers.host}`);
		}),
	);
	const fetched = (env: Record<string, string>, path = "x", ...idle: string[]) =>
		promisify(execFile)(
			process.execPath,
			["--import", "tsx", child, `https://localhost:${port}/${path}`, ...idle],
			{
				env: { PATH: process.env.PATH ?? "", ...env },
				timeout: 30_000,
			},
		);
	return { port, cert, fetched };
}

describe.skipIf(lacking)(`https ${lacking}`, () => {
	test("of a certificate that is trusted, and of no other", async () => {
		const { port, cert, fetched } = await setUp();
		const { stdout } = await fetched({ NODE_EXTRA_CA_CERTS: cert });
		expect(stdout).toBe(`200 served /x of localhost:${port}\n`);
		await expect(fetched({})).rejects.toThrow(/DEBIAN_FETCH/);
	});

	test("through a proxy, which sees no more than the name; the certificate counts there as well", async () => {
		const { port, cert, fetched } = await setUp();
		const asked: (string | undefined)[] = [];
		const proxy = createProxy();
		proxy.on("connect", (request, socket) => {
			asked.push(request.url, request.headers["proxy-authorization"]);
			const target = connect(port, "127.0.0.1", () => {
				socket.write("HTTP/1.1 200 OK\r\n\r\n");
				target.pipe(socket).pipe(target);
			});
			target.on("error", () => socket.destroy());
			socket.on("error", () => target.destroy());
		});
		const https_proxy = `http://me:secret@127.0.0.1:${await listen(proxy)}`;
		const { stdout } = await fetched({ NODE_EXTRA_CA_CERTS: cert, https_proxy });
		expect(stdout).toBe(`200 served /x of localhost:${port}\n`);
		const basic = `Basic ${Buffer.from("me:secret").toString("base64")}`;
		expect(asked).toEqual([`localhost:${port}`, basic]);
		await expect(fetched({ https_proxy })).rejects.toThrow(/DEBIAN_FETCH/);
		const silent = fetched({ NODE_EXTRA_CA_CERTS: cert, https_proxy }, "stall", "200");
		await expect(silent).rejects.toThrow(/no byte came for 200 ms/);
	});
});
