import type { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2, { type ClientChannel } from "ssh2";
import { showBytes, utf8 } from "../bytes/index.ts";
import type { Algorithms } from "./algorithms.ts";
import type { Authentication } from "./auth.ts";
import type { Clock } from "./clock.ts";
import {
	type AuthenticatedBy,
	type Channel,
	type Connection,
	describeLogin,
	type ExecOptions,
	type PublicKey,
	runsOneByOne,
	type Uploaded,
	type UploadOptions,
	type UploadSource,
} from "./connection.ts";
import type { Line } from "./dial.ts";
import { aborted, said, sshError, throwIfAborted } from "./error.ts";
import type { HostKeyCheck } from "./host-key.ts";
import type { SshOptions } from "./options.ts";
import { publicKey } from "./public-key.ts";
import { rawTerminal } from "./raw-terminal.ts";
import { SharedSftp } from "./sftp.ts";
import { boundedReader, boundedWriter, exitPromise, talkReader } from "./streams.ts";
import { upload } from "./upload.ts";
import { commandLine } from "./words.ts";

export interface LoginParts {
	readonly options: SshOptions;
	readonly line: Line;
	readonly algorithms: Algorithms;
	readonly hostKeys: HostKeyCheck;
	/** Stopped by the prompts that check and authentication use. */
	readonly clock: Clock;
	readonly authentication: Authentication;
	readonly signal: AbortSignal | undefined;
	readonly log: (message: string) => void;
	/** Called once the connection is over: the hops below are then closed, too. */
	readonly release: () => void;
}

/** A server that says nothing for this long after a login or a command was sent is not going to (its own limit is 120 s). */
const answerWithin = 60_000;

/** Logs in with ssh2 over a line. Rejects with the coded reason; the line is then closed. */
export function login(parts: LoginParts): Promise<Ssh2Connection> {
	const { options, line, hostKeys, authentication, clock, signal } = parts;
	const where = `${options.user}@${options.host}:${options.port}`;
	const client = new ssh2.Client();
	return new Promise((resolve, reject) => {
		let settled = false;
		let hostKey: PublicKey | undefined;
		let software: string | undefined;
		let phase: "key exchange" | "authentication" = "key exchange";
		const wait = (ms: number) =>
			clock.start(ms, () => fail(sshError("SSH_DEADLINE", `no answer during ${phase}`, { where })));
		const settle = () => {
			settled = true;
			clock.stop();
			signal?.removeEventListener("abort", onAbort);
		};
		const fail = (error: Error) => {
			if (settled) return;
			settle();
			client.end();
			line.stream.destroy();
			parts.release();
			// A proxy that fails closes the line; only its own words tell why.
			void line.talk().then((found) => {
				const early = phase === "key exchange" && hostKey === undefined && found !== "";
				const code = (error as { code?: string }).code;
				reject(
					early && (code === "SSH_LOST" || code === "SSH_DEADLINE")
						? sshError("SSH_PROXY", "the ProxyCommand does not reach the host", { where, found })
						: error,
				);
			});
		};
		authentication.onBroken = fail;
		const onAbort = () => fail(aborted(where, signal));
		signal?.addEventListener("abort", onAbort, { once: true });
		if (signal?.aborted) {
			onAbort();
			return;
		}

		client.on("error", (error: Error & { level?: string; code?: unknown }) => {
			parts.log(`ssh2: ${error.level ?? "error"}: ${error.message}`);
			// A key that could not sign is one attempt that failed; the next one follows.
			if (error.level === "agent") {
				authentication.failure = error;
				return;
			}
			// Of a ProxyCommand whose question was broken off.
			fail(error.code === "SSH_ABORTED" ? error : explain(error, where, phase, authentication));
		});
		client.on("close", () =>
			fail(sshError("SSH_LOST", `the connection was closed during ${phase}`, { where })),
		);
		client.on("banner", (text: string) => parts.log(`banner: ${showBytes(utf8(text))}`));
		client.on("handshake", (negotiated) => {
			phase = "authentication";
			parts.log(`ssh2: ${negotiated.kex}, ${negotiated.serverHostKey}, ${negotiated.cs.cipher}`);
			wait(answerWithin);
		});
		client.on("ready", () => {
			if (settled) return;
			if (hostKey === undefined) {
				fail(sshError("SSH_HANDSHAKE", "the host key was never checked", { where }));
				return;
			}
			settle();
			const oneByOne = runsOneByOne(software);
			resolve(new Ssh2Connection(client, parts, hostKey, authentication.by, oneByOne));
		});
		wait(options.connectTimeout * 1000);
		client.connect({
			sock: line.stream,
			host: options.host,
			username: options.user,
			readyTimeout: 0,
			keepaliveInterval: options.serverAliveInterval * 1000,
			keepaliveCountMax: options.serverAliveCountMax,
			algorithms: parts.algorithms as ssh2.Algorithms,
			debug: (line) => {
				software ??= /^Remote ident: 'SSH-[\d.]+-([^' ]+)/.exec(line)?.[1];
				authentication.hear(line);
			},
			hostVerifier: (blob: Buffer, verify: (valid: boolean) => void) => {
				const key = publicKey(blob);
				if (key === undefined) {
					fail(sshError("SSH_HANDSHAKE", "the host key makes no sense", { where }));
					verify(false);
					return;
				}
				if (hostKey !== undefined) {
					// A new key exchange on the same connection: the same key, and no second question.
					verify(Buffer.compare(key.blob, hostKey.blob) === 0);
					return;
				}
				hostKeys.check(key).then(
					(proven) => {
						authentication.keysOnly = !proven;
						hostKey = key;
						verify(!settled);
					},
					(error: Error) => {
						fail(error);
						verify(false);
					},
				);
			},
			authHandler: (left, _partial, give) => {
				authentication.next(left).then(
					(attempt) => {
						if (settled) return;
						wait(answerWithin);
						(give as (attempt: unknown) => void)(attempt);
					},
					(error: Error) => fail(error),
				);
			},
		});
	});
}

