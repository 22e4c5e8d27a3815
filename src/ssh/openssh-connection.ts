import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentKeys } from "./agent.ts";
import { startAskpass } from "./askpass.ts";
import type {
	AuthenticatedBy,
	Channel,
	Connection,
	ExecOptions,
	PublicKey,
	Uploaded,
	UploadOptions,
	UploadSource,
} from "./connection.ts";
import { aborted, sshError, throwIfAborted } from "./error.ts";
import { parseKnownHosts } from "./known-hosts.ts";
import type { SshOptions } from "./options.ts";
import { parsePrivateKey } from "./private-key.ts";
import type { Prompt } from "./prompt.ts";
import { parsePublicLine } from "./public-key.ts";
import { run } from "./run.ts";
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
	readonly expectHostKey: PublicKey | undefined;
	readonly signal: AbortSignal | undefined;
	readonly log: (message: string) => void;
	/** The ssh to run; a name is looked up in PATH. */
	readonly program: string;
}

/** Lines of ssh -v that tell what happened; they have been the same since OpenSSH 7. */
const hostKeyLine = /^debug1: Server host (?:key|certificate): (\S+) (SHA256:\S+)/;
const acceptedLine = /^debug1: Server accepts key: (.*) \S+ (SHA256:\S+)(?: .*)?$/;
const methodLine =
	/^(?:debug1: )?Authenticat(?:ed to .* using "([a-z-]+)"|ion succeeded \(([a-z-]+)\))/;

const partLine = /^(?:debug1: )?Authenticated using "publickey" with partial success/;

/** What the -v lines of one login said. The last word counts: those of jump hosts come before the target's. */
interface Heard {
	hostKey: { type: string; fingerprint: string } | undefined;
	accepted: { source: string; fingerprint: string } | undefined;
	method: string | undefined;
	/** Whether the server took the key and wanted more. */
	partly: boolean;
	/** The other lines, for errors. */
	readonly words: string[];
}

/** How long after its connection broke the master may still seem to run, in milliseconds. */
const masterEndsWithin = 200;

/** A login waits this long for the operator's answers and for the server, all in all. */
const loginWithin = 5 * 60_000;

/**
 * Logs in with the system's ssh: one master in a private folder that all commands share. The master runs cat(1),
 * whose input is a pipe of ours: when this process dies, by whatever signal, cat ends and with it the login.
 */
export async function openMaster(parts: MasterParts): Promise<OpenSshConnection> {
	const { options, signal, log } = parts;
	const where = `${options.user}@${options.host}:${options.port}`;
	throwIfAborted(signal, where);
	const folder = mkdtempSync(join(privateFolders(), "ek-"));
	const control = join(folder, "c");
	let fault: Error | undefined;
	const askpass = startAskpass(folder, parts.prompt, (error) => {
		fault ??= error;
	});
	const clean = () => {
		askpass.close();
		rmSync(folder, { recursive: true, force: true });
	};
	const heard: Heard = {
		hostKey: undefined,
		accepted: undefined,
		method: undefined,
		partly: false,
		words: [],
	};
	const args = [
		...["-v", "-M", "-S", control, "-T", "-a", "-x", "-e", "none"],
		...settings(parts, folder),
		...parts.flags,
		"--",
		options.originalHost,
		"cat",
	];
	const master = spawn(parts.program, args, {
		env: { ...parts.env, ...askpass.env },
		stdio: ["pipe", "pipe", "pipe"],
		// Ctrl-C is for this process, which then still needs the login to undo things.
		detached: true,
	});
	const nonce = `ekexec-${randomBytes(16).toString("hex")}`;
	return new Promise((resolve, reject) => {
		let settled = false;
		const settle = () => {
			settled = true;
			clearTimeout(timer);
			signal?.removeEventListener("abort", stop);
		};
		const fail = (error: Error) => {
			if (settled) return;
			settle();
			master.kill();
			clean();
			reject(error);
		};
		const stop = () => fail(aborted(where, signal));
		const timer = setTimeout(
			() => fail(sshError("SSH_DEADLINE", "no login", { where, found: lastWords(heard) })),
			loginWithin,
		);
		signal?.addEventListener("abort", stop, { once: true });
		master.on("error", (cause) =>
			fail(
				sshError("SSH_UNSUPPORTED", "the system's ssh cannot be run", {
					where: parts.program,
					remedy: "Install the OpenSSH client, or use --transport ssh2",
					cause,
				}),
			),
		);
		master.stdin.on("error", () => {});
		master.stderr.setEncoding("utf8");
		const lines = lineSplitter((line) => {
			log(`ssh: ${line}`);
			hear(heard, line);
		});
		master.stderr.on("data", lines);
		master.on("close", () => {
			if (!settled) fail(fault ?? explain(heard, where));
		});
		master.stdin.write(`${nonce}\n`);
		let output = "";
		master.stdout.setEncoding("latin1").on("data", (text: string) => {
			if (settled) return;
			// A login shell may greet before cat repeats the nonce.
			output = (output + text).slice(-64 * 1024);
			if (!output.includes(nonce)) return;
			if (heard.hostKey === undefined) {
				fail(sshError("SSH_HANDSHAKE", "ssh did not say which host key it saw", { where }));
				return;
			}
			settle();
			OpenSshConnection.make(parts, master, control, heard, clean).then(resolve, (error: Error) => {
				master.kill();
				clean();
				reject(error);
			});
		});
	});
}

