import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { debianError } from "./error.ts";

/** How requests are made. */
export interface TransportOptions {
	readonly signal?: AbortSignal | undefined;
	/** Where http_proxy, https_proxy, all_proxy and no_proxy are looked up; process.env by default. */
	readonly env?: Readonly<Record<string, string | undefined>> | undefined;
	/** Milliseconds without a byte after which a server counts as gone; 30,000 by default. */
	readonly idle?: number | undefined;
}

/** An answer of a server, or a file. Reading `body` to the end, or leaving its loop, releases everything. */
export interface Answer {
	/** 200 or 206 with content, or what the server said instead. A missing file is 404. */
	readonly status: number;
	/** Offset of the body's first byte; not 0 only with 206. */
	readonly start: number;
	/** Bytes that the body is said to hold. */
	readonly length: number | undefined;
	/** As HTTP dates it. */
	readonly lastModified: string | undefined;
	/** Seconds to wait before the next attempt, if the server said so. */
	readonly retryAfter: number | undefined;
	readonly body: AsyncIterable<Uint8Array>;
	/** Gives up on the body; not needed after reading it or leaving its loop. */
	close(): void;
}

const idleDefault = 30_000;
/** Bytes of an answer beside the point that are read, so that its connection can be used again. */
export const drainMax = 65_536;
/** Mirrors redirect once (to a delivery network), seldom twice. */
const redirectsMax = 5;
const agentOptions = { keepAlive: true, maxSockets: 16 };
const httpAgent = new HttpAgent(agentOptions);
const httpsAgent = new HttpsAgent(agentOptions);

/** Asks for a URL (http, https or file), from `offset` on. Throws only where no answer came at all. */
export async function get(
	url: URL,
	offset: number,
	headers: Readonly<Record<string, string>>,
	options: TransportOptions,
): Promise<Answer> {
	if (url.protocol === "file:") return getFile(url, offset);
	let at = url;
	for (let redirects = 0; ; redirects++) {
		const response = await exchange(at, offset, headers, options);
		const status = response.statusCode ?? 0;
		const location = response.headers.location;
		if (status < 300 || status === 304 || status >= 400 || location === undefined) {
			return answer(response, offset);
		}
		// A short body leaves the connection for the next request; what is long or has no end is not read.
		if (Number(response.headers["content-length"]) <= drainMax) response.resume();
		else response.destroy();
		const next = URL.canParse(location, at.href) ? new URL(location, at) : undefined;
		if (redirects === redirectsMax || !/^https?:$/.test(next?.protocol ?? "")) {
			throw debianError("failed", "DEBIAN_FETCH", "redirected to where nothing can be had", {
				where: showUrl(url),
				expected: `at most ${redirectsMax} redirections, to http or https`,
				found: location.slice(0, 300),
			});
		}
		at = next ?? at;
	}
}

function answer(response: IncomingMessage, offset: number): Answer {
	const { headers } = response;
	const range = /^bytes (\d+)-/.exec(headers["content-range"] ?? "")?.[1];
	const status = response.statusCode ?? 0;
	// A 206 for another range than asked for is useless: told as such, the caller starts over.
	const start = status === 206 ? Number(range ?? -1) : 0;
	const length = headers["content-length"];
	const after = headers["retry-after"];
	return {
		status: status === 206 && start !== offset ? 416 : status,
		start,
		length: length === undefined ? undefined : Number(length),
		lastModified: headers["last-modified"],
		retryAfter: after !== undefined && /^\d{1,6}$/.test(after) ? Number(after) : undefined,
		body: response,
		close: () => response.destroy(),
	};
}