/** Turns what ssh2 says into one of our codes, by its `level` (what it was doing), not by its text. */
function explain(
	error: Error & { level?: string; code?: unknown },
	where: string,
	phase: string,
	authentication: Authentication,
): Error {
	switch (error.level) {
		case "client-authentication":
			return sshError("SSH_AUTH", "the server takes none of the ways to log in", {
				where,
				found: [
					`tried ${authentication.tried.join(", ") || "nothing: no key and nobody to ask"}`,
					...(authentication.failure === undefined ? [] : [said(authentication.failure)]),
				].join("; "),
				remedy: "Name a key with -i, add it to the agent, or run it on a terminal to be asked",
				cause: authentication.failure ?? error,
			});
		case "handshake":
			return sshError("SSH_HANDSHAKE", "key exchange failed", {
				where,
				found: said(error),
				remedy: "If the server wants algorithms that ssh2 lacks: --transport openssh",
				cause: error,
			});
		case "client-timeout":
			return sshError("SSH_LOST", "the server stopped answering", { where, cause: error });
		default:
			return sshError("SSH_LOST", `the connection broke during ${phase}`, {
				where,
				found: said(error),
				...(phase === "authentication" && authentication.tried.length > 3
					? {
							remedy:
								"With many keys in the agent, name the right one: -i FILE -o IdentitiesOnly=yes",
						}
					: {}),
				cause: error,
			});
	}
}

/**
 * A server may allow one session at a time (MaxSessions), and gives it back a moment after its command has ended: how
 * often one that is refused is asked for, and the milliseconds between.
 */
const sessionAttempts = 10;
const sessionPause = 200;

/** Whether the server refused a session, as against the command in it. RFC 4254, 5.1 has reasons for the former only. */
function isFull(error: unknown): boolean {
	const { code, cause } = error as { code?: string; cause?: { reason?: unknown } };
	return code === "SSH_CHANNEL" && typeof cause?.reason === "number";
}

