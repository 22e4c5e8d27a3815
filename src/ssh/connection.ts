import type { Readable, Writable } from "node:stream";

/** A public key as the wire has it. */
export interface PublicKey {
	/** Name of the algorithm, the first string of the blob: `ssh-ed25519`, `ssh-rsa`, … */
	readonly type: string;
	/** RFC 4253, 6.6: what stands as base64 in known_hosts and authorized_keys. */
	readonly blob: Uint8Array;
	/** `SHA256:…` as ssh prints it: base64 without padding. */
	readonly fingerprint: string;
}

/** How the login was opened. */
export type AuthenticatedBy =
	| {
			readonly method: "publickey";
			/** The key that must open the rescue system, too. */
			readonly key: PublicKey;
			/** Key file, or the agent's socket. */
			readonly source: string;
	  }
	| { readonly method: "password" | "keyboard-interactive" | "none" | "other" };

/** How a command ended. Exactly one of the two is defined; neither if the server did not say. */
export interface Exit {
	readonly code: number | undefined;
	/** Name with SIG: `SIGTERM`. */
	readonly signal: string | undefined;
}

/** A command running on the target. Nothing on it waits for ever: a lost connection ends all of it. */
export interface Channel {
	/** Backpressure reaches from the remote process to `write()`; ending it sends end of file. */
	readonly stdin: Writable;
	/** Unread output stops the remote process; it is never buffered beyond the window (2 MiB). */
	readonly stdout: Readable;
	/** Talk of the command. What is not read beyond 256 KiB is dropped, so that it cannot block stdout. */
	readonly stderr: Readable;
	/** Settles once all output has arrived. Rejects with `SSH_LOST` if the connection broke before. */
	readonly exit: Promise<Exit>;
	/** Ends the command's channel. The server sends SIGHUP only where there is a terminal. */
	close(): void;
}

export interface ExecOptions {
	/** Closes the channel when it fires. */
	readonly signal?: AbortSignal;
	/**
	 * A terminal for programs that insist on one, in raw mode: bytes pass unchanged both ways; stderr comes
	 * on stdout, and ending stdin sends nothing. Not with the openssh transport (`SSH_UNSUPPORTED`).
	 */
	readonly pty?: boolean;
}

/** Whatever can run a command: a connection, or a connection with sudo before each command. */
export interface Executor {
	/**
	 * Runs a program. Words go through the login shell of the user, whichever it is, and are therefore refused
	 * (`SSH_WORD`) unless they hold only characters that no shell gives a meaning.
	 */
	exec(words: readonly string[], options?: ExecOptions): Promise<Channel>;
}

/** Bytes to send, readable from any offset so that a broken upload is taken up again. */
export interface UploadSource {
	/** Bytes in all. */
	readonly size: number;
	/** The bytes from `offset` on. Must yield exactly `size - offset` bytes. */
	read(offset: number): AsyncIterable<Uint8Array>;
}

export interface UploadProgress {
	/** Bytes that are on the target, those found there included. */
	readonly done: number;
	readonly size: number;
	/** Bytes that were there already when this upload began. */
	readonly resumed: number;
}

export interface UploadOptions {
	/** Permission bits of the finished file; 0o600 unless told. */
	readonly mode?: number;
	/** Keep what is there of an earlier attempt if its bytes are those of the source. Default true. */
	readonly resume?: boolean;
	readonly progress?: (progress: UploadProgress) => void;
	readonly signal?: AbortSignal;
	/**
	 * Whether to have the target read it back and compare. Default true; not worth its round trips for a program that
	 * says who it is as soon as it runs.
	 */
	readonly verify?: boolean;
	/** `auto`: sftp where the server has it, else a plain channel to dd(1). */
	readonly by?: "auto" | "sftp" | "channel";
}

export interface Uploaded {
	readonly size: number;
	/** Hex SHA-256 of the source. */
	readonly sha256: string;
	/** Whether the target computed the same digest; otherwise it only confirmed the size or that it took all bytes. */
	readonly verified: boolean;
	readonly resumed: number;
	readonly by: "sftp" | "channel";
}

/** One login on one target, by either transport. */
export interface Connection extends Executor {
	readonly transport: "ssh2" | "openssh";
	/** What was logged in to, after ssh_config. */
	readonly login: { readonly user: string; readonly host: string; readonly port: number };
	readonly hostKey: PublicKey;
	readonly authenticatedBy: AuthenticatedBy;
	/** Settles when the connection is over: undefined after `close()`, an error (`SSH_LOST`) otherwise. Never rejects. */
	readonly closed: Promise<Error | undefined>;
	/** Commands have to be run one after another: see {@link runsOneByOne}. */
	readonly oneByOne: boolean;
	/** One line for people: {@link describeLogin}. */
	describe(): string;
	/** Opens what uploads need while other things go on; without it, the first upload does so. Never fails. */
	warmUp(): void;
	/** Sends a file. Rejects with `SSH_LOST` when the connection broke: reconnect and call again to resume. */
	upload(source: UploadSource, path: string, options?: UploadOptions): Promise<Uploaded>;
	/** Ends the login and everything that runs on it. */
	close(): Promise<void>;
}

/**
 * Whether a server, by its software version (RFC 4253, 4.2), breaks the connection where commands start side by side.
 * dropbear does: when one command ends it takes all sessions that have no command yet for over, and dies of a failed
 * assertion once theirs is asked for (check_close() in common-channel.c; seen in 2022.83).
 */
export function runsOneByOne(software: string | undefined): boolean {
	return software?.startsWith("dropbear") === true;
}

/** Who logged in where, for errors: `root@host:22`. */
export function loginName({ login }: Pick<Connection, "login">): string {
	return `${login.user}@${login.host.includes(":") ? `[${login.host}]` : login.host}:${login.port}`;
}

/** One line for people: `root@host:22, host key ssh-ed25519 SHA256:…, login by ssh-ed25519 SHA256:…, transport ssh2`. */
export function describeLogin(
	connection: Pick<Connection, "login" | "hostKey" | "authenticatedBy" | "transport">,
): string {
	const { login, hostKey, authenticatedBy, transport } = connection;
	const by =
		authenticatedBy.method === "publickey"
			? `${authenticatedBy.key.type} ${authenticatedBy.key.fingerprint}`
			: authenticatedBy.method;
	return `${login.user}@${login.host}:${login.port}, host key ${hostKey.type} ${hostKey.fingerprint}, login by ${by}, transport ${transport}`;
}