async function getFile(url: URL, offset: number): Promise<Answer> {
	const path = fileURLToPath(url);
	const none = { start: 0, length: undefined, lastModified: undefined, retryAfter: undefined };
	const size = await stat(path).then(
		(found) => (found.isFile() ? found.size : undefined),
		(error: NodeJS.ErrnoException) => {
			if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
			throw debianError("failed", "DEBIAN_FETCH", "cannot be read", { where: path, cause: error });
		},
	);
	if (size === undefined) return { ...none, status: 404, body: nothing(), close() {} };
	const start = Math.min(offset, size);
	const body = createReadStream(path, { start });
	return {
		...none,
		status: start > 0 ? 206 : 200,
		start,
		length: size - start,
		body,
		close: () => body.destroy(),
	};
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function exchange(
	url: URL,
	offset: number,
	headers: Readonly<Record<string, string>>,
	options: TransportOptions,
): Promise<IncomingMessage> {
	const { signal, env = process.env, idle = idleDefault } = options;
	signal?.throwIfAborted();
	const proxy = proxyFor(url, env);
	const secure = url.protocol === "https:";
	const sent: Record<string, string> = {
		"user-agent": "ekexec",
		...headers,
		...(offset > 0 ? { range: `bytes=${offset}-` } : {}),
	};
	const common = { method: "GET", headers: sent, timeout: idle, ...(signal ? { signal } : {}) };
	return new Promise((resolve, reject) => {
		const fail = (cause: unknown) => {
			if (signal?.aborted) reject(signal.reason);
			else reject(unreachable(url, proxy, cause));
		};
		const send = (request: ReturnType<typeof requestHttp>) => {
			let answering: IncomingMessage | undefined;
			request.on("timeout", () => {
				// Once there is an answer, its reader is to be told why it ends.
				(answering ?? request).destroy(new Error(`no byte came for ${idle} ms`));
			});
			request.on("error", fail);
			request.on("response", (response) => {
				answering = response;
				resolve(response);
			});
			request.end();
		};
		if (proxy === undefined) {
			send(
				secure
					? requestHttps(url, { ...common, agent: httpsAgent })
					: requestHttp(url, { ...common, agent: httpAgent }),
			);
		} else if (!secure) {
			// RFC 9112, 3.2.2: a proxy is asked for the whole URL.
			const to = { host: bareHost(proxy), port: proxy.port || 80, path: showUrl(url) };
			sent.host = url.host;
			Object.assign(sent, credentials(proxy, "proxy-authorization"));
			Object.assign(sent, credentials(url, "authorization"));
			send(requestHttp({ ...common, ...to, agent: httpAgent }));
		} else {
			const host = `${url.hostname}:${url.port || 443}`;
			const tunnel = requestHttp({
				...common,
				method: "CONNECT",
				host: bareHost(proxy),
				port: proxy.port || 80,
				path: host,
				headers: { host, ...credentials(proxy, "proxy-authorization") },
			});
			tunnel.on("timeout", () => tunnel.destroy(new Error(`no byte came for ${idle} ms`)));
			tunnel.on("error", fail);
			tunnel.on("connect", (response, socket) => {
				if (response.statusCode !== 200) {
					socket.destroy();
					fail(new Error(`the proxy answered ${response.statusCode} to CONNECT`));
					return;
				}
				// Without an agent: with one, of which `false` makes a new one, createConnection is not asked. But it is
				// agents that see to the timeout of sockets.
				const createConnection = () =>
					connectTls({ socket, servername: bareHost(url) }).setTimeout(idle);
				send(requestHttps(url, { ...common, createConnection }));
			});
			tunnel.end();
		}
	});
}

function unreachable(url: URL, proxy: URL | undefined, cause: unknown): Error {
	return debianError("failed", "DEBIAN_FETCH", "no answer", {
		where: showUrl(url),
		found: cause instanceof Error ? cause.message : String(cause),
		...(proxy === undefined ? {} : { field: `proxy ${proxy.host}` }),
		cause,
	});
}

/** A URL as it may be shown: without the name and password that a private mirror may want. */
export function showUrl(url: URL): string {
	const bare = new URL(url);
	bare.username = "";
	bare.password = "";
	return bare.href;
}

function bareHost(url: URL): string {
	return url.hostname.replace(/^\[|\]$/g, "");
}

function credentials(url: URL, header: string): Record<string, string> {
	if (url.username === "") return {};
	const pair = `${decoded(url.username)}:${decoded(url.password)}`;
	return { [header]: `Basic ${Buffer.from(pair).toString("base64")}` };
}

/** What is not escaped as it should be (a password with a bare %) is taken as it stands. */
function decoded(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

/** The proxy that the environment names for a URL, by the customs of curl and apt. */
export function proxyFor(
	url: URL,
	env: Readonly<Record<string, string | undefined>>,
): URL | undefined {
	// HTTP_PROXY in capitals is left out as elsewhere: a CGI request can set it.
	const named =
		url.protocol === "https:"
			? (env.https_proxy ?? env.HTTPS_PROXY ?? env.all_proxy ?? env.ALL_PROXY)
			: (env.http_proxy ?? env.all_proxy ?? env.ALL_PROXY);
	if (named === undefined || named === "") return undefined;
	const host = bareHost(url).toLowerCase();
	for (const entry of (env.no_proxy ?? env.NO_PROXY ?? "").toLowerCase().split(/[\s,]+/)) {
		const suffix = entry.replace(/^\*?\./, "");
		if (entry === "*") return undefined;
		if (suffix !== "" && (host === suffix || host.endsWith(`.${suffix}`))) return undefined;
	}
	const text = named.includes("://") ? named : `http://${named}`;
	if (!URL.canParse(text) || new URL(text).protocol !== "http:") {
		throw debianError("usage", "DEBIAN_MIRROR", "this proxy cannot be used", {
			expected: "http://host:port in http_proxy or https_proxy",
		});
	}
	return new URL(text);
}
