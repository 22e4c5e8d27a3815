import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
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
import { sshError, throwIfAborted } from "./error.ts";
import { hostKeyFromTarget, hostKeyOf, loginKey } from "./openssh-keys.ts";
import type { Heard } from "./openssh-talk.ts";
import type { SshOptions } from "./options.ts";
import type { Prompt } from "./prompt.ts";
import { boundedReader, boundedWriter, exitPromise, talkReader } from "./streams.ts";
import { upload } from "./upload.ts";
import { commandLine } from "./words.ts";

export interface MasterParts {
	/** What our own reading of ssh_config says; ssh reads it again itself. */
	readonly options: SshOptions;
	/** The operator's flags, as ssh takes them. */
	readonly flags: readonly string[];
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly prompt: Prompt;
	readonly expectHostKey: PublicKey | "any" | undefined;
	readonly signal: AbortSignal | undefined;
	readonly warn: (message: string) => void;
	readonly log: (message: string) => void;
	/** The ssh to run; a name is looked up in PATH. */
	readonly program: string;
}

/** A master that has logged in. */
export interface Started {
	readonly master: ChildProcess;
	/** Path of its socket. */
	readonly control: string;
	readonly facts: Heard;
	/** What it has said on standard error since. */
	readonly last: () => string | undefined;
	/** Removes its folder. */
	readonly clean: () => void;
}

/** How long after its connection broke the master may still seem to run on a busy machine, in milliseconds. */
const masterEndsWithin = 1000;

/** A login through the system's ssh. */
export class OpenSshConnection implements Connection {
	readonly transport = "openssh";
	#hostKey: PublicKey | undefined;
	readonly oneByOne: boolean;
	readonly authenticatedBy: AuthenticatedBy;
	readonly closed: Promise<Error | undefined>;
	readonly login: { readonly user: string; readonly host: string; readonly port: number };
	readonly #parts: MasterParts;
	readonly #control: string;
	readonly #master: ChildProcess;
	readonly #where: string;
	readonly #running: Set<ChildProcess> = new Set();
	#over: { readonly error: Error | undefined } | undefined;
	#closing = false;
	#count = 0;