/** A login through ssh2. */
export class Ssh2Connection implements Connection {
	readonly transport = "ssh2";
	readonly hostKey: PublicKey;
	readonly oneByOne: boolean;
	readonly authenticatedBy: AuthenticatedBy;
	readonly closed: Promise<Error | undefined>;
	readonly login: { readonly user: string; readonly host: string; readonly port: number };
	readonly #client: ssh2.Client;
	readonly #line: Duplex;
	readonly #where: string;
	#over: { readonly error: Error | undefined } | undefined;
	#closing = false;
	/** That go on now. */
	#uploads = 0;
	#sftp: Promise<SharedSftp | undefined> | undefined;

	constructor(
		client: ssh2.Client,
		parts: LoginParts,
		hostKey: PublicKey,
		by: AuthenticatedBy,
		oneByOne: boolean,
	) {
		const { user, host, port } = parts.options;
		this.#client = client;
		this.#line = parts.line.stream;
		this.#where = `${user}@${host}:${port}`;
		this.login = { user, host, port };
		this.hostKey = hostKey;
		this.authenticatedBy = by;
		this.oneByOne = oneByOne;
		client.setNoDelay(true);
		// One listener a channel and an upload: their number has no fixed bound.
		client.setMaxListeners(0);
		this.closed = new Promise((resolve) => {
			let reason: unknown;
			client.on("error", (error) => {
				reason ??= error;
			});
			client.once("close", () => {
				this.#over = {
					error: this.#closing
						? undefined
						: sshError("SSH_LOST", "the connection was lost", {
								where: this.#where,
								...(reason === undefined ? {} : { found: said(reason), cause: reason }),
							}),
				};
				parts.release();
				resolve(this.#over.error);
			});
		});
	}

	describe(): string {
		return describeLogin(this);
	}

	async exec(words: readonly string[], options: ExecOptions = {}): Promise<Channel> {
		const line = commandLine(words);
		throwIfAborted(options.signal, this.#where);
		for (let attempt = 1; ; attempt++) {
			try {
				return await this.#start(line, options);
			} catch (error) {
				if (!isFull(error) || attempt === sessionAttempts) throw error;
				await this.#closeSftp();
				await sleep(sessionPause);
				throwIfAborted(options.signal, this.#where);
			}
		}
	}

	#start(line: string, options: ExecOptions): Promise<Channel> {
		this.#ensureOpen();
		const { signal } = options;
		return new Promise((resolve, reject) => {
			let settled = false;
			const settle = () => {
				settled = true;
				clearTimeout(timer);
				signal?.removeEventListener("abort", onAbort);
			};
			const giveUp = (error: Error) => {
				settle();
				reject(error);
			};
			const onAbort = () => giveUp(aborted(this.#where, signal));
			const late = { where: this.#where, field: line.slice(0, 200) };
			const timer = setTimeout(
				() => giveUp(sshError("SSH_DEADLINE", "the server does not start the command", late)),
				answerWithin,
			);
			signal?.addEventListener("abort", onAbort, { once: true });
			this.#client.exec(line, options.pty ? { pty: rawTerminal } : {}, (error, opened) => {
				if (settled) {
					opened?.close();
					return;
				}
				settle();
				// The exit code may lie in the packet behind the answer: whoever listens later misses it.
				if (error) reject(this.#channelFault(error, line));
				else resolve(this.#wrap(opened, signal));
			});
		});
	}

	/** A stream to a port as the target sees it: the next hop of a ProxyJump. */
	async forward(
		to: Pick<SshOptions, "host" | "port" | "connectTimeout">,
		signal: AbortSignal | undefined,
	): Promise<Duplex> {
		this.#ensureOpen();
		const where = `${this.#where} to ${to.host}:${to.port}`;
		return new Promise((resolve, reject) => {
			const stop = () => reject(aborted(where, signal));
			const timer = setTimeout(
				() => reject(sshError("SSH_UNREACHABLE", "the jump host gets no answer", { where })),
				to.connectTimeout * 1000,
			);
			signal?.addEventListener("abort", stop, { once: true });
			this.#client.forwardOut("127.0.0.1", 0, to.host, to.port, (error, channel) => {
				clearTimeout(timer);
				signal?.removeEventListener("abort", stop);
				if (error === undefined) resolve(channel);
				else {
					reject(
						sshError("SSH_UNREACHABLE", "the jump host cannot connect", {
							where,
							found: said(error),
							cause: error,
						}),
					);
				}
			});
		});
	}

	warmUp(): void {
		void this.#openSftp();
	}

	#openSftp(): Promise<SharedSftp | undefined> {
		this.#sftp ??= SharedSftp.open(this.#client);
		return this.#sftp;
	}

	/** Gives back the session that sftp takes. */
	async #closeSftp(): Promise<void> {
		const sftp = await this.#sftp;
		if (this.#uploads > 0) return;
		this.#sftp = undefined;
		sftp?.raw.end();
	}

	async upload(source: UploadSource, path: string, options: UploadOptions = {}): Promise<Uploaded> {
		this.#uploads += 1;
		try {
			return await this.#upload(source, path, options);
		} finally {
			this.#uploads -= 1;
		}
	}

	#upload(source: UploadSource, path: string, options: UploadOptions): Promise<Uploaded> {
		return upload(
			{
				where: this.#where,
				executor: this,
				sftp: () => this.#openSftp(),
				closed: this.closed,
			},
			source,
			path,
			options,
		);
	}