/** A control socket's path has room for about 100 bytes, and its tokens and quotes mean something to ssh. */
function privateFolders(): string {
	const usual = tmpdir();
	return /^[A-Za-z0-9_./+-]{1,80}$/.test(usual) ? usual : "/tmp";
}

/** Settings in front of the operator's own: the first value wins. */
function settings(parts: MasterParts, folder: string): string[] {
	const { options, expectHostKey } = parts;
	const chosen: Record<string, string> = {
		ControlPersist: "no",
		ClearAllForwardings: "yes",
		PermitLocalCommand: "no",
		RemoteCommand: "none",
		RequestTTY: "no",
		ServerAliveInterval: String(options.serverAliveInterval),
		ServerAliveCountMax: String(options.serverAliveCountMax),
		ConnectTimeout: String(options.connectTimeout),
	};
	if (!parts.prompt.possible) chosen.BatchMode = "yes";
	if (expectHostKey !== undefined) {
		const file = join(folder, "known_hosts");
		const base64 = Buffer.from(expectHostKey.blob).toString("base64");
		writeFileSync(file, `* ${expectHostKey.type} ${base64}\n`, { mode: 0o600 });
		chosen.UserKnownHostsFile = file;
		chosen.GlobalKnownHostsFile = "/dev/null";
		chosen.StrictHostKeyChecking = "yes";
		chosen.UpdateHostKeys = "no";
		chosen.HostKeyAlgorithms =
			expectHostKey.type === "ssh-rsa" ? "rsa-sha2-512,rsa-sha2-256" : expectHostKey.type;
	}
	return Object.entries(chosen).flatMap(([word, value]) => ["-o", `${word}=${value}`]);
}

function hear(heard: Heard, line: string): void {
	const hostKey = hostKeyLine.exec(line);
	const accepted = acceptedLine.exec(line);
	const method = methodLine.exec(line);
	if (hostKey) {
		heard.hostKey = {
			type: (hostKey[1] ?? "").replace(/-cert-v01@openssh\.com$/, ""),
			fingerprint: hostKey[2] ?? "",
		};
		heard.accepted = undefined;
		heard.partly = false;
	} else if (accepted)
		heard.accepted = { source: accepted[1] ?? "", fingerprint: accepted[2] ?? "" };
	else if (method) heard.method = method[1] ?? method[2];
	else if (partLine.test(line)) heard.partly = true;
	else if (!line.startsWith("debug") && !line.startsWith("OpenSSH_") && line.trim() !== "") {
		heard.words.push(line.trim());
		if (heard.words.length > 20) heard.words.shift();
	}
}

function lastWords(heard: Heard): string | undefined {
	return heard.words.length === 0 ? undefined : heard.words.join(" ").slice(-1000);
}

/**
 * ssh has one exit code for everything. How far it came tells most of it apart; the rest only its (untranslated)
 * messages do.
 */
function explain(heard: Heard, where: string): Error {
	const found = lastWords(heard);
	const text = found ?? "";
	if (heard.method !== undefined) {
		return sshError("SSH_CHANNEL", "the server closed the login at once", { where, found });
	}
	if (/REMOTE HOST IDENTIFICATION HAS CHANGED|differs from the key/.test(text)) {
		return sshError("SSH_HOST_KEY_CHANGED", "the host key has changed", { where, found });
	}
	if (/REVOKED HOST KEY/.test(text)) {
		return sshError("SSH_HOST_KEY_REVOKED", "the host shows a revoked key", { where, found });
	}
	if (/Host key verification failed|host key is known/.test(text)) {
		return sshError("SSH_HOST_KEY_UNKNOWN", "the host key is not known", {
			where,
			found: [heard.hostKey?.type, heard.hostKey?.fingerprint, found].join(" "),
			remedy: "Log in once with ssh, or allow new hosts with -o StrictHostKeyChecking=accept-new",
		});
	}
	if (heard.hostKey !== undefined) {
		return sshError("SSH_AUTH", "the server takes none of the ways to log in", { where, found });
	}
	if (
		/Bad configuration option|bad configuration options|unsupported option|keyword .* extra arguments/i.test(
			text,
		)
	) {
		return sshError("SSH_CONFIG", "ssh does not take the configuration", { where, found });
	}
	if (/Unable to negotiate/.test(text)) {
		return sshError("SSH_HANDSHAKE", "key exchange failed", { where, found });
	}
	return sshError("SSH_UNREACHABLE", "no connection to the SSH port", { where, found });
}