	private constructor(parts: MasterParts, started: Started, by: AuthenticatedBy) {
		const { master, control, last, clean } = started;
		const { user, host, port } = parts.options;
		this.#parts = parts;
		this.#master = master;
		this.#control = control;
		this.#where = `${user}@${host}:${port}`;
		this.login = { user, host, port };
		this.authenticatedBy = by;
		this.oneByOne = runsOneByOne(started.facts.software);
		this.closed = new Promise((resolve) => {
			const over = () => {
				if (this.#over !== undefined) return;
				const found = last();
				this.#over = {
					error: this.#closing
						? undefined
						: sshError("SSH_LOST", "the connection was lost", { where: this.#where, found }),
				};
				for (const child of this.#running) child.kill();
				clean();
				resolve(this.#over.error);
			};
			if (master.exitCode !== null || master.signalCode !== null) over();
			else master.once("exit", over);
		});
	}

	/** Learns which keys were in use, from what ssh said and from what the operator's machine knows. */
	static async make(parts: MasterParts, started: Started): Promise<OpenSshConnection> {
		const { facts } = started;
		const { expectHostKey: expected } = parts;
		const shown = facts.hostKey ?? { type: "", fingerprint: "" };
		// Whatever made ssh take another one: before anything runs there.
		if (typeof expected === "object" && shown.fingerprint !== expected.fingerprint) {
			const { user, host, port } = parts.options;
			throw sshError("SSH_HOST_KEY_CHANGED", "another host key than before", {
				where: `${user}@${host}:${port}`,
				expected: `${expected.type} ${expected.fingerprint}`,
				found: `${shown.type} ${shown.fingerprint}`,
			});
		}
		const known = hostKeyOf(
			parts,
			shown.fingerprint,
			join(dirname(started.control), "known_hosts"),
		);
		const by = await loginKey(parts, facts);
		const connection = new OpenSshConnection(parts, started, by);
		// A key vouched for by a certificate stands in no file here, but its fingerprint was verified.
		connection.#hostKey = known ?? (await hostKeyFromTarget(connection, shown.fingerprint));
		if (connection.#hostKey === undefined) {
			await connection.close();
			throw sshError("SSH_HANDSHAKE", "the host key is known by its fingerprint only", {
				where: connection.#where,
				found: `${shown.type} ${shown.fingerprint}`,
				remedy: "Add the host's key to known_hosts",
			});
		}
		return connection;
	}

	get hostKey(): PublicKey {
		if (this.#hostKey === undefined) throw new Error("a login whose host key is not learnt yet");
		return this.#hostKey;
	}

	describe(): string {
		return describeLogin(this);
	}

	async exec(words: readonly string[], options: ExecOptions = {}): Promise<Channel> {
		const line = commandLine(words);
		throwIfAborted(options.signal, this.#where);
		if (options.pty) {
			throw sshError("SSH_UNSUPPORTED", "no raw terminal through the system's ssh", {
				where: this.#where,
				remedy: "Use --transport ssh2",
			});
		}
		if (this.#over !== undefined || this.#closing) {
			throw (
				this.#over?.error ??
				sshError("SSH_LOST", "the connection is closed", { where: this.#where })
			);
		}
		// Where the master takes no session, ssh would make a login of its own. Its way there is a command that
		// leaves a trace instead: only that tells a refusal from a command which returns 255 itself.
		const refused = `${this.#control}-${this.#count++}`;
		const child = spawn(
			this.#parts.program,
			[
				...["-F", "none", "-S", this.#control, "-T", "-a", "-x", "-e", "none"],
				...["-o", "ControlMaster=no", "-o", `ProxyCommand=mkdir '${refused}'`],
				...["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"],
				...["-o", "LogLevel=ERROR", "--", "target", line],
			],
			{ env: { ...this.#parts.env }, stdio: ["pipe", "pipe", "pipe"], detached: true },
		);
		return this.#wrap(child, line, refused, options.signal);
	}

	warmUp(): void {}

	upload(source: UploadSource, path: string, options: UploadOptions = {}): Promise<Uploaded> {
		return upload(
			{
				where: this.#where,
				executor: this,
				sftp: async () => undefined,
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
		for (const child of this.#running) child.kill();
		this.#master.stdin?.end();
		const timer = setTimeout(() => this.#master.kill(), 1000);
		await this.closed;
		clearTimeout(timer);
	}

	#wrap(
		child: ChildProcess,
		line: string,
		refused: string,
		signal: AbortSignal | undefined,
	): Channel {
		const { stdin, stdout, stderr } = child;
		if (stdin === null || stdout === null || stderr === null)
			throw new Error("pipes were asked for");
		this.#running.add(child);
		const exit = exitPromise();
		const lost = () =>
			this.#over?.error ??
			sshError("SSH_LOST", "the connection was closed", { where: this.#where });
		const isLost = () => this.#over !== undefined || this.#closing;
		const writer = boundedWriter(stdin);
		stdin.on("error", (error) => writer.destroy(error));
		const stop = () => void child.kill();
		const finish = () => {
			this.#running.delete(child);
			signal?.removeEventListener("abort", stop);
			writer.destroy();
		};
		child.once("error", (cause) => {
			finish();
			exit.reject(sshError("SSH_CHANNEL", "ssh cannot be run", { where: this.#where, cause }));
		});
		child.once("exit", (code, name) => {
			// 255 is also what a command may return; whether the login still stands tells the two apart, and
			// the master needs a moment to end when its connection breaks.
			const settle = () => {
				finish();
				if (unclear && isLost()) exit.reject(lost());
				else if (unclear && existsSync(refused)) {
					exit.reject(
						sshError("SSH_CHANNEL", "the server does not run the command", {
							where: this.#where,
							field: line.slice(0, 200),
							remedy: "Its sshd may allow fewer sessions on one connection (MaxSessions)",
						}),
					);
				} else exit.resolve({ code: code ?? undefined, signal: undefined });
			};
			const unclear = code === 255 || name !== null;
			if (unclear) setTimeout(settle, masterEndsWithin);
			else settle();
		});
		signal?.addEventListener("abort", stop, { once: true });
		if (signal?.aborted) stop();
		return {
			stdin: writer,
			stdout: boundedReader(stdout, () =>
				exit.promise.then(
					() => undefined,
					(error: Error) => error,
				),
			),
			stderr: talkReader(stderr),
			exit: exit.promise,
			close: stop,
		};
	}
}