	async close(): Promise<void> {
		if (this.#over !== undefined) return;
		this.#closing = true;
		this.#client.end();
		// A dead line never says goodbye: do not wait for it.
		const timer = setTimeout(() => this.#line.destroy(), 2000);
		await this.closed;
		clearTimeout(timer);
	}

	#ensureOpen(): void {
		if (this.#over !== undefined || this.#closing) {
			throw (
				this.#over?.error ??
				sshError("SSH_LOST", "the connection is closed", { where: this.#where })
			);
		}
	}

	#channelFault(error: Error, line: string): Error {
		if (this.#over !== undefined) return this.#over.error ?? error;
		return sshError("SSH_CHANNEL", "the server does not run the command", {
			where: this.#where,
			field: line.slice(0, 200),
			found: said(error),
			cause: error,
		});
	}

	#wrap(channel: ClientChannel, signal: AbortSignal | undefined): Channel {
		const exit = exitPromise();
		let ended = false;
		// Without a word on how the command ended, the connection itself must have.
		const fault = () => (ended ? undefined : this.#over?.error);
		const stdin = boundedWriter(channel, this.#line);
		const stdout = boundedReader(channel, fault);
		const stderr = talkReader(channel.stderr);
		const finish = (error?: Error) => {
			signal?.removeEventListener("abort", stop);
			// Writes that wait for a window would wait for ever.
			stdin.destroy(error);
		};
		channel.once("exit", (code: number | null, name?: string) => {
			ended = true;
			finish();
			exit.resolve({ code: code ?? undefined, signal: name ?? undefined });
		});
		channel.once("close", () => {
			const error = fault();
			finish(error);
			if (error === undefined) exit.resolve({ code: undefined, signal: undefined });
			else exit.reject(error);
		});
		void this.closed.then((error) => {
			if (ended) return;
			const reason =
				error ?? sshError("SSH_LOST", "the connection was closed", { where: this.#where });
			finish(reason);
			exit.reject(reason);
			stdout.destroy(reason);
		});
		const stop = () => channel.close();
		signal?.addEventListener("abort", stop, { once: true });
		if (signal?.aborted) stop();
		return { stdin, stdout, stderr, exit: exit.promise, close: stop };
	}
}