function lineSplitter(give: (line: string) => void): (text: string) => void {
	let rest = "";
	return (text) => {
		const parts = (rest + text).split(/\r?\n/);
		rest = (parts.pop() ?? "").slice(-64 * 1024);
		for (const line of parts) give(line);
	};
}

/** A login through the system's ssh. */
export class OpenSshConnection implements Connection {
	readonly transport = "openssh";
	#hostKey: PublicKey | undefined;
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

	private constructor(
		parts: MasterParts,
		master: ChildProcess,
		control: string,
		by: AuthenticatedBy,
		heard: Heard,
		clean: () => void,
	) {
		const { user, host, port } = parts.options;
		this.#parts = parts;
		this.#master = master;
		this.#control = control;
		this.#where = `${user}@${host}:${port}`;
		this.login = { user, host, port };
		this.authenticatedBy = by;
		heard.words.length = 0;
		this.closed = new Promise((resolve) => {
			const over = () => {
				if (this.#over !== undefined) return;
				const found = lastWords(heard);
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
	static async make(
		parts: MasterParts,
		master: ChildProcess,
		control: string,
		heard: Heard,
		clean: () => void,
	): Promise<OpenSshConnection> {
		const shown = heard.hostKey ?? { type: "", fingerprint: "" };
		const known = hostKeyOf(parts, shown.fingerprint);
		const by = await loginKey(parts, heard);
		const connection = new OpenSshConnection(parts, master, control, by, heard, clean);
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
		const by =
			this.authenticatedBy.method === "publickey"
				? `${this.authenticatedBy.key.type} ${this.authenticatedBy.key.fingerprint}`
				: this.authenticatedBy.method;
		return `${this.#where}, host key ${this.hostKey.type} ${this.hostKey.fingerprint}, login by ${by}, transport openssh`;
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

async function loginKey(parts: MasterParts, heard: Heard): Promise<AuthenticatedBy> {
	const { accepted } = heard;
	const method = heard.partly ? "publickey" : heard.method;
	if (method === "password" || method === "keyboard-interactive" || method === "none")
		return { method };
	if (method !== "publickey" || accepted === undefined) return { method: "other" };
	const { identityAgent, identityFiles } = parts.options;
	const held = identityAgent === undefined ? [] : await agentKeys(identityAgent);
	const keys = [
		...[accepted.source, ...identityFiles].map((source) => ({ source, key: publicHalf(source) })),
		...held.map(({ key }) => ({ source: identityAgent ?? "", key })),
	];
	for (const { source, key } of keys) {
		if (key?.fingerprint === accepted.fingerprint) return { method, key, source };
	}
	return { method: "other" };
}

function publicHalf(path: string): PublicKey | undefined {
	const text = readQuietly(`${path}.pub`) ?? readQuietly(path);
	if (text === undefined) return undefined;
	return parsePublicLine(text.split("\n", 1)[0] ?? "")?.key ?? parsePrivateKey(text)?.key;
}

function readQuietly(path: string): string | undefined {
	try {
		return readFileSync(path, "latin1");
	} catch {
		return undefined;
	}
}

function hostKeyOf(parts: MasterParts, fingerprint: string): PublicKey | undefined {
	if (parts.expectHostKey?.fingerprint === fingerprint) return parts.expectHostKey;
	const { userKnownHostsFiles, globalKnownHostsFiles } = parts.options;
	for (const file of [...userKnownHostsFiles, ...globalKnownHostsFiles]) {
		for (const { key } of parseKnownHosts(readQuietly(file) ?? "", file)) {
			if (key.fingerprint === fingerprint) return key;
		}
	}
	return undefined;
}

async function hostKeyFromTarget(
	connection: Connection,
	fingerprint: string,
): Promise<PublicKey | undefined> {
	for (const type of ["ed25519", "ecdsa", "rsa"]) {
		const result = await run(connection, ["cat", `/etc/ssh/ssh_host_${type}_key.pub`], {
			limit: 64 * 1024,
		});
		const key = parsePublicLine(result.text)?.key;
		if (key?.fingerprint === fingerprint) return key;
	}
	return undefined;
}
